"""Commands of the centre, in virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import uuid4

import aiomqtt
import msgspec
import pytest

from devices.envelope import Command, Envelope, encode
from devices.events import CommandResult, Priority
from gateway.commands import Commands
from gateway.errors import StoreFullError
from gateway.feedback import Confirmations
from gateway.local_bus import LocalBus
from gateway.outbox import Outbox
from gateway.store import Store
from gateway.uplink import Uplink
from tests.gateway.virtual import VirtualClock, disk_idle


class Bus:
    """The home's broker, there or not."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.said: list[dict[str, Any]] = []
        self.attempts = 0

    async def publish_surely(self, topic: str, payload: bytes) -> None:
        self.attempts += 1
        if not self.ready.is_set():
            raise aiomqtt.MqttError("not connected")
        self.said.append(json.loads(payload))


class Desk:
    """Commands, running, and what came back."""

    def __init__(self, store: Store, outbox: Outbox, time: VirtualClock) -> None:
        self.store, self.outbox, self.time, self.bus = store, outbox, time, Bus()
        self.answered = asyncio.Event()
        bus = cast(LocalBus, self.bus)
        self.commands = Commands(time, outbox, Confirmations(time, "en", lambda topic, payload: None), bus)

    def wake(self, urgent: bool) -> None:
        assert not urgent
        self.answered.set()

    def give(self, command: Command) -> None:
        self.answered.clear()
        self.commands.commanded(encode(command))

    async def answer(self) -> CommandResult:
        """The next one; time goes on while it is awaited."""
        while not self.answered.is_set():
            await self.goes_on()
        return (await self.answers())[-1]

    async def goes_on(self) -> None:
        await disk_idle(self.store)
        await self.time.advance(0.25)

    async def answers(self) -> list[CommandResult]:
        rows = await self.outbox.waiting(Priority.P1, 0, 100)
        said = [msgspec.json.decode(row.envelope, type=Envelope).said() for row in rows]
        return [s for s in said if isinstance(s, CommandResult)]


@pytest.fixture
async def desk(store: Store, outbox: Outbox, time: VirtualClock) -> AsyncIterator[Desk]:
    desk = Desk(store, outbox, time)
    task = asyncio.create_task(desk.commands.run(cast(Uplink, desk)))
    yield desk
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def say(**more: Any) -> Command:
    fields: dict[str, Any] = {"v": 1, "id": uuid4(), "kind": "say", "ttl_s": 30.0, "body": {"texts": {"en": "Hello."}}}
    return Command(**{**fields, **more})


async def test_words(desk: Desk) -> None:
    command = say()
    desk.give(command)
    assert await desk.answer() == CommandResult(command=str(command.id), result="done")
    assert desk.bus.said[0]["stage"] == "say"
    assert desk.bus.said[0]["id"] == str(command.id)
    assert desk.bus.said[0]["texts"] == {"en": "Hello."}


@pytest.mark.parametrize(
    ("change", "result", "detail"),
    [
        ({"kind": "dance"}, "unsupported", "dance"),
        ({"ttl_s": 0.0}, "expired", "ttl_s"),
        ({"ttl_s": -5.0}, "expired", "ttl_s"),
        ({"body": {}}, "failed", "body.texts: nothing to say"),
        ({"body": {"texts": "Hello."}}, "failed", "body.texts: must be an object"),
        ({"body": {"texts": {"en": 5}}}, "failed", "body.texts: must be an object"),
        ({"body": {"confirmation": "person"}}, "failed", "cause: must name"),
        ({"body": {"confirmation": "dog"}, "cause": uuid4()}, "failed", "body.confirmation: must be"),
    ],
)
async def test_what_cannot_be_done_is_answered(desk: Desk, change: dict[str, Any], result: str, detail: str) -> None:
    desk.give(say(**change))
    answer = await desk.answer()
    assert answer.result == result
    assert detail in answer.detail
    assert desk.bus.said == []


async def test_a_confirmation_of_an_event_long_forgotten_is_still_said(desk: Desk) -> None:
    desk.give(say(cause=uuid4(), body={"confirmation": "person"}))
    assert (await desk.answer()).result == "done"
    assert desk.bus.said[0]["stage"] == "person"


async def test_once_and_answered_again(desk: Desk, time: VirtualClock) -> None:
    command = say()
    for _ in range(3):
        desk.give(command)
        await desk.answer()
    assert len(desk.bus.said) == 1
    assert [a.result for a in await desk.answers()] == ["done"] * 3
    time.jump(8 * 24 * 3600)
    await desk.outbox.prune()
    desk.give(command)
    await desk.answer()
    assert len(desk.bus.said) == 2, "remembered for seven days"


async def test_begun_by_a_process_that_died_it_is_carried_out(desk: Desk, outbox: Outbox) -> None:
    command = say()
    async with outbox.transaction() as db:
        await db.execute("INSERT INTO command (id, kind, received_at) VALUES (?, 'say', 0)", (command.id.bytes,))
    desk.give(command)
    assert (await desk.answer()).result == "done"


async def test_waits_for_the_homes_broker_and_not_longer_than_it_may(desk: Desk, time: VirtualClock) -> None:
    desk.bus.ready.clear()
    began = time.mono()
    desk.give(say(ttl_s=30.0))
    assert (await desk.answer()).result == "expired"
    assert 30 <= time.mono() - began <= 31
    desk.give(say())
    for _ in range(20):
        await desk.goes_on()
    desk.bus.ready.set()
    assert (await desk.answer()).result == "done"


async def test_damage_and_floods_are_passed_over(desk: Desk) -> None:
    for payload in (b"", b"{", b"[]", b'{"v":1}', b"\xff" * 1000, encode(say()).replace(b'"v":1', b'"v":2')):
        desk.commands.commanded(payload)
    for _ in range(1000):
        desk.commands.commanded(encode(say(kind="dance")))
    command = say()
    while len(await desk.answers()) < 100:
        await desk.goes_on()
    desk.give(command)
    while not desk.bus.said:
        await desk.goes_on()


async def test_a_full_disk_does_not_silence_it(desk: Desk, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    working = outbox.transaction

    def full() -> Any:
        raise StoreFullError("no room")

    monkeypatch.setattr(outbox, "transaction", full)
    command = say()
    desk.give(command)
    while not desk.bus.said:
        await desk.goes_on()
    monkeypatch.setattr(outbox, "transaction", working)
    while desk.commands._under_way:
        await desk.goes_on()
    desk.give(command)
    assert (await desk.answer()).result == "done", "asked again, it is answered"
