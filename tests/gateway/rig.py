"""A home and a centre around a real gateway process: real brokers, a centre that acknowledges, devices that resend."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiomqtt

from devices.envelope import Ack, Command, Envelope, decode_envelopes, down_topic, encode, parse_up_topic
from devices.events import Priority
from simulators import processes
from simulators.broker import SERVER_ACCOUNT, BrokerKind, prepare

GATEWAY = "gw-0001"
KEYS = {GATEWAY: "the key of gw-0001", SERVER_ACCOUNT: "the server's"}
WITHIN_S = 45.0


async def eventually(condition: Callable[[], bool], changed: asyncio.Condition) -> None:
    """Waits for it, woken at every change."""
    async with asyncio.timeout(WITHIN_S), changed:
        await changed.wait_for(condition)


def _client(port: int, account: str | None = None) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1",
        port,
        username=account,
        password=KEYS[account] if account else None,
        timeout=20,
        # Without it an acknowledgement waits 40 ms behind the PUBACK before it.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )


@asynccontextmanager
async def _while_connected(
    client: aiomqtt.Client, hear: Callable[[aiomqtt.Message], Awaitable[None]]
) -> AsyncIterator[None]:
    """Hears until the block ends, or the broker does."""

    async def listen() -> None:
        with suppress(aiomqtt.MqttError):
            async for message in client.messages:
                await hear(message)

    listening = asyncio.create_task(listen())
    try:
        yield
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


class Centre:
    """Stands in for the server: commits to memory, then acknowledges, unless it is told to be silent."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.epoch = "epoch-1"
        self.silent = False
        self.deaf_to: set[str] = set()  # kinds that it never acknowledges
        self.envelopes: dict[UUID, Envelope] = {}
        self.received: list[tuple[Priority, Envelope]] = []
        self.messages: list[tuple[Priority, list[Envelope], int]] = []
        self.changed = asyncio.Condition()
        self._client: aiomqtt.Client | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator["Centre"]:
        async with _client(self._port, SERVER_ACCOUNT) as client:
            self._client = client
            await client.subscribe("anhu/v1/+/up/#", qos=1)
            async with _while_connected(client, self._hear):
                yield self
            self._client = None

    async def _hear(self, message: aiomqtt.Message) -> None:
        assert isinstance(message.payload, bytes)
        _, priority = parse_up_topic(message.topic.value)
        envelopes = decode_envelopes(message.payload)
        self.messages.append((priority, envelopes, len(message.payload)))
        for envelope in envelopes:
            self.received.append((priority, envelope))
            self.envelopes.setdefault(envelope.id, envelope)
        if not self.silent:
            await self.acknowledge([e.id for e in envelopes if e.kind not in self.deaf_to])
        async with self.changed:
            self.changed.notify_all()

    async def acknowledge(self, ids: list[UUID]) -> None:
        await self.publish("ack", encode(Ack(v=1, epoch=self.epoch, ids=ids)))

    async def command(self, command: Command) -> None:
        await self.publish("cmd", encode(command))

    async def publish(self, what: Any, payload: bytes) -> None:
        assert self._client is not None
        await self._client.publish(down_topic(GATEWAY, what), payload, qos=1)

    def of_kind(self, *kinds: str) -> list[Envelope]:
        """Distinct events."""
        return [e for e in self.envelopes.values() if e.kind in kinds]

    async def until(self, condition: Callable[[], bool]) -> None:
        await eventually(condition, self.changed)


class Home:
    """Devices on the home's broker, and its speaker."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.feedback: list[dict[str, Any]] = []
        self.acked: Counter[str] = Counter()
        self.errors: list[dict[str, Any]] = []
        self.changed = asyncio.Condition()
        self.client: aiomqtt.Client

    @asynccontextmanager
    async def connected(self) -> AsyncIterator["Home"]:
        async with _client(self._port) as client:
            self.client = client
            await client.subscribe([("anhu/home/v1/feedback", 1), ("anhu/device/v1/+/ack", 1)])
            async with _while_connected(client, self._hear):
                yield self

    async def _hear(self, message: aiomqtt.Message) -> None:
        assert isinstance(message.payload, bytes)
        said = json.loads(message.payload)
        if message.topic.matches("anhu/home/v1/feedback"):
            self.feedback.append(said)
        else:
            self.acked.update(said.get("ids", []))
            self.errors.extend(said.get("errors", []))
        async with self.changed:
            self.changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        await eventually(condition, self.changed)

    async def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        await self.client.publish(topic, payload, qos=1, retain=retain)

    async def native(self, device: str, kind: str = "sos", **more: Any) -> str:
        """One native event, sent once; its id."""
        id = more.pop("id", None) or str(uuid4())
        await self.publish(f"anhu/device/v1/{device}/up", json.dumps({"v": 1, "id": id, "kind": kind, **more}))
        return str(id)

    async def press_native(self, device: str) -> str:
        """A native button: the same event again until it is acknowledged."""
        id = str(uuid4())
        async with asyncio.timeout(WITHIN_S):
            while id not in self.acked:
                await self.native(device, id=id)
                try:
                    async with asyncio.timeout(1.0), self.changed:
                        await self.changed.wait_for(lambda: id in self.acked)
                except TimeoutError:
                    continue
        return id

    async def press_zigbee(self, name: str, link: int = 100) -> None:
        """A Zigbee2MQTT button set to QoS 1: said three times, never resent by the device."""
        await self.publish(
            f"zigbee2mqtt/{name}", json.dumps({"action": "emergency", "battery": 90, "linkquality": link})
        )
        await self.publish(f"zigbee2mqtt/{name}", json.dumps({"action": "", "battery": 90, "linkquality": link}))
        await self.publish(f"zigbee2mqtt/{name}/action", "emergency")

    def stages(self, event: str | UUID) -> list[str]:
        return [f["stage"] for f in self.feedback if f["id"] == str(event)]


class Rig:
    """Everything, in one directory."""

    def __init__(self, directory: Path, running: processes.Processes, home_port: int, centre_port: int) -> None:
        self.directory = directory
        self.running = running
        self.home_port = home_port
        self.centre_port = centre_port

    def configure(self, key: str = KEYS[GATEWAY], more: str = "", centre: str = "") -> Path:
        file = self.directory / "gateway.toml"
        file.write_text(
            f'id = "{GATEWAY}"\n{more}\n[store]\npath = "{self.directory / "gateway.db"}"\n'
            f'[local]\nurl = "mqtt://127.0.0.1:{self.home_port}"\n'
            f'[centre]\nurl = "mqtt://127.0.0.1:{self.centre_port}"\npassword = "{key}"\n{centre}\n'
            '[sources]\nnative = true\nzigbee2mqtt = "zigbee2mqtt"\n'
        )
        return file

    def command(self, config: Path, ready: Callable[[str], bool] = processes.json_ready) -> processes.Command:
        run = processes.python("gateway", "gateway", "run", "--config", str(config), cwd=self.directory)
        return processes.Command(run.name, run.argv, run.cwd, run.env, ready)

    def tool(self, name: str) -> processes.Command:
        """One of the short commands; its output is the child's tail."""
        run = processes.python(name, "gateway", name, "--config", str(self.configure()), cwd=self.directory)
        return processes.Command(run.name, run.argv, run.cwd, run.env, ready=None)

    async def start_gateway(
        self, config: Path | None = None, ready: Callable[[str], bool] = processes.json_ready
    ) -> processes.Child:
        return await self.running.start(self.command(config or self.configure(), ready))

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.directory / "logs" / "gateway.log").read_text().splitlines()]


@asynccontextmanager
async def rig(directory: Path) -> AsyncIterator[Rig]:
    """Both brokers running, with the configuration of deploy/mosquitto."""
    home_port, centre_port = processes.free_port(), processes.free_port()
    async with processes.Processes(directory / "logs") as running:
        await running.start(prepare("home", BrokerKind.MOSQUITTO, directory / "home", home_port))
        await running.start(prepare("centre", BrokerKind.MOSQUITTO, directory / "centre", centre_port, KEYS))
        yield Rig(directory, running, home_port, centre_port)


def log_line(event: str) -> Callable[[str], bool]:
    """Ready when this is logged."""
    return lambda line: f'"event": "{event}"' in line
