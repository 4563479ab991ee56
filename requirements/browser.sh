#!/bin/sh
# Sees to a Chromium for the console's tests; without one they are skipped, and say so.
# Use: requirements/browser.sh FOLDER
set -eu
venv=$1
find='from tests.support.needs import find_chromium as f; import sys; p = f(); print(p or ""); sys.exit(p is None)'

if "$venv/bin/python" -c "$find" >/dev/null; then
    exit 0
fi
printf 'No Chromium here; fetching one for the tests of the console … '
# Python's own time limit: `timeout` is missing on macOS.
if "$venv/bin/python" -c '
import subprocess, sys
command = [sys.executable, "-m", "playwright", "install", "chromium"]
try:
    sys.exit(subprocess.run(command, timeout=180, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode)
except subprocess.TimeoutExpired:
    sys.exit(1)
'; then
    echo done
else
    echo "that failed: tests that need it are skipped."
    echo "Install your system's chromium, then: rm $venv/.browser && make test"
fi
