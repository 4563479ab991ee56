"""The whole chain on this machine, every part a process of its own, started with the commands a user has.

Two brokers, the telephone network, the server with an invented community in its database, and one home's gateway.
"""

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx

from simulators import broker, community
from simulators.broker import BrokerKind
from simulators.community import Community, PlanTimes
from simulators.phone.people import Behaviour
from simulators.processes import Command, ProcessError, Processes, free_port, python

Part = Literal["gateway", "server"]
ACCOUNT_SID = "AC" + "0" * 32
FROM_NUMBER = "+8610000999999"

USUAL_PORTS = {"web": 8080, "centre": 1883, "home": 1884, "phone": 8090}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to start, and how fast its clocks run. Seconds."""

    state: Path
    broker: BrokerKind
    database: str = "sqlite"  # or an SQLAlchemy or libpq address of an empty PostgreSQL database
    seed: int = 1943
    times: PlanTimes = field(default_factory=PlanTimes)
    ring_s: float = 30
    gateway_silent_s: float = 180
    heartbeat_s: float = 60
    usual_ports: bool = False
    behaviours: Callable[[str], Behaviour] | None = None  # by id of a contact or responder


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens on 127.0.0.1; `moved` are the usual ports that were busy."""

    web: int
    centre: int
    home: int
    phone: int
    moved: Mapping[str, int]


class Chain:
    """A started chain. `kill` and `start` are for gateway and server."""

    def __init__(self, wanted: Wanted, people: Community, ports: Ports, processes: Processes) -> None:
        self.wanted = wanted
        self.community = people
        self.ports = ports
        self.processes = processes
        self._commands: dict[str, Command] = {}

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def phone_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.phone}"

    async def kill(self, part: Part) -> None:
        """SIGKILL; returns when it is gone."""
        await self.processes[part].kill()

    async def start(self, part: Part) -> None:
        """The same command again; returns when it is ready."""
        await self.processes.start(self._commands[part])

    async def calls(self) -> list[dict[str, Any]]:
        """Every call the telephone network has seen."""
        async with httpx.AsyncClient(base_url=self.phone_url, trust_env=False) as client:
            answer = await client.get("/calls")
            answer.raise_for_status()
            found: list[dict[str, Any]] = answer.json()
            return found

    async def _start_all(self) -> None:
        wanted, ports = self.wanted, self.ports
        secret, token = secrets.token_urlsafe(24), secrets.token_hex(16)
        accounts = {broker.SERVER_ACCOUNT: secret, **self.community.keys}
        server = _folder(wanted.state / "server")
        gateway = _folder(wanted.state / "gateway")
        config = _write(server / "server.toml", _server_toml(wanted, ports, secret, token))
        people = _write(server / "community.json", json.dumps(self.community.document, ensure_ascii=False))
        home = _write(gateway / "gateway.toml", _gateway_toml(wanted, ports, self.community))
        phones = _write(server / "phones.json", json.dumps(self._phones(), ensure_ascii=False))
        self._commands["server"] = python("server", "server", "run", "--config", config, cwd=server)
        self._commands["gateway"] = python("gateway", "gateway", "run", "--config", home, cwd=gateway)
        imported = python("import", "server", "import", "--config", config, people, cwd=server)
        await self._start_together(
            broker.prepare("centre", wanted.broker, wanted.state / "centre-broker", ports.centre, accounts),
            broker.prepare("home", wanted.broker, wanted.state / "home-broker", ports.home),
            _phone_command(phones, ports.phone, token, server),
            Command(imported.name, imported.argv, imported.cwd, ready=None),
        )
        await self._start_together(self._commands["server"], self._commands["gateway"])

    async def _start_together(self, *commands: Command) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for command in commands:
                    tasks.create_task(self.processes.start(command))
        except* ProcessError as errors:
            raise errors.exceptions[0] from None

    def _phones(self) -> dict[str, Any]:
        behaviour = self.wanted.behaviours
        return {
            "people": [
                {"number": person.phone, "name": person.name}
                | ({"behaviour": behaviour(person.id).model_dump(mode="json")} if behaviour else {})
                for person in self.community.people.values()
            ]
        }


@contextlib.asynccontextmanager
async def started(wanted: Wanted) -> AsyncIterator[Chain]:
    """The chain, stopped and its processes gone when the context ends. Raises ProcessError."""
    ports = _choose_ports(wanted.usual_ports)
    people = community.generate(wanted.seed, times=wanted.times)
    async with Processes(wanted.state / "logs") as processes:
        chain = Chain(wanted, people, ports, processes)
        await chain._start_all()
        yield chain


def _choose_ports(usual: bool) -> Ports:
    chosen: dict[str, int] = {}
    for name, port in USUAL_PORTS.items():
        chosen[name] = free_port(port if usual else None)
    moved = {name: chosen[name] for name, port in USUAL_PORTS.items() if usual and chosen[name] != port}
    return Ports(**chosen, moved=moved)


def _phone_command(phones: str, port: int, token: str, cwd: Path) -> Command:
    arguments = ("--people", phones, "--port", str(port), "--account-sid", ACCOUNT_SID, "--from-number", FROM_NUMBER)
    return python("phone", "simulators.phone", *arguments, cwd=cwd, env={"ANHU_PHONE_AUTH_TOKEN": token})


def _server_toml(wanted: Wanted, ports: Ports, secret: str, token: str) -> str:
    return f"""
[database]
url = {_text(database_url(wanted.database))}
[broker]
url = "mqtt://127.0.0.1:{ports.centre}"
username = {_text(broker.SERVER_ACCOUNT)}
password = {_text(secret)}
[web]
port = {ports.web}
public_url = "http://127.0.0.1:{ports.web}"
[voice]
api_url = "http://127.0.0.1:{ports.phone}"
account_sid = "{ACCOUNT_SID}"
auth_token = "{token}"
from_number = "{FROM_NUMBER}"
[supervision]
gateway_silent_s = {wanted.gateway_silent_s}
[escalation]
ring_s = {wanted.ring_s}
"""


def _gateway_toml(wanted: Wanted, ports: Ports, people: Community) -> str:
    return f"""
id = "{community.WANG_GATEWAY}"
heartbeat_s = {wanted.heartbeat_s}
[store]
path = "gateway.db"
[local]
url = "mqtt://127.0.0.1:{ports.home}"
[centre]
url = "mqtt://127.0.0.1:{ports.centre}"
password = {_text(people.keys[community.WANG_GATEWAY])}
[sources]
native = true
zigbee2mqtt = "zigbee2mqtt"
"""


def database_url(asked: str) -> str:
    """`sqlite`, or any way to write a PostgreSQL address, as the server wants it."""
    if asked == "sqlite":
        return "sqlite+aiosqlite:///anhu.db"
    scheme, _, rest = asked.partition("://")
    return f"postgresql+asyncpg://{rest}" if scheme in ("postgres", "postgresql") else asked


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML string


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _write(path: Path, text: str) -> str:
    """Readable by its owner alone: keys and passwords are in it."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return str(path)
