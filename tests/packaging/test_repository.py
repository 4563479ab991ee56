"""What holds for the repository as a whole: locked versions, no addresses in them, nothing that belongs elsewhere."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
_LOCKED_BY = {"gateway": "runtime", "server": "runtime", "simulators": "runtime"}


def locked(name: str) -> dict[str, str]:
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^ ;\\]+)", text, re.MULTILINE))


def test_the_locks_are_clean() -> None:
    done = subprocess.run(
        [sys.executable, str(REQUIREMENTS / "check.py")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("--index-url https://pypi.example.org/simple\na==1 \\\n    --hash=sha256:00\n", "names an address"),
        ("a==1\n", "no exact version with hashes"),
        ("a>=1 \\\n    --hash=sha256:00\n", "no exact version with hashes"),
    ],
)
def test_an_unclean_lock_is_found(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text(text)
    (tmp_path / "check.py").write_text((REQUIREMENTS / "check.py").read_text())
    done = subprocess.run(
        [sys.executable, str(tmp_path / "check.py")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert problem in done.stderr


def test_everything_asked_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked: list[tuple[str, str]] = [("runtime", line) for line in project["project"]["dependencies"]]
    for extra, lines in project["project"]["optional-dependencies"].items():
        asked += [(_LOCKED_BY.get(extra, extra), line) for line in lines]
        if (REQUIREMENTS / f"{extra}.txt").exists():
            asked += [(extra, line) for line in lines]
    for group, lines in project["dependency-groups"].items():
        asked += [(group, line) for line in lines if isinstance(line, str)]
    wrong = []
    for file, line in asked:
        requirement = Requirement(line)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        version = locked(file).get(name)
        if version is None or not requirement.specifier.contains(version):
            wrong.append(f"{file}.txt: {line} (locked: {version}); run: make lock")
    assert not wrong


def test_one_version_of_everything() -> None:
    versions: dict[str, set[str]] = {}
    for path in REQUIREMENTS.glob("*.txt"):
        for name, version in locked(path.stem).items():
            versions.setdefault(name, set()).add(version)
    assert not {name: found for name, found in versions.items() if len(found) > 1}


def test_make_help_lists_the_commands() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("demo", "test", "check", "bench", "clean", "help"):
        assert f"make {command} " in done.stdout


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_code_names_documents_that_exist() -> None:
    """A comment that sends its reader to a document must not send him nowhere."""
    documents = {p.name for p in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md"))}
    folders = ("devices", "gateway", "server", "simulators", "deploy", "benchmarks")
    files = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in (".py", ".yaml", ".toml", ".conf", ".js")]
    lost = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files if "vendor" not in path.parts
        for name in re.findall(r"\b([\w-]+\.md)\b", path.read_text(encoding="utf-8"))
        if name not in documents
    }  # fmt: skip
    assert not lost
