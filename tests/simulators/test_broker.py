"""Both brokers of the demonstration keep the accounts and the topic rules of deploy/mosquitto."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from simulators import broker
from simulators.broker import BrokerKind
from simulators.devices import SosButton
from simulators.processes import ProcessError, Processes, free_port
from tests.support import needs

ACCOUNTS = {"anhu-server": "s3cret-server", "gw-0001": "key one", "gw-0002": "key:two$%"}
HOST = "127.0.0.1"


@pytest.fixture(params=list(BrokerKind))
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[int]:
    if request.param is BrokerKind.MOSQUITTO:
        needs.mosquitto()
    async with Processes(tmp_path / "logs") as processes:
        number = free_port()
        await processes.start(broker.prepare("centre", request.param, tmp_path / "centre", number, ACCOUNTS))
        yield number


def client(port: int, user: str | None) -> aiomqtt.Client:
    return aiomqtt.Client(HOST, port, username=user, password=ACCOUNTS.get(user or ""))


async def heard(listener: aiomqtt.Client, marker: str) -> list[str]:
    """Topics that arrive up to and including the marker."""
    topics: list[str] = []
    async with asyncio.timeout(10):
        async for message in listener.messages:
            topics.append(str(message.topic))
            if topics[-1].endswith(marker):
                break
    return topics


@pytest.mark.parametrize("user", [None, "nobody", "gw-0001"])
async def test_nobody_connects_without_the_right_secret(port: int, user: str | None) -> None:
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client(HOST, port, username=user, password="wrong" if user else None):
            pass


async def test_a_gateway_speaks_for_itself_alone(port: int) -> None:
    async with client(port, "anhu-server") as server, client(port, "gw-0001") as gateway:
        await server.subscribe("anhu/v1/+/up/#", qos=1)
        await gateway.publish("anhu/v1/gw-0002/up/p0", b"in another's name", qos=1)
        await gateway.publish("anhu/v1/gw-0001/dn/cmd", b"as the centre", qos=1)
        await gateway.publish("anhu/v1/gw-0001/up/p0", b"mine", qos=1)
        assert await heard(server, "p0") == ["anhu/v1/gw-0001/up/p0"]


async def test_a_gateway_hears_itself_alone(port: int) -> None:
    async with client(port, "anhu-server") as server, client(port, "gw-0001") as gateway:
        for topic in ("anhu/v1/gw-0001/dn/#", "anhu/v1/gw-0002/dn/#", "anhu/v1/+/up/#"):
            await gateway.subscribe(topic, qos=1)
        await server.publish("anhu/v1/gw-0002/dn/ack", b"another's", qos=1)
        await server.publish("anhu/v1/gw-0001/dn/ack", b"mine", qos=1)
        assert await heard(gateway, "ack") == ["anhu/v1/gw-0001/dn/ack"]


def test_the_password_lines_are_mosquittos_own(tmp_path: Path) -> None:
    """The other way round is shown by the tests above: mosquitto lets our lines in."""
    from simulators.broker_rules import password_line, password_matches

    assert password_matches(password_line("gw", "key").partition(":")[2], "key")
    assert not password_matches(password_line("gw", "key").partition(":")[2], "other")
    assert not password_matches("key", "key")
    needs.mosquitto()
    file = tmp_path / "accounts"
    file.write_text("gw:aKey-with_signs\n")
    subprocess.run(["mosquitto_passwd", "-U", str(file)], check=True, capture_output=True)
    assert password_matches(file.read_text().strip().partition(":")[2], "aKey-with_signs")


def test_secrets_stand_in_no_file_in_clear(tmp_path: Path) -> None:
    broker.prepare("centre", BrokerKind.AMQTT, tmp_path, 1, ACCOUNTS)
    written = "".join(file.read_text() for file in tmp_path.iterdir())
    assert not [secret for secret in ACCOUNTS.values() if secret in written]
    assert (tmp_path / "accounts").stat().st_mode & 0o077 == 0


def test_an_unknown_broker_is_refused_with_the_choices() -> None:
    with pytest.raises(ProcessError, match="use one of mosquitto, amqtt"):
        broker.choose("rabbitmq")


@pytest.mark.parametrize("kind", list(BrokerKind))
async def test_a_press_waits_in_the_home_while_the_gateway_is_away(kind: BrokerKind, tmp_path: Path) -> None:
    if kind is BrokerKind.MOSQUITTO:
        needs.mosquitto()
    port = free_port()

    def gateway() -> aiomqtt.Client:
        return aiomqtt.Client(HOST, port, identifier="anhu-gw-gw-0001-local", clean_session=False)

    async with Processes(tmp_path / "logs") as processes:
        home = await processes.start(broker.prepare("home", kind, tmp_path / "home", port))
        async with gateway() as listener:
            await listener.subscribe("zigbee2mqtt/#", qos=1)
        async with aiomqtt.Client(HOST, port) as bridge:
            for spoken in SosButton("sos_bath").press():  # saved after each but the last, whose PUBACK comes first
                await bridge.publish(spoken.topic, spoken.payload, qos=spoken.qos)
        if kind is BrokerKind.MOSQUITTO:  # and survives a power cut
            await home.kill()
            await processes.start(home.command)
        async with gateway() as listener:
            assert await heard(listener, "sos_bath") == ["zigbee2mqtt/sos_bath"]
