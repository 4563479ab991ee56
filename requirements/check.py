"""Checks the locked files: every package with hashes, and no address of any index or download."""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent


def problems_of_lock(path: Path) -> list[str]:
    """What is wrong with one locked file."""
    text = path.read_text()
    found = [f"{path}: {line!r} names an address" for line in text.splitlines() if "://" in line or "--index" in line]
    for entry in re.split(r"\n(?=\S)", text.strip()):
        if not entry.startswith("#") and ("==" not in entry or "--hash=sha256:" not in entry):
            found.append(f"{path}: {entry.splitlines()[0]!r} has no exact version with hashes")
    return found


def problems_of_npm(path: Path) -> list[str]:
    """The same for package-lock.json: integrity, but no address."""
    packages = json.loads(path.read_text())["packages"]
    found = []
    for name, entry in packages.items():
        if name and ("resolved" in entry or "integrity" not in entry):
            found.append(f"{path}: {name} needs integrity, no address (npm install --omit-lockfile-registry-resolved)")
    return found


def main() -> int:
    problems = [p for path in sorted(HERE.glob("*.txt")) for p in problems_of_lock(path)]
    npm = HERE.parent / "package-lock.json"
    if npm.exists():
        problems += problems_of_npm(npm)
    sys.stderr.write("".join(f"{p}\n" for p in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
