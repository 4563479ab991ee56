"""The queue in the store: order, acknowledgement, restoring the centre, forgetting."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from devices import events, readings
from devices.envelope import Envelope
from devices.events import Priority
from devices.registry import Report
from gateway.outbox import KEEP, Outbox
from gateway.stamp import Stamp, moment
from gateway.store import Store
from tests.gateway.virtual import VirtualClock

SOS = events.Sos()
READING = readings.HeartRate(value=70)
BATTERY = events.BatteryLow()


async def put(outbox: Outbox, time: VirtualClock, *said: events.Said) -> list[UUID]:
    ids = []
    async with outbox.transaction() as db:
        for one in said:
            feedback = one is SOS
            envelope = outbox.stamp.envelope(Report(device="d", said=one), moment(time))
            assert await outbox.add(db, envelope, feedback=feedback)
            ids.append(envelope.id)
    return ids


async def waiting(outbox: Outbox, priority: Priority) -> list[UUID]:
    return [w.id for w in await outbox.waiting(priority, 0, 1000)]


async def test_by_class_and_in_order(outbox: Outbox, time: VirtualClock) -> None:
    ids = await put(outbox, time, READING, SOS, BATTERY, SOS, READING)
    assert await waiting(outbox, Priority.P0) == [ids[1], ids[3]]
    assert await waiting(outbox, Priority.P1) == [ids[2]]
    assert await waiting(outbox, Priority.P2) == [ids[0], ids[4]]
    first = (await outbox.waiting(Priority.P0, 0, 1))[0]
    assert [w.id for w in await outbox.waiting(Priority.P0, first.position, 10)] == [ids[3]]
    assert msgspec.json.decode(first.envelope, type=Envelope).id == ids[1]


async def test_the_same_id_is_queued_once(outbox: Outbox, time: VirtualClock) -> None:
    envelope = outbox.stamp.envelope(Report(device="d", said=SOS), moment(time))
    async with outbox.transaction() as db:
        assert await outbox.add(db, envelope)
        assert not await outbox.add(db, envelope)
    assert (await outbox.depth()).total == 1


async def test_acknowledged_calls_are_kept_and_telemetry_goes(outbox: Outbox, time: VirtualClock, store: Store) -> None:
    sos, reading = await put(outbox, time, SOS, READING)
    result = await outbox.acknowledge([("e1", [sos, reading, uuid4()])])
    assert [call.id for call in result.calls] == [sos]
    assert (await outbox.depth()).total == 0
    assert await store.rows("SELECT kind FROM outbox") == [("sos",)]
    again = await outbox.acknowledge([("e1", [sos])])
    assert again.calls == (), "the resident hears of it once"


async def test_a_restored_centre_is_offered_everything_again(outbox: Outbox, time: VirtualClock) -> None:
    old, other, reading = await put(outbox, time, SOS, BATTERY, READING)
    await outbox.acknowledge([("e1", [old, other, reading])])
    (new,) = await put(outbox, time, SOS)
    result = await outbox.acknowledge([("e2", [new])])
    assert result.offered_again == 2
    assert [call.id for call in result.calls] == [new]
    assert await waiting(outbox, Priority.P0) == [old]
    assert await waiting(outbox, Priority.P1) == [other]
    assert (await outbox.unanswered()) == [], "a call that was confirmed before is not confirmed again"
    again = await outbox.acknowledge([("e2", [old, other])])
    assert again.calls == ()
    assert again.offered_again == 0
    assert (await outbox.depth()).total == 0


async def test_the_first_epoch_changes_nothing(outbox: Outbox, time: VirtualClock) -> None:
    (sos,) = await put(outbox, time, SOS)
    assert (await outbox.acknowledge([("e1", [sos]), ("e1", [])])).offered_again == 0


async def test_forgets_after_seven_days_and_only_what_is_acknowledged(
    outbox: Outbox, time: VirtualClock, store: Store
) -> None:
    acked, pending = await put(outbox, time, SOS, SOS)
    await outbox.acknowledge([("e1", [acked])])
    time.jump(KEEP.total_seconds() - 1)
    await outbox.prune()
    assert len(await store.rows("SELECT 1 FROM outbox")) == 2
    time.jump(2)
    await outbox.prune()
    assert await store.rows("SELECT id FROM outbox") == [(pending.bytes,)]


async def test_a_clock_that_was_not_set_makes_nothing_old(outbox: Outbox, time: VirtualClock, store: Store) -> None:
    time.set_wall(datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
    (sos,) = await put(outbox, time, SOS)
    await outbox.acknowledge([("e1", [sos])])
    await outbox.prune()
    time.set_wall(datetime(2026, 3, 1, tzinfo=UTC))
    await outbox.prune()
    assert len(await store.rows("SELECT 1 FROM outbox")) == 1
    time.jump((KEEP + timedelta(seconds=1)).total_seconds())
    await outbox.prune()
    assert await store.rows("SELECT 1 FROM outbox") == []


async def test_too_much_telemetry_goes_oldest_first_with_a_gap_record(outbox: Outbox, time: VirtualClock) -> None:
    ids = await put(outbox, time, SOS, *[READING] * 10)
    assert await outbox.drop_telemetry(4, "test") == 6
    left = await outbox.waiting(Priority.P2, 0, 100)
    assert [w.id for w in left[:-1]] == ids[7:]
    gap = msgspec.json.decode(left[-1].envelope, type=Envelope).said()
    assert gap == events.Gap(lost_stream=outbox.stamp.stream, first_seq=2, last_seq=7, count=6, reason="test")
    assert await waiting(outbox, Priority.P0) == [ids[0]]
    assert await outbox.drop_telemetry(4, "test") == 0, "the gap record itself is never dropped"


async def test_numbers_of_a_failed_transaction_are_given_out_again(outbox: Outbox, time: VirtualClock) -> None:
    async def fails() -> None:
        async with outbox.transaction() as db:
            await outbox.add(db, outbox.stamp.envelope(Report(device="d", said=SOS), moment(time)))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    assert outbox.stamp.seq == 0
    assert (await outbox.depth()).total == 0
    await put(outbox, time, SOS)
    oldest = (await outbox.depth()).oldest
    assert oldest is not None
    assert oldest.seq == 1


async def test_survives_a_restart(tmp_path: Path, time: VirtualClock) -> None:
    store = await Store.open(tmp_path / "x.db")
    first = Outbox(store, Stamp("gw-0001"), time)
    ids = await put(first, time, SOS, SOS, READING)
    await first.acknowledge([("e1", [ids[0]])])
    await store.close()
    store = await Store.open(tmp_path / "x.db")
    try:
        second = Outbox(store, Stamp("gw-0001"), time)
        assert await waiting(second, Priority.P0) == [ids[1]]
        assert [call.id for call, _ in await second.unanswered()] == [ids[1]]
        assert (await second.acknowledge([("e2", [])])).offered_again == 1, "the epoch is remembered"
        assert second.stamp.stream != first.stamp.stream
    finally:
        await store.close()
