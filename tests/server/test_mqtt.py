"""The centre's connection to its broker: says what is wrong, comes back by itself, leaves nothing lying in TLS."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import structlog

from server.config import BrokerSettings
from server.errors import StartError
from server.ingest.mqtt import UP, MqttTransport
from simulators.broker import SERVER_ACCOUNT, BrokerKind, prepare
from simulators.processes import Processes, free_port
from tests.server.test_process import anhu_server
from tests.support import needs

WITHIN_S = 12.0
"""Below the keep-alive: what comes only because of a ping is not counted as received."""
KEYS = {"gw-1": "the key of gw-1", SERVER_ACCOUNT: "the server's"}
TOPIC = "anhu/v1/gw-1/up/p0"

CONNACK = b"\x20\x02\x00\x00"


class Said:
    """What was logged, to be waited for."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def __call__(self, logger: object, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        self._lines.put_nowait(dict(line))
        raise structlog.DropEvent

    async def until(self, event: str) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            while (line := await self._lines.get())["event"] != event:
                pass
        return line


@pytest.fixture
def said() -> Iterator[Said]:
    it, before = Said(), structlog.get_config()["processors"]
    structlog.configure(processors=[it])
    yield it
    structlog.configure(processors=before)


class Received:
    """What the transport handed over, to be waited for."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def __call__(self, topic: str, payload: bytes) -> None:
        self.queue.put_nowait((topic, payload))

    async def next(self, number: int) -> list[tuple[str, bytes]]:
        async with asyncio.timeout(WITHIN_S):
            return [await self.queue.get() for _ in range(number)]


@asynccontextmanager
async def running(settings: BrokerSettings) -> AsyncIterator[tuple[MqttTransport, Received]]:
    transport, received = MqttTransport(settings), Received()
    task = asyncio.create_task(transport.run(received))
    try:
        yield transport, received
        assert not task.done(), "the connection's task must never end by itself"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


# --- files that are not there ---


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_password_file_that_cannot_be_read_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StartError, match=r"^broker\.password_file: .*secret"):
        MqttTransport(BrokerSettings(password_file=file))


def test_run_without_its_password_file_exits_3_in_one_line(tmp_path: Path) -> None:
    environ = {"ANHU_SERVER_BROKER__PASSWORD_FILE": "/nowhere/secret", "ANHU_SERVER_WEB__PORT": "0"}
    for command in (["run"], ["broker-accounts", "--out", "accounts"]):
        done = anhu_server(*command, cwd=tmp_path, environ=environ)
        *_, last = done.stderr.splitlines()
        assert done.returncode == 3, done.stderr
        assert last == "anhu-server: broker.password_file: /nowhere/secret: No such file or directory"
        assert "Traceback" not in done.stderr


def test_a_ca_file_must_be_certificates_and_is_for_mqtts_alone(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(StartError, match=r"^broker\.ca_file: .*ca\.pem: No such file"):
        MqttTransport(BrokerSettings(url="mqtts://127.0.0.1", ca_file=file))
    file.write_text("no certificate")
    with pytest.raises(StartError, match=r"^broker\.ca_file: .*ca\.pem: "):
        MqttTransport(BrokerSettings(url="mqtts://127.0.0.1", ca_file=file))
    with pytest.raises(ValueError, match="mqtts://"):
        BrokerSettings(url="mqtt://127.0.0.1", ca_file=file)


# --- a real broker ---


@asynccontextmanager
async def broker(directory: Path) -> AsyncIterator[tuple[Processes, int]]:
    port = free_port()
    async with Processes(directory / "logs") as processes:
        await processes.start(prepare("centre", BrokerKind.MOSQUITTO, directory / "centre", port, KEYS))
        yield processes, port


async def test_a_wrong_password_says_what_to_check_and_is_tried_again(
    mosquitto: str, tmp_path: Path, said: Said
) -> None:
    async with broker(tmp_path) as (_, port):
        wrong = BrokerSettings(url=f"mqtt://127.0.0.1:{port}", password="not this one")
        async with running(wrong) as (transport, _):
            for _ in range(2):
                reason = (await said.until("broker not reached"))["reason"]
                assert "check broker.username and broker.password" in reason
                assert "not this one" not in reason
            assert not transport.connected
            assert not transport.subscribed.is_set()


async def test_it_comes_back_after_a_restart_even_when_the_password_file_is_gone(
    mosquitto: str, tmp_path: Path, said: Said
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(KEYS[SERVER_ACCOUNT] + "\n")
    async with broker(tmp_path) as (processes, port):
        settings = BrokerSettings(url=f"mqtt://127.0.0.1:{port}", password_file=secret)
        async with running(settings) as (transport, received):
            await said.until("broker connected")
            secret.unlink()
            await processes["centre-broker"].kill()
            await said.until("broker connection lost")
            assert not transport.connected
            await said.until("broker not reached")
            await processes.restart("centre-broker")
            await said.until("broker connected")
            assert transport.connected
            async with aiomqtt.Client("127.0.0.1", port, username="gw-1", password=KEYS["gw-1"]) as gateway:
                await gateway.publish(TOPIC, b"press", qos=1)
            assert await received.next(1) == [(TOPIC, b"press")]


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate that signs itself, for 127.0.0.1, and its key."""
    openssl = needs.find_program("openssl") or needs.missing("openssl (install your system's openssl)")
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "broker.pem", folder / "broker.key"
    extensions = ("subjectAltName=IP:127.0.0.1", "keyUsage=critical,digitalSignature,keyCertSign")
    subprocess.run(
        [str(openssl), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker"]
        + [part for extension in extensions for part in ("-addext", extension)]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key


def publish(payload: bytes, packet: int) -> bytes:
    """A PUBLISH of QoS 1 to TOPIC."""
    body = len(TOPIC).to_bytes(2) + TOPIC.encode() + packet.to_bytes(2) + payload
    return bytes([0x32, len(body)]) + body


class OneRecordBroker:
    """Answers the subscription and delivers `payloads` in one TLS record, then is silent for ever."""

    def __init__(self, payloads: list[bytes]) -> None:
        self.payloads = payloads
        self.confirmed: asyncio.Queue[int] = asyncio.Queue()
        self._gone = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._talk(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            self._gone.set()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readexactly(2)  # nothing that is said here is longer than 127 bytes
            body = await reader.readexactly(head[1])
            match head[0] >> 4:
                case 1:
                    writer.write(CONNACK)
                case 8:
                    assert UP.encode() in body
                    suback = b"\x90\x03" + body[:2] + b"\x01"
                    writer.write(suback + b"".join(publish(p, i) for i, p in enumerate(self.payloads, start=1)))
                case 4:
                    self.confirmed.put_nowait(int.from_bytes(body))

    @asynccontextmanager
    async def listening(self, certificate: Path, key: Path) -> AsyncIterator[int]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context)
        port: int = server.sockets[0].getsockname()[1]
        async with server:
            yield port
        async with asyncio.timeout(WITHIN_S):
            await self._gone.wait()


async def test_messages_of_one_tls_record_are_all_received_at_once(certificate: tuple[Path, Path], said: Said) -> None:
    there = OneRecordBroker([b"one", b"two", b"three"])
    async with there.listening(*certificate) as port:
        settings = BrokerSettings(url=f"mqtts://127.0.0.1:{port}", password="secret", ca_file=certificate[0])
        async with running(settings) as (_, received):
            assert await received.next(3) == [(TOPIC, b"one"), (TOPIC, b"two"), (TOPIC, b"three")]
            async with asyncio.timeout(WITHIN_S):
                assert [await there.confirmed.get() for _ in range(3)] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")  # paho forgets it where TLS fails
async def test_an_unknown_authority_is_not_trusted(certificate: tuple[Path, Path], said: Said) -> None:
    there = OneRecordBroker([])
    async with there.listening(*certificate) as port:
        async with running(BrokerSettings(url=f"mqtts://127.0.0.1:{port}", password="secret")) as (transport, _):
            assert "CERTIFICATE_VERIFY_FAILED" in (await said.until("broker not reached"))["reason"]
            assert not transport.connected
        there._gone.set()  # it never saw a connection
