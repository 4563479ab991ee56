"""What is sent when, in virtual time."""

from itertools import count
from uuid import UUID

import pytest

from devices.events import Priority
from gateway.outbox import Waiting
from gateway.schedule import BATCH_BYTES, BATCH_EVENTS, P0_EVERY_S, Parcel, Schedule

P0, P1, P2 = Priority


class Line:
    """A schedule with a connection that only counts."""

    def __init__(self, jitter: float = 1.0) -> None:
        self.schedule = Schedule(5.0, lambda ceiling: ceiling * jitter)
        self.now = 0.0
        self._mids = count(1)
        self._positions = count(1)
        self.sent: list[tuple[float, Parcel]] = []
        self.unconfirmed: list[int] = []

    def stored(self, priority: Priority, number: int = 1, size: int = 300) -> list[UUID]:
        rows = [Waiting(p, UUID(int=p), b"x" * size) for p in (next(self._positions) for _ in range(number))]
        self.schedule.add(priority, rows, self.now)
        return [row.id for row in rows]

    def run(self, until: float, *, confirm: bool = True) -> None:
        while True:
            for parcel in self.schedule.due(self.now):
                mid = next(self._mids)
                self.schedule.sent(parcel, mid, self.now)
                self.sent.append((self.now, parcel))
                self.unconfirmed.append(mid)
            if confirm:
                self.confirm()
                if self.schedule.due(self.now):
                    continue
            due = self.schedule.next_due()
            if due is None or due > until:
                break
            assert due > self.now, "the schedule would spin"
            self.now = due
        self.now = until

    def confirm(self) -> None:
        for mid in self.unconfirmed:
            self.schedule.reached_broker(mid)
        self.unconfirmed.clear()

    def times(self) -> list[float]:
        return [at for at, _ in self.sent]


def test_p0_goes_first_whatever_came_before() -> None:
    line = Line()
    line.stored(P2, 5)
    line.stored(P1)
    line.stored(P0)
    line.run(0)
    assert [parcel.priority for _, parcel in line.sent] == [P0, P1, P2]


@pytest.mark.parametrize("jitter", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("confirm", [True, False])
def test_a_pending_p0_is_offered_at_least_every_five_seconds(jitter: float, confirm: bool) -> None:
    line = Line(jitter)
    line.stored(P0)
    line.run(600, confirm=confirm)
    gaps = [b - a for a, b in zip(line.times(), line.times()[1:], strict=False)]
    assert max(gaps) <= P0_EVERY_S
    assert min(gaps) >= 2.0  # the centre gets the time to answer
    assert line.times()[-1] >= 600 - P0_EVERY_S


def test_resends_of_other_classes_back_off() -> None:
    line = Line()
    line.stored(P1)
    line.run(300)
    gaps = [round(b - a) for a, b in zip(line.times(), line.times()[1:], strict=False)]
    assert gaps[:6] == [7, 12, 22, 42, 62, 62]


def test_acknowledged_events_are_not_sent_again() -> None:
    line = Line()
    ids = line.stored(P0, 3)
    line.run(0)
    line.schedule.acknowledged(ids[:2])
    line.sent.clear()
    line.run(20)
    assert {id for _, parcel in line.sent for id in parcel.events} == {ids[2]}
    line.schedule.acknowledged([*ids, UUID(int=999)])
    assert line.schedule.next_due() is None
    assert not line.schedule.urgent


def test_telemetry_travels_in_one_small_batch_at_a_time() -> None:
    line = Line()
    ids = line.stored(P2, 200, size=60)
    line.run(0)
    assert len(line.sent) == 1
    assert len(line.sent[0][1].events) == BATCH_EVENTS
    line.schedule.acknowledged(ids[:BATCH_EVENTS])
    assert line.schedule.room(P2) == 1
    assert line.schedule.position(P2) == BATCH_EVENTS  # the rest is read again


def test_a_batch_is_bounded_in_bytes() -> None:
    line = Line()
    line.stored(P2, 32, size=900)
    line.run(0)
    payload = line.sent[0][1].payload
    assert len(payload) <= BATCH_BYTES
    assert payload.startswith(b"[")
    assert payload.endswith(b"]")


def test_one_event_that_is_larger_than_a_batch_still_goes() -> None:
    line = Line()
    line.stored(P2, 1, size=3 * BATCH_BYTES)
    line.run(0)
    assert len(line.sent[0][1].payload) == 3 * BATCH_BYTES


def test_a_partly_acknowledged_batch_repeats_only_the_rest() -> None:
    line = Line()
    ids = line.stored(P2, 3)
    line.run(0)
    line.schedule.acknowledged(ids[:2])
    line.run(60)
    assert list(line.sent[-1][1].events) == ids[2:]
    assert not line.sent[-1][1].payload.startswith(b"[")


def test_telemetry_still_on_its_way_to_the_broker_is_not_sent_again_behind_itself() -> None:
    line = Line()
    line.stored(P2)
    line.run(300, confirm=False)
    assert line.times() == [0.0]
    line.confirm()
    line.run(301)
    assert line.times() == [0.0, 300.0]


def test_what_the_centre_never_answers_does_not_hold_up_the_rest() -> None:
    line = Line()
    for priority, window in ((P0, 16), (P1, 8), (P2, 1)):
        line.stored(priority, window)
        line.run(line.now)
        assert line.schedule.room(priority) == 0
    line.run(60)
    for priority in Priority:
        assert line.schedule.room(priority) > 0


def test_many_pending_calls_do_not_fill_the_line_with_repetitions() -> None:
    line = Line()
    for _ in range(100):
        line.stored(P0, line.schedule.wanted(P0))
        line.run(line.now + 20)
    in_a_minute = len([at for at in line.times() if at > line.now - 60])
    assert in_a_minute <= 60 / P0_EVERY_S * 16 * 2
    gaps = [b - a for a, b in zip(line.times(), line.times()[1:], strict=False)]
    assert max(gaps) <= P0_EVERY_S  # some pending call is always being offered


def test_on_a_new_connection_everything_goes_at_once_in_order_and_p1_in_small_portions() -> None:
    line = Line()
    for _ in range(6):
        line.stored(P1, line.schedule.wanted(P1))
        line.run(line.now + 60)
    line.stored(P0, 2)
    line.run(line.now)
    line.sent.clear()
    line.unconfirmed.clear()
    line.schedule.reconnected(line.now)
    line.run(line.now, confirm=False)
    assert [parcel.priority for _, parcel in line.sent] == [P0, P0, *[P1] * 8]


def test_a_call_without_a_word_of_the_broker_means_a_dead_connection() -> None:
    line = Line()
    line.stored(P0)
    line.run(19, confirm=False)
    assert not line.schedule.stalled(19, 20)
    line.run(21, confirm=False)
    assert line.schedule.stalled(21, 20)
    line.confirm()
    assert not line.schedule.stalled(21, 20)


def test_an_event_read_twice_is_under_way_once() -> None:
    line = Line()
    row = Waiting(1, UUID(int=1), b"x")
    line.schedule.add(P0, [row], 0)
    line.schedule.rewind()
    line.schedule.add(P0, [row, Waiting(2, UUID(int=2), b"y")], 0)
    line.run(0)
    assert len(line.sent) == 2
    assert line.schedule.position(P0) == 2
