"""Any order of storing, acknowledging, resending, restarting, restoring: nothing is lost, what is done never waits."""

import asyncio
import tempfile
from pathlib import Path
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devices import events, readings
from devices.events import Priority
from devices.registry import Report
from gateway.outbox import Outbox
from gateway.schedule import Schedule
from gateway.stamp import Stamp, moment
from gateway.store import Store
from tests.gateway.virtual import VirtualClock

SAYINGS: dict[Priority, events.Said] = {
    Priority.P0: events.Sos(),
    Priority.P1: events.BatteryLow(),
    Priority.P2: readings.Steps(value=1),
}


class OutboxMachine(RuleBasedStateMachine):
    """The outbox and the schedule in front of it, beside a model of sets."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = tempfile.TemporaryDirectory()
        self.time = VirtualClock()
        self.stored: dict[UUID, Priority] = {}
        self.pending: set[UUID] = set()
        self.acked_once: set[UUID] = set()
        self.epoch: str | None = None
        self.mid = 0
        self.start()

    def start(self) -> None:
        self.store = self.runner.run(Store.open(Path(self.directory.name) / "x.db"))
        self.outbox = Outbox(self.store, Stamp("gw-0001"), self.time)
        self.schedule = Schedule(5.0)

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()
        self.directory.cleanup()

    @rule(said=st.lists(st.sampled_from(list(Priority)), min_size=1, max_size=5))
    def store_events(self, said: list[Priority]) -> None:
        async def put() -> None:
            async with self.outbox.transaction() as db:
                for priority in said:
                    report = Report(device="d", said=SAYINGS[priority])
                    envelope = self.outbox.stamp.envelope(report, moment(self.time))
                    assert await self.outbox.add(db, envelope, feedback=priority is Priority.P0)
                    self.stored[envelope.id] = priority
                    self.pending.add(envelope.id)

        self.runner.run(put())

    @rule()
    def send(self) -> None:
        """As the uplink does: refill every lane, send what is due."""

        async def refill() -> None:
            for priority in Priority:
                while wanted := self.schedule.wanted(priority):
                    waiting = await self.outbox.waiting(priority, self.schedule.position(priority), wanted)
                    if not waiting:
                        break
                    self.schedule.add(priority, waiting, self.time.mono())

        self.runner.run(refill())
        for parcel in self.schedule.due(self.time.mono()):
            self.mid += 1
            self.schedule.sent(parcel, self.mid, self.time.mono())
            self.schedule.reached_broker(self.mid)
            assert parcel.events

    @rule(data=st.data(), epoch=st.sampled_from(["same", "same", "same", "new"]), stranger=st.booleans())
    def acknowledge(self, data: st.DataObject, epoch: str, stranger: bool) -> None:
        """Of anything ever stored: acknowledgements come late, twice, and for things long gone."""
        ids = data.draw(st.lists(st.sampled_from(sorted(self.stored)), max_size=6)) if self.stored else []
        if epoch == "new" or self.epoch is None:
            restored = self.epoch is not None
            self.epoch = str(uuid4())
            again = {id for id in self.acked_once if self.stored[id] is not Priority.P2} - self.pending
        else:
            restored, again = False, set()
        batch = [*ids, uuid4()] if stranger else ids
        result = self.runner.run(self.outbox.acknowledge([(self.epoch, batch)]))
        assert result.offered_again == (len(again) if restored else 0)
        if restored:
            self.pending |= again
        calls = {id for id in ids if self.stored[id] is Priority.P0} - self.acked_once
        assert {call.id for call in result.calls} == calls
        assert len(result.calls) == len(calls)
        self.pending -= set(ids)
        self.acked_once |= set(ids)
        self.schedule.acknowledged(batch)
        if result.offered_again:
            self.schedule.rewind()

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.time.jump(seconds)

    @rule()
    def connection_lost(self) -> None:
        self.schedule.reconnected(self.time.mono())

    @rule()
    def restart(self) -> None:
        self.runner.run(self.store.close())
        self.start()

    @precondition(lambda self: self.pending)
    @rule()
    def everything_is_offered_in_the_end(self) -> None:
        """A patient centre that acknowledges whatever arrives has everything after a while."""
        for _ in range(200):
            if not self.pending:
                break
            self.send()
            under_way = [id for id in self.pending if id in self.schedule._home]
            self.runner.run(self.outbox.acknowledge([(self.epoch or "e", under_way)]))
            self.epoch = self.epoch or "e"
            self.schedule.acknowledged(under_way)
            self.pending -= set(under_way)
            self.acked_once |= set(under_way)
            self.time.jump(70)
        assert not self.pending

    @invariant()
    def the_store_agrees(self) -> None:
        waiting: dict[UUID, Priority] = {}
        for priority in Priority:
            rows = self.runner.run(self.outbox.waiting(priority, 0, 10_000))
            assert [r.position for r in rows] == sorted(r.position for r in rows)
            waiting |= {row.id: priority for row in rows}
        assert waiting == {id: self.stored[id] for id in self.pending}


OutboxMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestOutbox = OutboxMachine.TestCase
