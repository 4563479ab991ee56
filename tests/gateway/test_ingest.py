"""From the home's broker into the store: order of telling, redelivery, duplicates, a full disk."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
import pytest

from devices.envelope import Envelope
from devices.events import Fault, Gap, Priority
from gateway.errors import StoreFullError
from gateway.ingest import Ingest
from gateway.journal import Journal
from gateway.mqtt import Arrival, Connection, Token
from gateway.outbox import Call, Outbox
from gateway.room import Room
from gateway.scale import Scale
from gateway.store import Store
from gateway.taken import Taken
from gateway.understand import Understanding
from tests.gateway.virtual import VirtualClock

BASE = "anhu/device/v1"


class Broker:
    """A connection that notes which messages were acknowledged on it."""

    def __init__(self) -> None:
        self.acked: list[int] = []
        self.alive = True

    def acknowledge(self, mid: int) -> bool:
        if self.alive:
            self.acked.append(mid)
        return self.alive

    def message(self, topic: str, payload: object, mid: int | None, *, dup: bool = False) -> Arrival:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        token = None if mid is None else Token(cast(Connection, self), mid)
        return Arrival(topic, data, False, dup, token)


@dataclass
class Told:
    """Everybody who is told after a commit."""

    outbox: Outbox
    calls: list[Call] = field(default_factory=list)
    answers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    woken: list[bool] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)

    def stored(self, call: Call) -> None:
        self.calls.append(call)

    def answer(self, topic: str, payload: bytes) -> None:
        self.answers.append((topic, json.loads(payload)))

    def wake(self, urgent: bool) -> None:
        self.woken.append(urgent)

    def heard(self, device: str, at: float) -> None:
        self.devices.append(device)


class Bench:
    """Ingest with everything real but the broker."""

    def __init__(self, store: Store, outbox: Outbox, time: VirtualClock) -> None:
        self.store, self.outbox, self.time = store, outbox, time
        self.told = Told(outbox)
        self.free_mb = 1000.0
        self.broker = Broker()

    async def start(self) -> "Bench":
        taken = Taken(await self.store.rows("SELECT mid, digest FROM taken"))
        scale = await Scale.load(self.store)
        rows = await self.store.rows("SELECT source, base, device, memory FROM memory")
        memory = {(source, base, device): json.loads(text) for source, base, device, text in rows}
        understanding = Understanding([("native", BASE), ("zigbee2mqtt", "zigbee2mqtt")], memory)
        room = Room("gw-0001", 16, lambda: self.free_mb)
        journal = Journal(self.time, self.outbox, taken, room, scale)
        self.ingest = Ingest(self.time, understanding, taken, journal, scale, self.told)
        self.ingest.session(True)
        return self

    async def handle(self, *arrivals: Arrival) -> None:
        for arrival in arrivals:
            self.ingest.arrived(arrival)
        await self.ingest.handle_next()

    async def envelopes(self) -> list[Envelope]:
        rows = await self.store.rows("SELECT envelope FROM outbox ORDER BY position")
        return [msgspec.json.decode(row[0], type=Envelope) for row in rows]

    async def kinds(self) -> list[str]:
        return [e.kind for e in await self.envelopes()]


@pytest.fixture
async def bench(store: Store, outbox: Outbox, time: VirtualClock) -> Bench:
    return await Bench(store, outbox, time).start()


def event(kind: str = "sos", **more: object) -> dict[str, object]:
    return {"v": 1, "kind": kind, **more}


async def test_everybody_is_told_after_the_commit(bench: Bench) -> None:
    id = str(uuid4())
    await bench.handle(bench.broker.message(f"{BASE}/pull/up", event(id=id), 1))
    assert [str(e.id) for e in await bench.envelopes()] == [id]
    assert bench.told.answers == [(f"{BASE}/pull/ack", {"v": 1, "ids": [id]})]
    assert bench.told.calls == [Call(UUID(id), "pull", "sos")]
    assert bench.told.woken == [True]
    assert bench.told.devices == ["pull"]
    assert bench.broker.acked == [1]
    (envelope,) = await bench.envelopes()
    assert envelope.raw is not None
    assert envelope.raw.topic == f"{BASE}/pull/up"


async def test_nobody_is_told_when_the_commit_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    working = bench.outbox.add
    refusals = 3

    async def refuses(*args: Any, **kwargs: Any) -> bool:
        nonlocal refusals
        if refusals:
            refusals -= 1
            assert not bench.broker.acked
            raise StoreFullError("no room")
        return await working(*args, **kwargs)

    monkeypatch.setattr(bench.outbox, "add", refuses)
    handling = asyncio.create_task(bench.handle(bench.broker.message(f"{BASE}/pull/up", event(), 1)))
    while not handling.done():
        await bench.time.advance(1)
        await asyncio.sleep(0.001)  # the disk is a thread of its own
    await handling
    assert bench.broker.acked == [1]
    assert len(bench.told.calls) == 1
    assert sorted(await bench.kinds()) == ["fault", "sos"], "the centre learns of the full disk"


async def test_a_redelivered_message_is_stored_once(bench: Bench) -> None:
    press = ("zigbee2mqtt/bath", {"action": "emergency"}, 7)
    await bench.handle(bench.broker.message(*press))
    lost = bench.broker
    lost.alive = False
    bench.broker = Broker()
    bench.ingest.session(True)
    await bench.handle(bench.broker.message(*press, dup=True))
    assert await bench.kinds() == ["sos"]
    assert bench.broker.acked == [7]


async def test_a_redelivered_message_is_known_after_a_restart(
    bench: Bench, store: Store, outbox: Outbox, time: VirtualClock
) -> None:
    press = ("zigbee2mqtt/bath", {"action": "emergency"}, 7)
    bench.broker.alive = False  # committed, never acknowledged
    await bench.handle(bench.broker.message(*press))
    again = await Bench(store, outbox, time).start()
    await again.handle(again.broker.message(*press, dup=True))
    assert await again.kinds() == ["sos"]
    assert again.broker.acked == [7]


async def test_a_redelivered_message_that_was_never_stored_counts(bench: Bench) -> None:
    await bench.handle(bench.broker.message("zigbee2mqtt/bath", {"action": "emergency"}, 7, dup=True))
    assert await bench.kinds() == ["sos"]


async def test_the_same_words_under_the_same_message_id_are_another_press_unless_marked(bench: Bench) -> None:
    for _ in range(2):
        await bench.handle(bench.broker.message("zigbee2mqtt/bath", {"action": "emergency"}, 7))
        bench.time.jump(10)
    assert await bench.kinds() == ["sos", "sos"]


async def test_once_the_broker_has_read_the_acknowledgement_a_marked_message_is_a_new_one(bench: Bench) -> None:
    await bench.handle(bench.broker.message("zigbee2mqtt/bath", {"action": "emergency"}, 7))
    bench.ingest.proved(bench.ingest.acknowledged())
    bench.time.jump(10)
    await bench.handle(bench.broker.message("zigbee2mqtt/bath", {"action": "emergency"}, 7, dup=True))
    assert await bench.kinds() == ["sos", "sos"]
    assert bench.ingest.acknowledged() == {7: bench.ingest._taken._digests[7]}


async def test_a_lost_session_ends_what_was_taken(bench: Bench, store: Store) -> None:
    await bench.handle(bench.broker.message("zigbee2mqtt/bath", {"action": "emergency"}, 7))
    assert len(await store.rows("SELECT * FROM taken")) == 1
    bench.ingest.session(False)
    await bench.ingest.handle_next()
    assert await store.rows("SELECT * FROM taken") == []


async def test_an_acknowledgement_on_a_dead_connection_is_not_counted_as_given(bench: Bench) -> None:
    bench.broker.alive = False
    await bench.handle(bench.broker.message("zigbee2mqtt/bath", {"action": "emergency"}, 7))
    assert bench.ingest.acknowledged() == {}


async def test_the_second_half_of_a_press_after_a_long_absence(
    bench: Bench, store: Store, outbox: Outbox, time: VirtualClock
) -> None:
    """The broker kept it for us; it does not say since when."""
    await bench.handle(bench.broker.message("zigbee2mqtt/bath", {"action": "emergency"}, 1))
    time.jump(3600)
    again = await Bench(store, outbox, time).start()
    await again.handle(
        again.broker.message("zigbee2mqtt/bath", {"action": ""}, 2),
        again.broker.message("zigbee2mqtt/bath/action", b"emergency", 3),
    )
    assert await again.kinds() == ["sos"]
    await again.handle(again.broker.message("zigbee2mqtt/bath", {"action": "emergency"}, 4))
    assert await again.kinds() == ["sos", "sos"], "and another press is another press"


async def test_a_device_that_resends_gets_its_answer_again(bench: Bench) -> None:
    id = str(uuid4())
    for mid in (1, 2, 3):
        await bench.handle(bench.broker.message(f"{BASE}/pull/up", event(id=id), mid))
    assert await bench.kinds() == ["sos"]
    assert [answer["ids"] for _, answer in bench.told.answers] == [[id]] * 3
    assert len(bench.told.calls) == 1
    assert (await bench.envelopes())[0].seq == 1
    await bench.handle(bench.broker.message(f"{BASE}/pull/up", event(), 4))
    assert (await bench.envelopes())[1].seq == 2, "duplicates leave no hole in the numbering"


async def test_an_id_that_belongs_to_another_device_silences_nobody(bench: Bench) -> None:
    id = str(uuid4())
    for mid, device in enumerate(["pull", "band", "band"]):
        await bench.handle(bench.broker.message(f"{BASE}/{device}/up", event(id=id), mid + 1))
    assert [e.device for e in await bench.envelopes()] == ["pull", "band"]
    assert len({e.id for e in await bench.envelopes()}) == 2
    assert [answer["ids"] for _, answer in bench.told.answers] == [[id]] * 3


async def test_the_good_part_of_a_message_is_kept_and_the_rest_is_answered(bench: Bench) -> None:
    good, bad = str(uuid4()), str(uuid4())
    both = [event(id=good), event("heart_rate", id=bad, body={"value": "fast"})]
    await bench.handle(bench.broker.message(f"{BASE}/band/up", both, 1))
    (_, answer), *_ = bench.told.answers
    assert answer["ids"] == [good]
    assert [(e["id"], e["field"]) for e in answer["errors"]] == [(bad, "[1].body.value")]
    assert await bench.store.rows("SELECT source, field FROM quarantine") == [("native", "[1].body.value")]


async def test_clear_and_simulated_say_nothing_to_the_resident(bench: Bench) -> None:
    await bench.handle(
        bench.broker.message(f"{BASE}/radar/up", event("fall", phase="clear"), 1),
        bench.broker.message(f"{BASE}/radar/up", event("fall", mode="simulated"), 2),
        bench.broker.message(f"{BASE}/radar/up", event("fall", mode="exercise"), 3),
    )
    assert len(bench.told.calls) == 1
    assert len(await bench.envelopes()) == 3


async def test_everything_that_arrived_is_one_transaction(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = 0
    working = bench.outbox.transaction

    def counted() -> Any:
        nonlocal commits
        commits += 1
        return working()

    monkeypatch.setattr(bench.outbox, "transaction", counted)
    arrivals = [bench.broker.message(f"{BASE}/pull/up", event(), mid) for mid in range(1, 51)]
    for arrival in arrivals:
        bench.ingest.arrived(arrival)
    await bench.ingest.handle_next()
    assert commits == 1
    assert bench.broker.acked == list(range(1, 51))


async def test_without_room_telemetry_is_refused_and_calls_are_not(bench: Bench) -> None:
    bench.free_mb = 3
    reading = event("heart_rate", body={"value": 70}, id=str(uuid4()))
    await bench.handle(
        bench.broker.message(f"{BASE}/band/up", reading, 1),
        bench.broker.message(f"{BASE}/pull/up", event(), 2),
    )
    assert await bench.kinds() == ["fault", "sos"]
    assert bench.told.answers[0][1] == {"v": 1}, "not safe: the device keeps it"
    assert bench.broker.acked == [1, 2]
    bench.free_mb = 1000
    await bench.handle(bench.broker.message(f"{BASE}/band/up", reading, 3))
    fault, _, clear, gap, kept = await bench.envelopes()
    assert isinstance(fault.said(), Fault)
    assert clear.phase == "clear"
    said = gap.said()
    assert isinstance(said, Gap)
    assert (said.first_seq, said.count) == (2, 1)
    assert kept.kind == "heart_rate"


async def test_a_full_disk_gives_up_telemetry_for_a_call(bench: Bench) -> None:
    reading = event("heart_rate", body={"value": 70})
    for mid in range(1, 40):
        await bench.handle(bench.broker.message(f"{BASE}/band/up", [reading] * 30, mid))
    pages = await bench.store.rows("PRAGMA page_count")
    await bench.store._db.execute(f"PRAGMA max_page_count = {pages[0][0]}")
    for mid in range(40, 80):
        await bench.handle(bench.broker.message(f"{BASE}/pull/up", event(), mid))
    calls = await bench.outbox.waiting(Priority.P0, 0, 1000)
    assert len(calls) == 40
    assert "gap" in await bench.kinds()
    assert "fault" in await bench.kinds()


async def test_quarantine_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.journal._QUARANTINED_ROWS", 5)
    for mid in range(1, 12):
        await bench.handle(bench.broker.message("zigbee2mqtt/bath", b"\xff" * 100_000, mid))
    rows = await bench.store.rows("SELECT length(payload), size FROM quarantine")
    assert rows == [(16384, 100_000)] * 5
    assert await bench.kinds() == ["unknown"]


async def test_a_flood_costs_no_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.ingest._WAITING", 3)
    for _ in range(10):
        bench.ingest.arrived(bench.broker.message("zigbee2mqtt/x", b"{}", None))
    bench.ingest.arrived(bench.broker.message(f"{BASE}/pull/up", event(), 1))
    await bench.ingest.handle_next()
    assert await bench.kinds() == ["sos"]


async def test_a_topic_that_is_no_text(tmp_path: Path, bench: Bench) -> None:
    await bench.handle(bench.broker.message("", b"x", 1))
    assert bench.broker.acked == [1]
