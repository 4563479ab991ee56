"""T3, T4 and T7: attempts are claimed, given to the provider outside any transaction, and found again after a crash.

Never: a network call inside a transaction; a second call because an answer was slow.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Exists, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from server.alarms.lifecycle import State
from server.alarms.model import Alarm
from server.config import EscalationSettings
from server.db import Database
from server.escalation.ladders import IN_FLIGHT
from server.escalation.model import Attempt, Escalation
from server.escalation.results import failed, note
from server.escalation.steps import lock_alarm
from server.notify.channel import GiveUp, OutgoingCall, Placed, Retry, Unsure

UNSURE_S = 3.0
MAX_TRIES = 5
"""So often is a call tried that the provider refuses for now (429, 5xx); then the next step starts at once."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that this worker alone may make until its lease ends."""

    id: UUID
    alarm_id: UUID
    call: OutgoingCall


async def due_attempts(
    db: Database, now: datetime, states: tuple[str, ...], busy: Collection[UUID], limit: int
) -> list[UUID]:
    """Attempts in `states` that must be looked at and are not in hand already, the gravest alarm's first.

    To be made is only what can be: one per number, and none to a number that has a call. Those that wait for a shared
    helper's telephone must not crowd out everybody else's.
    """
    async with db.read() as session:
        query = (
            select(Attempt.id, Attempt.address)
            .join(Alarm, Alarm.id == Attempt.alarm_id)
            .where(Attempt.state.in_(states), Attempt.due_at <= now, Attempt.id.not_in(busy))
            .order_by(Alarm.priority, Attempt.due_at, Attempt.id)
        )
        if "pending" in states:
            query = query.where(~number_busy())
        rows = (await session.execute(query.limit(1000))).all()
    if "pending" not in states:
        return [row.id for row in rows[: max(0, limit)]]
    first: dict[str, UUID] = {}
    for row in rows:
        first.setdefault(row.address, row.id)
    return list(first.values())[: max(0, limit)]


def number_busy() -> Exists:
    """Another attempt has a call with this attempt's number."""
    other = aliased(Attempt)
    return exists().where(other.address == Attempt.address, other.state.in_(IN_FLIGHT), other.id != Attempt.id)


async def claim(
    db: Database, attempt_id: UUID, owner: str, now: datetime, settings: EscalationSettings
) -> Claimed | None:
    """T3: pending → sending for one worker; None when it is no longer to be made, or its number has a call already."""
    async with db.write() as session:
        peek = await session.get(Attempt, attempt_id)
        if peek is None:
            return None
        alarm = await lock_alarm(session, peek.alarm_id)
        attempt = await lock_attempt(session, attempt_id)
        if attempt.state != "pending" or attempt.due_at is None or attempt.due_at > now:
            return None
        if not await _still_needed(session, alarm, attempt):
            attempt.state, attempt.due_at, attempt.ended_at = "cancelled", None, now
            return None
        if not db.is_sqlite:  # two workers must not both see the number free
            await session.execute(select(func.pg_advisory_xact_lock(func.hashtext(attempt.address))))
        other = aliased(Attempt)
        busy = select(other.id).where(
            other.address == attempt.address, other.state.in_(IN_FLIGHT), other.id != attempt.id
        )
        if (await session.scalar(busy.limit(1))) is not None:
            return None  # looked at again on the next tick
        lease = now + timedelta(seconds=settings.lease_s)
        attempt.state, attempt.owner, attempt.lease_until, attempt.due_at = "sending", owner, lease, lease
        await note(session, alarm, attempt, now)
        return Claimed(
            attempt.id, alarm.id, OutgoingCall(attempt.id, attempt.address, attempt.language, settings.ring_s)
        )


async def _still_needed(session: AsyncSession, alarm: Alarm, attempt: Attempt) -> bool:
    if alarm.state == State.CLOSED:
        return False
    ended = await session.scalar(
        select(Escalation.ended).where(Escalation.alarm_id == alarm.id, Escalation.ladder == attempt.ladder)
    )
    return ended in (None, "exhausted")  # an exhausted ladder's last step may still be calling


async def lock_attempt(session: AsyncSession, attempt_id: UUID) -> Attempt:
    """The attempt's row, locked. The caller holds its alarm's lock already."""
    attempt = await session.get(Attempt, attempt_id, with_for_update=True, populate_existing=True)
    assert attempt is not None
    return attempt


async def record(
    db: Database,
    claimed: Claimed,
    owner: str,
    outcome: Placed | Retry | Unsure | GiveUp,
    now: datetime,
    settings: EscalationSettings,
) -> None:
    """T4: the provider's answer, only while the attempt is still ours and sending."""
    async with db.write() as session:
        alarm = await lock_alarm(session, claimed.alarm_id)
        attempt = await lock_attempt(session, claimed.id)
        if attempt.owner != owner or attempt.state != "sending":
            if isinstance(outcome, Placed) and attempt.provider_id is None:
                if attempt.state in ("cancelled", "failed"):  # given up meanwhile, and yet it rings: end it
                    attempt.hang_up, attempt.ended_at = True, None
                _placed(attempt, outcome.provider_id, now, settings)
            return
        match outcome:
            case Placed(provider_id):
                _placed(attempt, provider_id, now, settings)
                await note(session, alarm, attempt, now)
            case Unsure(reason):
                # The provider may list the call only a moment later.
                attempt.detail, attempt.due_at = reason.value, now + timedelta(seconds=UNSURE_S)
                attempt.lease_until = attempt.due_at
            case Retry(reason, after_s) if attempt.try_ < MAX_TRIES:
                again(attempt, now, after_s, reason.value)
                await note(session, alarm, attempt, now)
            case Retry(reason):
                await failed(session, alarm, attempt, "error", now, reason.value)
            case GiveUp(reason, detail):
                await failed(session, alarm, attempt, "gave_up", now, f"{reason.value} {detail}".strip())


def _placed(attempt: Attempt, provider_id: str, now: datetime, settings: EscalationSettings) -> None:
    attempt.state, attempt.provider_id = "placed", provider_id
    attempt.placed_at, attempt.lease_until, attempt.owner = now, None, None
    attempt.due_at = now if attempt.hang_up else now + timedelta(seconds=settings.call_poll_s)


def again(attempt: Attempt, now: datetime, after_s: float, detail: str) -> None:
    """Certainly not placed: to be made once more, as the next try. Cancelled instead when it is no longer wanted."""
    attempt.owner = attempt.lease_until = None
    attempt.detail = detail
    if attempt.hang_up:
        attempt.state, attempt.due_at, attempt.ended_at = "cancelled", None, now
    else:
        attempt.state, attempt.due_at = "pending", now + timedelta(seconds=after_s)
        attempt.try_ += 1


async def adopt(
    db: Database, attempt_id: UUID, provider_id: str | None, now: datetime, settings: EscalationSettings
) -> None:
    """T7, after the provider was asked: `provider_id` is the call it has for this attempt, None when it has none."""
    async with db.write() as session:
        peek = await session.get(Attempt, attempt_id)
        assert peek is not None
        alarm = await lock_alarm(session, peek.alarm_id)
        attempt = await lock_attempt(session, attempt_id)
        if attempt.state != "sending" or attempt.lease_until is None or attempt.lease_until > now:
            return
        if provider_id is not None:
            _placed(attempt, provider_id, now, settings)
        else:
            again(attempt, now, 0, attempt.detail or "recovered")
        await note(session, alarm, attempt, now)


async def put_off(db: Database, attempt_id: UUID, until: datetime) -> None:
    """The provider could not be asked: look again then."""
    async with db.write() as session:
        still = (Attempt.id == attempt_id, Attempt.state.in_(IN_FLIGHT))
        await session.execute(update(Attempt).where(*still).values(due_at=until))
