"""What a person does to an alarm. Each function is one use case, called inside one transaction."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.accounts.actor import Actor
from server.accounts.model import Account
from server.alarms import timeline
from server.alarms.lifecycle import Act, Duty, State, advance
from server.alarms.model import Alarm
from server.alarms.outcomes import NEEDS_NOTE, OUTCOMES
from server.errors import (
    AlarmClosedError,
    AlreadyTakenError,
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
    NoViewError,
)
from server.escalation import ladders
from server.escalation.acceptance import A_PERSON_HAS_IT, tell_resident
from server.regions import visible

MAX_NOTE = 4000
MAY_ACT = ("operator", "supervisor")
MAY_LOOK = (*MAY_ACT, "engineer", "viewer")
"""Family, responders and programs get views of their own, with less in them; until then none."""


def check_may_look(actor: Actor) -> None:
    """Raises NoViewError for a role that must not see everybody's health and address."""
    if actor.role not in MAY_LOOK:
        raise NoViewError("your role has no view of the board")


async def _alarm(session: AsyncSession, actor: Actor, alarm_id: UUID) -> Alarm:
    """The alarm, locked, if the actor may act on it."""
    if actor.role not in MAY_ACT:
        raise NotAllowedError("only operators and supervisors may act on an alarm")
    query = select(Alarm).where(Alarm.id == alarm_id, visible(Alarm.region, actor.region)).with_for_update()
    alarm = (await session.scalars(query)).first()
    if alarm is None:
        raise NotFoundError("there is no such alarm in your region")
    return alarm


async def claim(session: AsyncSession, actor: Actor, alarm_id: UUID, version: int | None, now: datetime) -> None:
    """接警. One wins; the others read who. `version` is not compared: another press must not lose anyone the claim."""
    alarm = await _alarm(session, actor, alarm_id)
    state = advance(State(alarm.state), Act.CLAIM)
    if state is None:
        raise AlarmClosedError("this alarm is closed")
    if alarm.claimed_by == actor.account_id:
        alarm.claim_seen_at = now
        await timeline.ring(session, alarm, now)
        return
    if alarm.claimed_by is not None:
        owner = await session.get(Account, alarm.claimed_by)
        raise AlreadyTakenError(owner.display_name if owner else "?")
    alarm.state = state.value
    alarm.pre_alarm_until = None
    alarm.claimed_by, alarm.claimed_at, alarm.claim_seen_at = actor.account_id, now, now
    alarm.epoch += 1
    alarm.version += 1
    await timeline.append(session, alarm, now, "claimed", actor.username, name=actor.display_name)
    await ladders.end(session, alarm, now, "claimed")
    await tell_resident(session, alarm, A_PERSON_HAS_IT, now)
    await timeline.ring(session, alarm, now)


async def add_note(session: AsyncSession, actor: Actor, alarm_id: UUID, text: str, now: datetime) -> None:
    """A note; also after closing."""
    alarm = await _alarm(session, actor, alarm_id)
    if alarm.claimed_by == actor.account_id:
        alarm.claim_seen_at = now
    await timeline.append(session, alarm, now, "note", actor.username, text=_text("text", text, True))
    await timeline.ring(session, alarm, now)


async def set_duty(session: AsyncSession, actor: Actor, alarm_id: UUID, version: int, duty: str, now: datetime) -> None:
    """How far the helper has come, as told to the operator: on_the_way, on_site, inside. Only rises."""
    alarm = await _alarm(session, actor, alarm_id)
    _current(alarm, version)
    order = [each.value for each in Duty]
    if duty not in order:
        raise InvalidError("duty", f"use one of {', '.join(order[1:])}")
    if alarm.duty is None:
        raise ConflictError("nobody has accepted yet")
    if order.index(duty) <= order.index(alarm.duty):
        return
    alarm.duty = duty
    alarm.version += 1
    await timeline.append(session, alarm, now, "duty", actor.username, duty=duty, person=alarm.accepted_by)
    await timeline.ring(session, alarm, now)


async def close(
    session: AsyncSession, actor: Actor, alarm_id: UUID, version: int, outcome: str, note: str, now: datetime
) -> None:
    """结案, with an outcome. Refused when something was added that the actor has not seen."""
    alarm = await _alarm(session, actor, alarm_id)
    _current(alarm, version)
    if outcome not in OUTCOMES:
        raise InvalidError("outcome", f"use one of {', '.join(OUTCOMES)}")
    note = _text("note", note, outcome in NEEDS_NOTE)
    state = advance(State(alarm.state), Act.CLOSE)
    assert state is not None, "every state but closed can be closed"
    alarm.state, alarm.closed_at, alarm.closed_by = state.value, now, actor.account_id
    alarm.outcome, alarm.outcome_note = outcome, note
    alarm.pre_alarm_until = None
    alarm.epoch += 1
    alarm.version += 1
    await timeline.append(session, alarm, now, "closed", actor.username, outcome=outcome, note=note)
    await ladders.end(session, alarm, now, "closed")
    await timeline.ring(session, alarm, now)


def _current(alarm: Alarm, version: int) -> None:
    if alarm.state == State.CLOSED:
        raise AlarmClosedError("this alarm is closed")
    if alarm.version != version:
        raise ConflictError("something new has come in since you looked: look again")


def _text(field: str, value: str, needed: bool) -> str:
    value = value.strip().replace("\0", "")
    if needed and not value:
        raise InvalidError(field, "must not be empty")
    if len(value) > MAX_NOTE:
        raise InvalidError(field, f"{len(value)} characters, at most {MAX_NOTE}")
    return value
