"""The board as cards: what an operator must know of an alarm from across the room."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from server.alarms.lifecycle import State
from server.alarms.views import BoardRow
from server.console import words
from server.console.wording import LATE_FROM_S, Wording

TARGET_S = 60
"""Seconds in which an operator should have taken the alarm (97.5 % of them; TEC Quality)."""


@dataclass(frozen=True, slots=True)
class Card:
    """One alarm, said in one language."""

    id: UUID
    number: int
    version: int
    priority: int
    priority_word: str
    who: str
    about: str
    kind: str  # of the gravest signal, with how often it came
    also: str  # other kinds that joined
    device: str
    place: str
    mark: str  # TEST, DRILL, SIMULATED or nothing
    since: datetime
    age: str
    overdue: bool  # waits longer than TARGET_S
    may_cancel_until: datetime | None
    late: str  # how late it reached the centre, if it did
    state: str
    status: str  # who has it, who is coming
    unanswered: bool
    waiting: bool


@dataclass(frozen=True, slots=True)
class Board:
    """All cards by where they stand."""

    waiting: list[Card]
    in_hand: list[Card]
    technical: list[Card]
    sound: int | None  # the gravest priority that nobody has taken; None is silence

    @property
    def empty(self) -> bool:
        """Nothing is wrong."""
        return not (self.waiting or self.in_hand or self.technical)


def board_of(wording: Wording, rows: Sequence[BoardRow], now: datetime) -> Board:
    """Rows come by priority, then age; so do the cards."""
    cards = [(row, card(wording, row, now)) for row in rows]
    people = [(row, each) for row, each in cards if row.priority < 3]
    sounding = [row.priority for row in rows if sounds(row)]
    return Board(
        waiting=[each for row, each in people if row.claimed_by_id is None or row.unseen],
        in_hand=[each for row, each in people if row.claimed_by_id is not None and not row.unseen],
        technical=[each for row, each in cards if row.priority >= 3],
        sound=min(sounding, default=None),
    )


def sounds(row: BoardRow) -> bool:
    """Whether it sounds: until an operator takes it, and again when there is a call after that.

    What may still be taken back, and what is simulated, does not.
    """
    quiet = row.state in (State.PRE_ALARM, State.CLOSED) or row.mode == "simulated"
    return (row.claimed_by_id is None or row.unseen) and not quiet


def card(wording: Wording, row: BoardRow, now: datetime) -> Card:
    """One row as a card."""
    waiting = (row.claimed_by_id is None or row.unseen) and row.state != State.CLOSED
    return Card(
        id=row.id,
        number=row.number,
        version=row.version,
        priority=row.priority,
        priority_word=wording.say(words.PRIORITIES[min(row.priority, 3)]),
        who=wording.subject(row),
        about=wording.about(row, now),
        kind=wording.kind(row.kind) + (f" ×{row.presses}" if row.presses > 1 else ""),
        also=wording.list_of([wording.kind(kind) for kind in row.kinds if kind != row.kind][:3]),
        device=wording.device(row),
        place=row.address or wording.name(row.region_name),
        mark=wording.word(words.MODES, row.mode) if row.mode in words.MODES else "",
        since=row.raised_at,
        age=wording.ticking(row.raised_at, now),
        overdue=waiting and row.priority < 3 and (now - row.raised_at).total_seconds() > TARGET_S,
        may_cancel_until=row.pre_alarm_until,
        late=wording.duration(row.late_s) if row.late_s >= LATE_FROM_S else "",
        state=row.state,
        status=status_of(wording, row),
        unanswered=row.unanswered,
        waiting=waiting,
    )


def status_of(wording: Wording, row: BoardRow) -> str:
    """Who has it and who is coming, in one line."""
    parts: list[str] = []
    if row.state == State.CLOSED:
        parts.append(wording.outcome(row.outcome))
    if row.claimed_by:
        parts.append(row.claimed_by)
    if row.accepted_by and row.duty:
        duty = wording.word(words.DUTIES, row.duty)
        parts.append(wording.say("%(person)s %(duty)s") % {"person": row.accepted_by, "duty": duty})
    return " · ".join(parts)
