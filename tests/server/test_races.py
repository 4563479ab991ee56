"""Two at once: one row wins, the other hears why; nothing is doubled."""

import asyncio

import pytest
from sqlalchemy import select

from devices.envelope import encode, up_topic
from devices.events import Fall, Mode, Priority
from server.alarms.model import Alarm, SignalRow, Timeline, UiEvent
from server.alarms.timeline import entry_hash
from server.errors import AlreadyTakenError
from server.escalation.worker import Worker
from server.ingest.ingest import Ingest
from server.migrations.check import check
from server.notify.channel import GiveUp, KeyOutcome, OutgoingCall, Placed, Retry, Unsure
from tests.server.harness import Broker, Story


async def test_two_claims_at_once(told: Story) -> None:
    await told.press()
    (row,) = await told.board()
    results = await asyncio.gather(told.claim("anna", row.id), told.claim("ben", row.id), return_exceptions=True)
    lost = [r for r in results if isinstance(r, AlreadyTakenError)]
    assert len(lost) == 1
    assert (await told.board())[0].claimed_by != lost[0].taken_by or lost[0].taken_by in ("Anna", "Ben")
    assert (await told.board())[0].claimed_by == lost[0].taken_by


async def test_two_people_accept_at_once(told: Story) -> None:
    await told.press()
    await told.forward(76)
    one, two = await asyncio.gather(told.press_key("daughter", "1"), told.press_key("neighbour", "1"))
    assert {one.outcome, two.outcome} == {KeyOutcome.ACCEPTED, KeyOutcome.TAKEN}


async def test_two_servers_take_in_the_same_presses(told: Story) -> None:
    """Each gets every message, as two subscribers do; one alarm, each press one signal."""
    other = Ingest(told.centre, Broker(), "epoch-1")
    presses = [told.envelope() for _ in range(20)]

    async def take_in(ingest: Ingest) -> None:
        for press in presses:
            ingest.receive(up_topic("gw-1", Priority.P0), encode(press))
            await ingest.take_in(ingest._take())

    await asyncio.gather(take_in(told.ingest), take_in(other))
    assert (await told.count(Alarm), await told.count(SignalRow)) == (1, 20)


async def test_two_workers_make_one_call(told: Story) -> None:
    await told.press()
    others = [Worker(told.centre) for _ in range(3)]
    for _ in range(20):
        told.clock.advance(1)
        await asyncio.gather(*(worker.tick() for worker in [told.worker, *others]))
    assert len(told.phone.placed) == 1


async def test_one_call_at_a_time_to_a_number(told: Story) -> None:
    """The same daughter, an alarm and a drill at once: the second call waits for the first."""
    await told.press()
    await told.press(mode=Mode.EXERCISE)
    await told.forward(15)
    assert len(told.phone.placed) == 1


async def test_timeline_is_a_chain(told: Story) -> None:
    await told.press()
    await told.claim("anna", (await told.board())[0].id)
    await told.forward(15)
    async with told.centre.db.read() as session:
        entries = (await session.scalars(select(Timeline).order_by(Timeline.seq))).all()
    previous = ""
    for number, entry in enumerate(entries, start=1):
        digest = entry_hash(previous, entry.alarm_id, number, entry.at, entry.kind, entry.actor, entry.body)
        assert (entry.seq, entry.previous_hash, entry.hash) == (number, previous, digest)
        previous = entry.hash
    assert len(entries) > 4


async def test_every_change_rings_the_doorbell(told: Story) -> None:
    rung = told.centre.wakeup.subscribe()
    before = await told.count(UiEvent)
    await told.press()
    assert rung.is_set()
    assert await told.count(UiEvent) > before


@pytest.mark.timeout(60)
async def test_migrations_equal_models_on_both(database_url: str) -> None:
    assert await check(database_url) == []


async def test_a_slow_provider_holds_up_nobody_else(told: Story) -> None:
    """While one call is being placed for as long as the provider likes, other alarms' steps go on."""
    slow, placing = asyncio.Event(), asyncio.Event()
    place = told.phone.place

    async def hesitating(call: OutgoingCall) -> Placed | Retry | Unsure | GiveUp:
        if not placing.is_set():
            placing.set()
            await slow.wait()
        return await place(call)

    told.phone.place = hesitating  # type: ignore[method-assign]
    await told.press()
    told.clock.advance(15)
    running = asyncio.create_task(told.worker.run())
    try:
        async with asyncio.timeout(30):
            await placing.wait()
            await told.send(told.envelope(Fall(), gateway="gw-2"))
            told.clock.advance(30)
            waiter = told.centre.wakeup.subscribe()
            while (await told.board("jian"))[0].state != "open":
                await told.centre.wakeup.wait(0.1, waiter)
    finally:
        slow.set()
        told.centre.wakeup.stop()
        await running
