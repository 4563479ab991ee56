"""What an attempt's end does to its ladder. The caller holds the locks of alarm and attempt."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from server.alarms import timeline
from server.alarms.model import Alarm
from server.escalation.model import Attempt, Escalation

OVER = ("accepted", "declined", "failed", "cancelled")
"""States in which nothing more will come of an attempt."""


async def note(session: AsyncSession, alarm: Alarm, attempt: Attempt, now: datetime) -> None:
    """One line in the timeline for the attempt's new state, and the doorbell."""
    await timeline.append(
        session,
        alarm,
        now,
        "attempt",
        timeline.SYSTEM if attempt.seq < 0 else timeline.PROVIDER,
        attempt=str(attempt.id),
        ladder=attempt.ladder,
        person=attempt.person,
        relation=attempt.relation,
        state=attempt.state,
        result=attempt.result,
        detail=attempt.detail,
    )
    await timeline.ring(session, alarm, now)


async def failed(
    session: AsyncSession, alarm: Alarm, attempt: Attempt, result: str, now: datetime, detail: str = ""
) -> None:
    """Nobody accepted here. A call that we ended ourselves is cancelled, not failed."""
    attempt.state = "cancelled" if attempt.hang_up else "declined" if result == "declined" else "failed"
    attempt.result = None if attempt.hang_up else result
    attempt.detail = detail or attempt.detail
    attempt.due_at = attempt.lease_until = attempt.owner = None
    attempt.hang_up = False
    attempt.ended_at = now
    await note(session, alarm, attempt, now)
    await session.flush()
    await next_step_now(session, alarm, attempt, now)


async def next_step_now(session: AsyncSession, alarm: Alarm, attempt: Attempt, now: datetime) -> None:
    """When every contact of the step has failed, the next step starts at once instead of waiting out its time."""
    same_step = select(Attempt.state).where(
        Attempt.alarm_id == alarm.id,
        Attempt.epoch == attempt.epoch,
        Attempt.ladder == attempt.ladder,
        Attempt.step == attempt.step,
        Attempt.round == attempt.round,
    )
    if any(state not in OVER for state in await session.scalars(same_step)):
        return
    row = await session.scalar(
        select(Escalation).where(Escalation.alarm_id == alarm.id, Escalation.ladder == attempt.ladder).with_for_update()
    )
    if row is None or row.due_at is None or row.due_at <= now:
        return
    # The row stands at what comes next; only the step directly before that one may hasten it.
    follows = (row.step, row.round) in ((attempt.step, attempt.round + 1), (attempt.step + 1, 0))
    if follows:
        row.due_at = now
        await session.flush()
