#!/bin/sh
# Writes requirements/*.txt: exact versions with the hashes of every platform's files, and no address of any index.
# One resolution rules all: what one file pins, those after it take as it is.
# Use: requirements/lock.sh UV [--upgrade]
set -eu
cd "$(dirname "$0")/.."
uv=$1
shift

lock() { # lock FILE ARGUMENTS…
    out=requirements/$1
    shift
    # Without configuration files and find-links of this machine: a lock must not know where it was made.
    env -u UV_FIND_LINKS -u UV_INDEX -u UV_EXTRA_INDEX_URL "$uv" --no-config pip compile --quiet --universal \
        --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
        --output-file "$out" "$@"
    printf '  %s: %s packages\n' "$out" "$(grep -c '==' "$out")"
}

lock runtime.txt --extra gateway --extra server --extra simulators "$@" pyproject.toml
lock gateway.txt --extra gateway -c requirements/runtime.txt "$@" pyproject.toml
lock server.txt --extra server -c requirements/runtime.txt "$@" pyproject.toml
taken="-c requirements/runtime.txt"
for group in build test check node lock; do
    # shellcheck disable=SC2086  # several arguments
    lock "$group.txt" --group "$group" $taken "$@"
    taken="$taken -c requirements/$group.txt"
done
