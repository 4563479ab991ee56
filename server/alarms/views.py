"""What the console and the API show of an alarm. Plain values, made by queries.py, no rows of the database."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One alarm on the board."""

    id: UUID
    number: int
    version: int
    state: str  # pre_alarm, open, claimed, responding, closed
    duty: str | None  # accepted, on_the_way, on_site, inside
    priority: int  # 1 life, 2 urgent, 3 technical
    kind: str  # of the gravest signal
    kinds: tuple[str, ...]  # all kinds that joined, gravest first
    presses: int  # number of signals of `kind` raised
    mode: str
    subject: str  # resident:<id>, gateway:<id>, centre:<what>
    resident_id: str | None
    resident_name: str | None
    resident_born: date | None
    categories: tuple[str, ...]
    region: str | None
    region_name: dict[str, str]  # by language; empty when unknown
    address: str | None
    gateway_id: str | None
    device: str  # of the latest signal of `kind`
    device_name: dict[str, str]
    device_registered: bool
    room: str | None
    opened_at: datetime
    event_at: datetime
    raised_at: datetime  # receipt of the first signal of `kind`: ages count from here, also where it joined later
    late_s: float  # receipt minus event time of that signal; shown from 30 s
    last_signal_at: datetime
    pre_alarm_until: datetime | None
    claimed_by: str | None  # display name
    claimed_by_id: UUID | None
    claimed_at: datetime | None
    accepted_by: str | None
    accepted_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    unseen: bool = False  # a call came in after its operator last did something about it
    unanswered: bool = False  # a ladder ran to its end and nobody accepted: somebody must act by hand


@dataclass(frozen=True, slots=True)
class ResidentView:
    """Who needs help."""

    id: str
    name: str
    sex: str | None
    born: date | None
    address: str
    phone: str | None
    language: str
    hearing: str | None
    categories: tuple[str, ...]
    ability_level: int | None
    health: dict[str, list[str]]
    notes: str
    key_safe: str


@dataclass(frozen=True, slots=True)
class SignalView:
    """An event that raised or joined the alarm."""

    event_id: UUID | None
    kind: str
    phase: str
    mode: str
    device: str
    device_name: dict[str, str]
    room: str | None
    rule: str
    event_at: datetime
    received_at: datetime
    clock: str | None
    body: dict[str, object]
    raw: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try to reach one person."""

    id: UUID
    ladder: str
    step: int
    round: int
    try_: int
    person: str
    relation: str
    address: str  # E.164
    channel: str
    state: str  # pending sending placed ringing answered accepted declined failed cancelled
    result: str | None  # of failed: busy no_answer voicemail no_key error gave_up rejected
    detail: str
    created_at: datetime
    placed_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    provider_id: str | None


@dataclass(frozen=True, slots=True)
class PersonView:
    """Somebody a step reaches."""

    name: str
    relation: str  # to the resident, or the responder's role


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a ladder of the plan, past, running or to come."""

    ladder: str  # operators, family, responders …
    step: int
    state: str  # done, running, waiting, skipped, halted
    targets: tuple[str, ...]  # as in the plan: operators, contact:1, responder:grid_worker
    people: tuple[PersonView, ...]  # who that is, as far as known now
    due_at: datetime | None  # when a waiting step starts, if nothing changes
    attempts: tuple[AttemptView, ...]


@dataclass(frozen=True, slots=True)
class TimelineView:
    """One line of the timeline. `kind` with `body` is put into words by the console."""

    seq: int
    at: datetime
    kind: str
    actor: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """Everything of one alarm on one screen."""

    row: BoardRow
    resident: ResidentView | None
    signals: tuple[SignalView, ...]
    steps: tuple[StepView, ...]
    timeline: tuple[TimelineView, ...]
    outcome_note: str = ""
    closed_by: str | None = None
    readings: dict[str, tuple[float | None, dict[str, object], datetime]] = field(default_factory=dict)
    """Latest reading of each kind of the resident within 24 h: value, body, time."""
