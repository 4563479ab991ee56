"""What a test needs of the machine: missing means skipped with the reason; where CI=true it means failed.

Must never let a test pass that did not run.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

_SYSTEM = (Path("/usr/sbin"), Path("/usr/local/sbin"), Path("/opt/homebrew/sbin"), Path("/usr/local/bin"))
"""Where daemons live that an ordinary user's PATH leaves out."""

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_CHROMIUM_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def on_ci() -> bool:
    """On the machine that decides what lands everything must be there."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def missing(reason: str) -> NoReturn:
    """Ends the test: `reason` names what is missing and how to get it."""
    if on_ci():
        pytest.fail(f"missing on CI, where nothing may be: {reason}", pytrace=False)
    pytest.skip(f"missing: {reason}")


def find_program(name: str, folders: Iterable[Path] = ()) -> Path | None:
    """The program of that name: PATH first, then `folders`, then where daemons live."""
    if found := shutil.which(name):
        return Path(found)
    return next((f / name for f in (*folders, *_SYSTEM) if os.access(f / name, os.X_OK)), None)


def find_chromium() -> Path | None:
    """An installed Chromium or Chrome, or the one that Playwright downloaded."""
    for name in _CHROMIUM:
        if found := shutil.which(name):
            return Path(found)
    if _CHROMIUM_MAC.exists():
        return _CHROMIUM_MAC
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", "") or _playwright_cache())
    patterns = ("chromium-*/chrome-linux*/chrome", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*")
    found_there = [p for pattern in patterns for p in sorted(cache.glob(pattern), reverse=True)]
    return found_there[0] if found_there else None


def _playwright_cache() -> Path:
    mac = Path.home() / "Library/Caches/ms-playwright"
    return mac if mac.exists() else Path.home() / ".cache/ms-playwright"


@cache
def driver_problem() -> str | None:
    """Why Playwright's driver cannot start here, which brings its own Node.js; None when it can."""
    from playwright._impl._driver import compute_driver_executable

    try:
        done = subprocess.run(
            [*compute_driver_executable(), "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip().rpartition("/node: ")[2] or "it says nothing" if done.returncode else None


def chromium() -> Path:
    """An installed Chromium that Playwright can drive; ends the test where there is none."""
    if problem := driver_problem():
        missing(f"Playwright's driver does not start: {problem} (on Debian, perhaps: apt install libatomic1)")
    return find_chromium() or missing("Chromium (install your system's chromium, or: playwright install chromium)")


def mosquitto() -> Path:
    """An installed Mosquitto; ends the test where there is none."""
    return find_program("mosquitto") or missing("Mosquitto (install your system's mosquitto)")
