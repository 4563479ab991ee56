"""What is shipped for installing refers to what exists, and the examples are accepted by the commands they are for."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.needs import find_program

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """One of our commands as a child, with an environment of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ANHU_")}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT, env={**clean, **environ}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["server", "gateway", "simulators", "devices"])
def test_every_command_explains_itself(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout.lower()
    assert run(command, "no-such-thing").returncode == 2


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, Path]:
    """Stand-ins for the files that the examples name."""
    names = ("broker-password", "gateway-key")
    for name in names:
        (tmp_path / name).write_text("not-a-secret\n")
    return {name: tmp_path / name for name in names}


@pytest.mark.parametrize("command", ["server", "gateway"])
def test_the_example_configuration_is_accepted(command: str, secrets: dict[str, Path], tmp_path: Path) -> None:
    text = (DEPLOY / f"{command}.toml").read_text(encoding="utf-8")
    for name, path in secrets.items():
        text = text.replace(f"/etc/anhu/{name}", str(path))
    example = tmp_path / f"{command}.toml"
    example.write_text(text, encoding="utf-8")
    database = f"sqlite+aiosqlite:///{tmp_path}/anhu.db"  # the server's check tries it
    environ = {"ANHU_SERVER_DATABASE__URL": database} if command == "server" else {}
    done = run(command, "check", "--config", str(example), **environ)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "not-a-secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["server", "gateway"])
def test_a_broken_configuration_is_refused_with_its_path(command: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text(
        (DEPLOY / f"{command}.toml").read_text(encoding="utf-8") + "\n[wrong]\nkey = 1\n", encoding="utf-8"
    )
    done = run(command, "check", "--config", str(broken))
    assert done.returncode == 2
    assert "wrong: unknown key" in done.stderr
    assert "Traceback" not in done.stderr
    assert run(command, "check", "--config", str(tmp_path / "absent.toml")).returncode == 2


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_compose_refers_to_what_exists() -> None:
    document = compose()
    services, volumes = document["services"], document["volumes"]
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in volumes, f"{name}: {volume}"
        for other in service.get("depends_on", []):
            assert other in services, f"{name} waits for {other}"
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()


def test_compose_asks_for_its_variables() -> None:
    used = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert used == offered


def test_compose_s_servers_are_configured_as_the_code_expects(tmp_path: Path) -> None:
    services = compose()["services"]
    given = {
        "ANHU_SERVER_BROKER__PASSWORD": "not-a-secret",
        "ANHU_SERVER_DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path}/anhu.db",
    }
    done = run("server", "check", **(services["server"]["environment"] | given))
    assert done.returncode == 0, done.stderr
    done = run(
        "gateway", "check", "--config", str(DEPLOY / "compose-gateway.toml"),
        **(services["gateway"]["environment"] | {"ANHU_GATEWAY_CENTRE__PASSWORD": "not-a-secret"}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_images_are_built_from_files_that_exist() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for name in re.findall(r"requirements/(\w+\.txt)", text):
        assert (ROOT / "requirements" / name).exists()
    targets = set(re.findall(r"^FROM .* AS (\w+)", text, re.MULTILINE))
    wanted = {s["build"]["target"] for s in compose()["services"].values() if "build" in s}
    assert wanted <= targets


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda p: p.name)
def test_units_start_our_commands(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    start = re.search(r"^ExecStart=/opt/anhu/bin/(anhu-\w+) run --config /etc/anhu/(\w+\.toml)$", text, re.MULTILINE)
    assert start
    assert start[1] == unit.stem
    assert (DEPLOY / start[2]).exists()
    if analyze := find_program("systemd-analyze"):
        # Checked with a program that exists here in the place of ours.
        copy = tmp_path / unit.name
        copy.write_text(text.replace(f"/opt/anhu/bin/{start[1]}", "/bin/true"), encoding="utf-8")
        done = subprocess.run(
            [str(analyze), "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
        )
        said = [line for line in done.stderr.splitlines() if unit.name in line]
        assert not said
