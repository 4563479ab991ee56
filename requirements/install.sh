#!/bin/sh
# Installs exactly what the locked files say, quietly; what went wrong is shown when something does.
# Use: requirements/install.sh FOLDER WHAT FILE…       or, for this project itself:  … FOLDER WHAT --project
set -eu
venv=$1
what=$2
shift 2
log=$venv/install.log
here=$(pwd -P)
# The build of the console calls npm; where there is none, the one from requirements/node.txt is found here.
PATH=$here/$venv/bin:$PATH
export PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

pip_install() {
    if ! "$venv/bin/python" -m pip install "$@" >>"$log" 2>&1; then
        echo >&2
        tail -n 25 "$log" >&2
        echo "Installing failed; the lines above are from $log. Is this machine on the network?" >&2
        exit 1
    fi
}

npm_is_usable() {
    major=$(npm --version 2>/dev/null | cut -d. -f1) && [ "${major:-0}" -ge 7 ]
}

printf '%s … ' "$what"
start=$(date +%s)
: >"$log"
if [ "$1" = --project ]; then
    npm_is_usable || pip_install --require-hashes --no-deps -r requirements/node.txt
    pip_install --no-build-isolation --no-deps --editable .
else
    for file in "$@"; do
        pip_install --require-hashes --no-deps -r "requirements/$file.txt"
    done
fi
echo "$(($(date +%s) - start)) s"
