"""Each part runs with what its own extra installs: a small box in a home must never need the server's libraries.

The suite's environment has everything, so a child process refuses to import what the extra would not have brought.
"""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]

CHILD = """
import importlib, json, pkgutil, sys

refused, packages = json.loads(sys.argv[1])

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"{name}: this extra does not install it", name=name)

sys.meta_path.insert(0, Refuse())
for package in packages:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + "."):
        if found.name != "server.migrations.env":  # a script that only Alembic can run
            importlib.import_module(found.name)
"""


def brought_by(*extras: str) -> set[str]:
    """Names of the distributions that `pip install anhu[extras]` brings."""
    environment = {k: str(v) for k, v in default_environment().items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ours = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    asked = [Requirement(line) for line in ours]
    todo = [(canonical(r.name), frozenset(r.extras)) for r in asked]
    done: set[tuple[str, frozenset[str]]] = set()
    while todo:
        name, wanted = todo.pop()
        if (name, wanted) in done:
            continue
        done.add((name, wanted))
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform
        for line in lines:
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({**environment, "extra": e}) for e in ("", *wanted)):
                todo.append((canonical(requirement.name), frozenset(requirement.extras)))
    return {name for name, _ in done}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def refused_modules(brought: set[str]) -> list[str]:
    """Top-level modules of everything installed here that is not among the brought."""
    owners = metadata.packages_distributions()
    return sorted(
        module for module, dists in owners.items()
        if not {canonical(d) for d in dists} & brought and not module.startswith("_")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("extras", "packages", "never"),
    [
        ((), ["devices"], ["fastapi", "sqlalchemy", "twilio", "aiomqtt", "structlog"]),
        (("gateway",), ["devices", "gateway"], ["fastapi", "sqlalchemy", "twilio", "alembic", "uvicorn", "amqtt"]),
        (("server",), ["devices", "server"], ["amqtt", "pytest"]),
        (("simulators",), ["devices", "simulators"], ["sqlalchemy", "twilio", "alembic", "pytest"]),
    ],
    ids=["none", "gateway", "server", "simulators"],
)
def test_an_extra_is_enough(extras: tuple[str, ...], packages: list[str], never: list[str]) -> None:
    refused = refused_modules(brought_by(*extras))
    assert not set(never) - set(refused), "the extra has grown: a small box would have to install this"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps([refused, packages])],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
