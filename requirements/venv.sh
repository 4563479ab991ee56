#!/bin/sh
# Makes the virtual environment of this clone with the first Python of 3.11 or newer that can.
# Use: requirements/venv.sh FOLDER     (PYTHON=/path/to/python chooses one)
set -eu
venv=$1

works() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

finish() { # The stamp names the folder: an environment that was moved no longer works.
    pwd -P >"$venv/.python"
    exit 0
}

# An environment that somebody made by hand is taken as it is.
if [ ! -e "$venv/.python" ] && works "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    finish
fi

without_venv=
for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    works "$python" || continue
    if ! has_venv "$python"; then
        without_venv=${without_venv:-$python}
        continue
    fi
    rm -rf "$venv"
    echo "Making $venv with $("$python" --version) …"
    "$python" -m venv "$venv"
    finish
done

if [ -n "$without_venv" ]; then
    echo "$without_venv ($("$without_venv" --version)) cannot make virtual environments here." >&2
    echo "On Debian and Ubuntu:  sudo apt install python3-venv" >&2
elif [ -n "${PYTHON:-}" ]; then
    echo "PYTHON=$PYTHON is not a Python of 3.11 or newer." >&2
else
    echo "Anhu needs Python 3.11 or newer, and none was found on PATH." >&2
    echo "Install one, or say where it is:  make PYTHON=/path/to/python3 …" >&2
fi
exit 1
