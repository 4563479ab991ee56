"""The wheel is the product: what is missing in it is missing for everybody who does not work in a clone."""

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("devices", "gateway", "server", "simulators")
BUILT_FROM = (
    *PACKAGES, "deploy", "pyproject.toml", "README.md", "LICENSE", "package.json", "package-lock.json", ".npmrc",
    ".gitignore",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, by the real build with its hook."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
        elif path.exists():
            shutil.copy(path, source / name)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)],
        cwd=source, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = target.glob("anhu-*.whl")
    return zipfile.ZipFile(path)


def test_every_module_is_in_it(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    modules = {str(p.relative_to(ROOT)) for package in PACKAGES for p in (ROOT / package).rglob("*.py")}
    assert modules
    assert not sorted(modules - names)


@pytest.mark.parametrize(
    "pattern",
    [
        *(f"{package}/py.typed" for package in PACKAGES),
        "devices/recordings/*.json",
        "server/rules/shipped.yaml",
        "server/migrations/versions/*.py",
        "server/console/templates/*.html",
        "server/console/static/*.js",
        "server/console/static/*.css",
        "server/console/static/vendor/htmx.min.js",
        "server/console/static/vendor/*LICENSE*",
        "server/console/locale/zh_*/LC_MESSAGES/*",
        "simulators/scenarios/*.yaml",
    ],
)
def test_it_holds(wheel: zipfile.ZipFile, pattern: str) -> None:
    # As a path of the wheel, `*` within one folder; templates and the like may lie deeper.
    folder, _, name = pattern.rpartition("/")
    found = [n for n in wheel.namelist() if Path(n).match(f"{folder}/{name}") or Path(n).match(f"{folder}/*/{name}")]
    assert found, f"nothing like {pattern} in the wheel"


def test_it_holds_every_data_file_of_the_tree(wheel: zipfile.ZipFile) -> None:
    """Whoever adds a kind of file finds out here, not in a centre."""
    names = set(wheel.namelist())
    kinds = ("html", "js", "css", "svg", "png", "wav", "mp3", "ogg", "yaml", "json", "mako", "ini")
    files = {
        str(p.relative_to(ROOT))
        for package in PACKAGES
        for kind in kinds
        for p in (ROOT / package).rglob(f"*.{kind}")
        if "__pycache__" not in p.parts
    }
    assert not sorted(files - names)


def test_it_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    stray = ("__pycache__", "node_modules", ".db", ".pyc", ".log", ".env")
    assert not [name for name in wheel.namelist() if any(word in name for word in stray)]


def test_it_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    (path,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(wheel.read(path).decode())
    assert metadata["Name"] == "anhu"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Private :: Do Not Upload" in metadata.get_all("Classifier", [])
    assert set(metadata.get_all("Provides-Extra", [])) >= {"gateway", "server", "simulators"}
    licence = path.replace("METADATA", "licenses/LICENSE")
    assert b"Apache License" in wheel.read(licence)


def test_it_brings_the_commands(wheel: zipfile.ZipFile) -> None:
    (path,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    said = wheel.read(path).decode()
    for command in ("anhu-server", "anhu-gateway", "anhu-sim", "anhu-devices"):
        assert f"{command} = " in said
