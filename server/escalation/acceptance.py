"""T6: one row wins. Whoever comes second hears who has it."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from server.alarms import timeline
from server.alarms.lifecycle import Act, Duty, State, advance
from server.alarms.model import Alarm, SignalRow
from server.escalation import ladders
from server.escalation.model import Attempt
from server.escalation.results import note
from server.ingest.model import CommandRow
from server.notify.channel import KeyOutcome, KeyResult

TELL_PERSON_S = 600.0
"""So long the gateway is asked to tell the resident that a person has it."""

A_PERSON_HAS_IT = {"zh-CN": "有人接到了您的呼叫，请放心。", "en": "A person has your call. Help is being arranged."}
SOMEBODY_COMES = {"zh-CN": "有人正要赶过来，请放心。", "en": "Somebody is on the way to you."}


async def accept(session: AsyncSession, alarm: Alarm, attempt: Attempt, now: datetime, duty_s: float) -> KeyResult:
    """The called person pressed 1. The caller holds the locks of alarm and attempt."""
    if alarm.state == State.CLOSED:
        return KeyResult(KeyOutcome.OVER)
    if alarm.accepted_at is not None:
        if alarm.accepted_attempt == attempt.id:
            return KeyResult(KeyOutcome.ACCEPTED)
        return KeyResult(KeyOutcome.TAKEN, alarm.accepted_by)
    state = advance(State(alarm.state), Act.ACCEPT)
    if state is None:
        return KeyResult(KeyOutcome.OVER)
    alarm.state, alarm.duty = state.value, Duty.ACCEPTED.value
    alarm.accepted_by, alarm.accepted_at, alarm.accepted_attempt = attempt.person, now, attempt.id
    alarm.epoch += 1
    alarm.version += 1
    attempt.state, attempt.result, attempt.ended_at = "accepted", None, now
    attempt.due_at = attempt.lease_until = attempt.owner = None
    await note(session, alarm, attempt, now)
    body = {"person": attempt.person, "relation": attempt.relation, "attempt": str(attempt.id)}
    await timeline.append(session, alarm, now, "accepted", timeline.PROVIDER, **body)
    await session.flush()
    await ladders.end(session, alarm, now, "accepted")
    await ladders.start_duty(session, alarm, now, duty_s)
    await tell_resident(session, alarm, SOMEBODY_COMES, now)
    await timeline.ring(session, alarm, now)
    return KeyResult(KeyOutcome.ACCEPTED)


async def tell_resident(session: AsyncSession, alarm: Alarm, texts: dict[str, str], now: datetime) -> None:
    """The third confirmation: have the gateway of the latest call say that a person has it."""
    query = (
        select(SignalRow.gateway_id, SignalRow.event_id)
        .where(
            SignalRow.alarm_id == alarm.id,
            SignalRow.kind == alarm.kind,
            SignalRow.event_id.is_not(None),
            SignalRow.gateway_id.is_not(None),
        )
        .order_by(SignalRow.at.desc())
        .limit(1)
    )
    signal = (await session.execute(query)).first()
    if signal is None:
        return
    session.add(
        CommandRow(
            id=uuid7(),
            gateway_id=signal.gateway_id,
            alarm_id=alarm.id,
            kind="say",
            cause=signal.event_id,
            body={"confirmation": "person", "texts": texts},
            state="pending",
            created_at=now,
            due_at=now,
            expires_at=now + timedelta(seconds=TELL_PERSON_S),
        )
    )
