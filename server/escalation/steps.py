"""T2: what is due becomes attempts. One transaction per ladder; killed before its commit, another process does it."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from devices.events import Mode
from server.alarms import raising, timeline
from server.alarms.lifecycle import Act, Duty, State, advance
from server.alarms.model import Alarm
from server.db import Database
from server.escalation.model import Attempt, Escalation
from server.escalation.plan import DUTY, Ladder
from server.escalation.targets import OPERATORS, Reach, reaches
from server.rules.engine import Verdict

log = structlog.get_logger()


async def lock_alarm(session: AsyncSession, alarm_id: UUID) -> Alarm:
    """The alarm's row, locked until the transaction ends (SQLite has one writer anyway)."""
    alarm = await session.get(Alarm, alarm_id, with_for_update=True, populate_existing=True)
    assert alarm is not None
    return alarm


async def end_due_windows(db: Database, now: datetime) -> int:
    """Cancel windows that ran out: the alarm is open now."""
    async with db.read() as session:
        due = select(Alarm.id).where(Alarm.state == State.PRE_ALARM, Alarm.pre_alarm_until <= now)
        ids = (await session.scalars(due)).all()
    for alarm_id in ids:
        async with db.write() as session:
            alarm = await lock_alarm(session, alarm_id)
            if alarm.state == State.PRE_ALARM and alarm.pre_alarm_until and alarm.pre_alarm_until <= now:
                await raising.end_window(session, alarm, now)
    return len(ids)


async def start_due_steps(db: Database, now: datetime) -> int:
    """Every ladder whose next step is due takes that step. Returns how many were looked at."""
    async with db.read() as session:
        due = select(Escalation.id, Escalation.alarm_id).where(Escalation.due_at <= now).order_by(Escalation.due_at)
        rows = (await session.execute(due)).all()
    for escalation_id, alarm_id in rows:
        async with db.write() as session:
            alarm = await lock_alarm(session, alarm_id)  # always the alarm first: one order of locks, no deadlock
            row = await session.get(Escalation, escalation_id, with_for_update=True, populate_existing=True)
            if row is None or row.due_at is None or row.due_at > now:
                continue
            try:
                await (_duty_overdue if row.ladder == DUTY else _step)(db, session, alarm, row, now)
            except ValidationError as error:
                await _unreadable(db, session, alarm, row, error, now)
    return len(rows)


async def _unreadable(
    db: Database, session: AsyncSession, alarm: Alarm, row: Escalation, error: ValidationError, now: datetime
) -> None:
    """A snapshot that this release cannot read must not stop everybody else's ladders, nor end in silence."""
    log.error("ladder cannot be read", alarm=str(alarm.id), mistakes=error.error_count())
    row.due_at, row.ended = None, "failed"
    await timeline.append(session, alarm, now, "ladder_failed", timeline.SYSTEM, ladder=row.ladder)
    await timeline.ring(session, alarm, now)
    subject = raising.Subject(f"centre:ladder:{row.id}", None, None, alarm.region)
    signal = raising.Signal(None, row.ladder, "fault", "raise", now)
    await raising.raise_alarm(db, session, subject, signal, Verdict("ladder_failed", 2, 0, Mode.ACTUAL), now)


async def _step(db: Database, session: AsyncSession, alarm: Alarm, row: Escalation, now: datetime) -> None:
    if alarm.state == State.CLOSED or row.epoch != alarm.epoch:
        row.due_at, row.ended = None, row.ended or "closed"
        return
    ladder = Ladder.model_validate(row.plan_snapshot, extra="ignore")
    due_at = row.due_at
    assert due_at is not None
    while row.step < len(ladder.steps):
        step = ladder.steps[row.step]
        people = await reaches(session, step, alarm.resident_id, alarm.region)
        position = {"ladder": row.ladder, "step": row.step, "round": row.round}
        if people or OPERATORS in step.targets:
            names = [person.person for person in people]
            await timeline.append(session, alarm, now, "step_started", timeline.SYSTEM, **position, people=names)
            await _insert_attempts(db, session, alarm, row, people, now)
            if row.round < step.repeat:
                row.round += 1
            else:
                row.step, row.round = row.step + 1, 0
            row.due_at = due_at + timedelta(seconds=step.wait_s)
            await timeline.ring(session, alarm, now)
            return
        why = "nobody to reach"
        await timeline.append(session, alarm, now, "step_skipped", timeline.SYSTEM, **position, why=why)
        row.step, row.round = row.step + 1, 0
    row.due_at, row.ended = None, "exhausted"
    await timeline.append(session, alarm, now, "ladder_exhausted", timeline.SYSTEM, ladder=row.ladder)
    await timeline.ring(session, alarm, now)


async def _insert_attempts(
    db: Database, session: AsyncSession, alarm: Alarm, row: Escalation, people: list[Reach], now: datetime
) -> None:
    for reach in people:
        attempt = db.insert(Attempt).values(
            id=uuid7(),
            alarm_id=alarm.id,
            epoch=row.epoch,
            ladder=row.ladder,
            round=row.round,
            step=row.step,
            contact_method_id=reach.method_id,
            try_=0,
            channel=reach.channel,
            address=reach.address,
            person=reach.person,
            relation=reach.relation,
            language=reach.language,
            state="pending",
            due_at=now,
            created_at=now,
        )
        await session.execute(attempt.on_conflict_do_nothing())


async def _duty_overdue(db: Database, session: AsyncSession, alarm: Alarm, row: Escalation, now: datetime) -> None:
    """Somebody said "I am going" and nothing followed: the alarm looks for the next helper, visibly."""
    row.due_at, row.ended = None, "overdue"
    released = advance(State(alarm.state), Act.RELEASE)
    if alarm.duty != Duty.ACCEPTED or released is None:
        return
    await timeline.append(session, alarm, now, "duty_overdue", timeline.SYSTEM, person=alarm.accepted_by)
    alarm.state = (State.CLAIMED if alarm.claimed_by else released).value
    alarm.accepted_by = alarm.accepted_at = alarm.accepted_attempt = alarm.duty = None
    alarm.epoch += 1
    alarm.version += 1
    for other in await session.scalars(select(Escalation).where(Escalation.alarm_id == alarm.id)):
        if other.ladder != DUTY and other.ended in ("accepted", "exhausted"):
            other.ended, other.due_at, other.epoch = None, now, alarm.epoch
            if other.step >= len(other.plan_snapshot["steps"]):  # type: ignore[arg-type]
                other.step = other.round = 0  # everybody was asked: ask again from the first
        elif other.ended is None:
            other.epoch = alarm.epoch
    await session.flush()
    await timeline.ring(session, alarm, now)
