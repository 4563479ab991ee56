"""What is sent when: priorities, windows, resends. Pure: time is passed in, nothing is sent here.

Never lets p0 wait behind p2, and never stops offering what the centre has not acknowledged.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from devices.events import Priority
from gateway.outbox import Waiting

P0_EVERY_S = 5.0
"""A pending p0 is offered at least this often, whatever the back-off."""

BATCH_EVENTS = 32
BATCH_BYTES = 4096
"""Half of what docs/protocol.md allows: on a line of 16 kbit/s a call behind a whole batch waits two seconds."""

_ANSWER_S = 2.0
"""No resend before the centre had this long to answer."""

_LONGEST_S = 60.0
_FRESH_TRIES = 3
"""What was sent so often without an answer no longer holds up what comes behind it."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """Messages at a time: `window` unanswered by the centre, and as many unconfirmed by the broker; `total` in all."""

    window: int
    total: int


_LANES = {
    Priority.P0: _Lane(window=16, total=1000),
    Priority.P1: _Lane(window=8, total=200),
    Priority.P2: _Lane(window=1, total=8),
}


@dataclass(slots=True, eq=False)
class Parcel:
    """One message: a p0 or p1 event, or a batch of p2."""

    priority: Priority
    events: dict[UUID, bytes]
    due: float
    tries: int = 0
    mids: set[int] = field(default_factory=set)  # transmissions that the broker has not confirmed
    quiet_since: float | None = None  # when the first of them was sent

    @property
    def payload(self) -> bytes:
        """The message; what the centre acknowledged meanwhile is no longer in it."""
        envelopes = list(self.events.values())
        return envelopes[0] if len(envelopes) == 1 else b"[" + b",".join(envelopes) + b"]"


@dataclass(slots=True)
class _State:
    parcels: list[Parcel] = field(default_factory=list)
    last: int = 0  # position of the last event taken from the outbox


class Schedule:
    """The events under way, by priority."""

    def __init__(self, resend_s: float, jitter: Callable[[float], float] | None = None) -> None:
        self._resend_s = resend_s
        self._jitter = jitter or (lambda ceiling: random.uniform(0, ceiling))  # noqa: S311 - not a secret
        self._lanes = {priority: _State() for priority in Priority}
        self._home: dict[UUID, Parcel] = {}
        self._mids: dict[int, Parcel] = {}

    def position(self, priority: Priority) -> int:
        """Where in the outbox to go on reading."""
        return self._lanes[priority].last

    def room(self, priority: Priority) -> int:
        """How many more messages of this priority may be under way."""
        limits, parcels = _LANES[priority], self._lanes[priority].parcels
        fresh = sum(parcel.tries < _FRESH_TRIES for parcel in parcels)
        return max(0, min(limits.window - fresh, limits.total - len(parcels)))

    def wanted(self, priority: Priority) -> int:
        """How many events to read from the outbox; 0 when there is no room."""
        room = self.room(priority)
        return room * BATCH_EVENTS if priority is Priority.P2 else room

    def add(self, priority: Priority, waiting: list[Waiting], now: float) -> None:
        """Takes events read behind `position`; leaves for the next time those that do not fit."""
        room = self.room(priority)
        lane = self._lanes[priority]
        parcel: Parcel | None = None
        for one in waiting:
            if one.id not in self._home:
                if parcel is None or not _fits(parcel, one):
                    if room == 0:
                        return
                    room -= 1
                    parcel = Parcel(priority, {}, due=now)
                    lane.parcels.append(parcel)
                parcel.events[one.id] = one.envelope
                self._home[one.id] = parcel
            lane.last = one.position

    def _sendable(self, priority: Priority) -> tuple[list[Parcel], int]:
        """What could be sent apart from its time, and how much of it: the line to the broker is kept short."""
        parcels = self._lanes[priority].parcels
        if priority is Priority.P0:
            # Again even while the first transmission is under way: the connection may be dead without knowing it.
            return parcels, len(parcels)
        idle = [parcel for parcel in parcels if not parcel.mids]
        return idle, max(0, _LANES[priority].window - (len(parcels) - len(idle)))

    def due(self, now: float) -> list[Parcel]:
        """What to send now, most urgent first."""
        found: list[Parcel] = []
        for priority in Priority:
            parcels, room = self._sendable(priority)
            found += [parcel for parcel in parcels if parcel.due <= now][:room]
        return found

    def next_due(self) -> float | None:
        """When to look again, if nothing happens before."""
        times = [parcel.due for p in Priority for parcels, room in [self._sendable(p)] if room for parcel in parcels]
        return min(times, default=None)

    def sent(self, parcel: Parcel, mid: int, now: float) -> None:
        """It was handed to the connection."""
        parcel.tries += 1
        parcel.mids.add(mid)
        self._mids[mid] = parcel
        if parcel.quiet_since is None:
            parcel.quiet_since = now
        parcel.due = now + self._wait(parcel)

    def _wait(self, parcel: Parcel) -> float:
        calls = self._lanes[Priority.P0].parcels
        if parcel.priority is Priority.P0 and parcel not in calls[: _LANES[Priority.P0].window]:
            # Very many wait: the oldest keep the pace, the others share it, so that repetitions do not fill the line.
            share = P0_EVERY_S * len(calls) / _LANES[Priority.P0].window
            return share / 2 + self._jitter(share / 2)
        wait = _ANSWER_S + self._jitter(min(_LONGEST_S, self._resend_s * 2.0 ** min(parcel.tries - 1, 10)))
        return min(wait, P0_EVERY_S) if parcel.priority is Priority.P0 else wait

    def reached_broker(self, mid: int) -> None:
        """The broker has it, which proves nothing about the centre but that the connection lives."""
        if (parcel := self._mids.pop(mid, None)) is not None:
            parcel.mids.discard(mid)
            parcel.quiet_since = None

    def acknowledged(self, ids: Iterable[UUID]) -> None:
        """The centre has committed these."""
        for id in ids:
            parcel = self._home.pop(id, None)
            if parcel is None:
                continue
            del parcel.events[id]
            if not parcel.events:
                self._lanes[parcel.priority].parcels.remove(parcel)
                for mid in parcel.mids:
                    self._mids.pop(mid, None)

    def reconnected(self, now: float) -> None:
        """On a new connection everything under way is sent anew, at once."""
        self._mids.clear()
        for state in self._lanes.values():
            for parcel in state.parcels:
                parcel.mids.clear()
                parcel.quiet_since, parcel.due, parcel.tries = None, now, 0

    def rewind(self) -> None:
        """The outbox is read from its beginning again: events may have become pending that were not."""
        for state in self._lanes.values():
            state.last = 0

    @property
    def urgent(self) -> bool:
        """A p0 is under way and not acknowledged."""
        return bool(self._lanes[Priority.P0].parcels)

    def stalled(self, now: float, seconds: float) -> bool:
        """A p0 was sent this long ago, and again, without a word of the broker: the connection is dead."""
        return any(
            parcel.quiet_since is not None and parcel.tries > 1 and now - parcel.quiet_since >= seconds
            for parcel in self._lanes[Priority.P0].parcels
        )


def _fits(parcel: Parcel, one: Waiting) -> bool:
    if parcel.priority is not Priority.P2:
        return False
    size = sum(len(envelope) + 1 for envelope in parcel.events.values())
    return len(parcel.events) < BATCH_EVENTS and size + len(one.envelope) < BATCH_BYTES
