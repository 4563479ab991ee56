"""A real PostgreSQL for tests: the one that ANHU_TEST_POSTGRES names, else our own from the installed binaries.

Our own runs in a temporary folder on a free port, with syncs off (tests kill our processes, never the
database's machine), and is stopped at the end. Each test gets a database of its own, copied from a template.
"""

import asyncio
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.needs import find_program, missing

VARIABLE = "ANHU_TEST_POSTGRES"
"""For example postgresql://postgres@127.0.0.1:5432/postgres: a user who may create databases."""

_BINARIES = (Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt"))


@dataclass(frozen=True)
class PostgresServer:
    """A running server; `address` is a postgresql:// address of a user who may create databases."""

    address: str

    def create(self, template: str = "template1") -> str:
        """A new database like `template`; its name. The template must have no connections."""
        name = f"anhu_test_{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Drops the database, whoever is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """One statement in the maintenance database, outside any transaction."""
        # In a thread of its own: the calling test may have a running event loop.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, self._execute(statement)).result()

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.address, timeout=20)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of a database."""
        parts = urlsplit(self.address)
        return urlunsplit(("postgresql+asyncpg", parts.netloc, f"/{name}", parts.query, ""))


@contextmanager
def postgres_server(environ: Mapping[str, str] = os.environ) -> Iterator[PostgresServer]:
    """The named server, else one started here; ends the test where there is neither."""
    if address := environ.get(VARIABLE):
        server = PostgresServer(re.sub(r"^postgres(ql)?(\+asyncpg)?://", "postgresql://", address))
        server.execute("SELECT 1")
        yield server
        return
    binaries = _find_binaries()
    if binaries is None:
        missing(f"PostgreSQL (install your system's postgresql, or set {VARIABLE} to the address of one)")
    folder = Path(tempfile.mkdtemp(prefix="anhu-pg-", dir="/tmp"))  # a short path: it holds a socket
    try:
        with _started(binaries, folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _find_binaries() -> Path | None:
    """The folder with initdb and postgres; the newest where there are several."""
    for pattern in ("*/bin/initdb", "postgresql*/bin/initdb"):
        for base in _BINARIES:
            found = sorted(base.glob(pattern), key=lambda p: _version(p.parent.parent.name), reverse=True)
            if found:
                return found[0].parent
    program = find_program("initdb")
    return program.resolve().parent if program else None


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", name))


def _as_ordinary_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then it runs as its own user, who needs to own the folder."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    if program := find_program("setpriv"):
        return [str(program), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    if program := find_program("runuser"):
        return [str(program), "-u", user.pw_name, "--"]
    return missing("setpriv or runuser (package util-linux): PostgreSQL cannot run as root")


@contextmanager
def _started(binaries: Path, folder: Path) -> Iterator[PostgresServer]:
    user = _as_ordinary_user(folder)
    port = _free_port()
    environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", "HOME": str(folder)}

    def run(program: str, *args: str) -> None:
        done = subprocess.run(
            [*user, str(binaries / program), *args],
            cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        if done.returncode:
            log = folder / "log"
            raise RuntimeError(f"{program} failed: {done.stderr}\n{log.read_text() if log.exists() else ''}")

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "max_connections": "200",
        "fsync": "off",
        "full_page_writes": "off",
        "timezone": "UTC",
    }
    # -o is one string for a shell: none of these values has a blank.
    settings = " ".join(f"-c {key}={value}" for key, value in options.items())
    run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-w", "-t", "60", "-o", settings, "start")
    try:
        yield PostgresServer(f"postgresql://postgres@127.0.0.1:{port}/postgres")
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
    return port
