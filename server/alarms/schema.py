"""The JSON shapes of alarms in the public API. Moments are ISO 8601 in UTC."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class ResidentAnswer(_Answer):
    """Whom the alarm is about."""

    id: str
    name: str | None


class ListedAlarm(_Answer):
    """An alarm as the board lists it."""

    id: UUID
    number: int
    state: str = Field(description="pre_alarm | open | claimed | responding | closed")
    duty: str | None = Field(description="accepted | on_the_way | on_site | inside")
    version: int
    priority: int = Field(description="1 life, 2 urgent, 3 technical")
    kind: str
    kinds: list[str]
    presses: int
    mode: str = Field(description="actual | test | exercise")
    subject: str
    resident: ResidentAnswer | None
    region: str | None
    address: str | None
    gateway_id: str | None
    device: str
    device_registered: bool
    room: str | None
    opened_at: datetime
    event_at: datetime
    late_s: float
    last_signal_at: datetime
    pre_alarm_until: datetime | None
    claimed_by: str | None
    claimed_at: datetime | None
    accepted_by: str | None
    accepted_at: datetime | None
    closed_at: datetime | None
    outcome: str | None
    unanswered: bool


class SignalAnswer(_Answer):
    """An event that raised or joined the alarm."""

    event_id: UUID | None
    kind: str
    phase: str
    mode: str
    device: str
    rule: str
    event_at: datetime
    received_at: datetime
    clock: str | None
    body: dict[str, object]


class PersonAnswer(_Answer):
    """Somebody a step reaches."""

    name: str
    relation: str


class StepAnswer(_Answer):
    """A step of the plan."""

    ladder: str
    step: int
    state: str = Field(description="waiting | running | done | skipped | halted")
    targets: list[str]
    people: list[PersonAnswer]
    due_at: datetime | None


class AttemptAnswer(_Answer):
    """One try to reach one person."""

    id: UUID
    ladder: str
    step: int
    round: int
    try_: int = Field(serialization_alias="try")
    person: str
    relation: str
    channel: str
    state: str = Field(
        description="pending | sending | placed | ringing | answered | accepted | declined | failed | cancelled"
    )
    result: str | None = Field(description="of failed: busy | no_answer | voicemail | no_key | error | gave_up")
    detail: str
    created_at: datetime
    placed_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    provider_id: str | None


class TimelineAnswer(_Answer):
    """One line of the timeline."""

    seq: int
    at: datetime
    kind: str
    actor: str
    body: dict[str, object]


class AlarmAnswer(ListedAlarm):
    """Everything of one alarm."""

    signals: list[SignalAnswer]
    steps: list[StepAnswer]
    attempts: list[AttemptAnswer]
    timeline: list[TimelineAnswer]
    outcome_note: str


class AlarmListAnswer(_Answer):
    """Alarms."""

    alarms: list[ListedAlarm]
