"""The commands as a user types them: clear errors, exit codes, a process that stops when told."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def anhu_server(*arguments: str, cwd: Path, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[web]\nprot = 1\n", "web.prot: unknown key"),
        ("[web]\nport = 99999\n", "web.port"),
        ("[site]\nzone = 'Mars/Base'\n", "site.zone"),
        ("[voice]\naccount_sid = 'AC1'\nfrom_number = '+8610000000000'\n", "voice"),
        ("[broker]\nurl = 'http://x'\n", "broker.url"),
        ("[broker]\nurl = 'mqtt://user:secret@x'\n", "broker.url"),
        ("web = [", "not TOML"),
    ],
)
def test_wrong_configuration_is_named_and_exits_2(tmp_path: Path, toml: str, says: str) -> None:
    file = tmp_path / "server.toml"
    file.write_text(toml)
    done = anhu_server("run", "--config", str(file), cwd=tmp_path)
    assert (done.returncode, says in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_wrong_variable_and_missing_file_are_named(tmp_path: Path) -> None:
    done = anhu_server("check", cwd=tmp_path, environ={"ANHU_SERVER_WEB__PROT": "1"})
    assert (done.returncode, "web.prot: unknown key" in done.stderr) == (2, True)
    done = anhu_server("check", "--config", "nowhere.toml", cwd=tmp_path)
    assert (done.returncode, "nowhere.toml" in done.stderr) == (2, True)


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    done = anhu_server("check", cwd=tmp_path, environ={"ANHU_SERVER_BROKER__PASSWORD": "s3cret-value"})
    assert done.returncode == 0, done.stderr
    assert "s3cret-value" not in done.stdout + done.stderr


def test_a_secret_file_that_is_not_there_exits_3(tmp_path: Path) -> None:
    voice = "[voice]\naccount_sid = 'AC1'\nfrom_number = '+8610000000000'\nauth_token_file = 'nowhere'\n"
    (tmp_path / "server.toml").write_text(voice)
    done = anhu_server("run", "--config", "server.toml", cwd=tmp_path, environ={"ANHU_SERVER_WEB__PORT": "0"})
    assert (done.returncode, "voice.auth_token_file: nowhere" in done.stderr) == (3, True), done.stderr


def test_a_busy_port_exits_3(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = anhu_server("run", cwd=tmp_path, environ={"ANHU_SERVER_WEB__PORT": port})
    assert (done.returncode, port in done.stderr) == (3, True), done.stderr


def test_a_database_that_is_not_there_exits_3(tmp_path: Path) -> None:
    for url in ("sqlite+aiosqlite:////nowhere/at/all.db", "postgresql+asyncpg://nobody@127.0.0.1:1/none", "mysql://x"):
        done = anhu_server("migrate", cwd=tmp_path, environ={"ANHU_SERVER_DATABASE__URL": url})
        assert (done.returncode, "database.url" in done.stderr) == (3, True), done.stderr


def test_a_wrong_community_exits_2_and_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("gateways: [{id: g, region: '36'}]")
    done = anhu_server("import", "c.yaml", cwd=tmp_path)
    assert (done.returncode, "gateways.0.region: there is no region '36'" in done.stderr) == (2, True), done.stderr


def test_an_account_is_added_and_broker_accounts_are_private(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "regions: [{path: '36', name: {en: Here}}]\n"
        "gateways: [{id: g1, region: '36', key: 0123456789abcdef}, {id: g2, region: '36'}]"
    )
    assert anhu_server("import", "c.yaml", cwd=tmp_path).returncode == 0
    command = [sys.executable, "-m", "server", "account", "add", "anna", "--name", "Anna"]
    for password, code in (("short", 2), ("long enough 1", 0)):
        done = subprocess.run(
            [*command, "--role", "operator", "--region", "36"],
            input=f"{password}\n",
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
    assert anhu_server("broker-accounts", "--out", "passwd", cwd=tmp_path).returncode == 0
    file = tmp_path / "passwd"
    assert file.stat().st_mode & 0o077 == 0
    assert [line.split(":")[0] for line in file.read_text().splitlines()] == ["g1"]
    assert "0123456789abcdef" not in file.read_text()
