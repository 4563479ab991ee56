"""Starts, hastens and ends the ladders of an alarm. The caller holds the alarm's row lock."""

from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from devices.events import Mode
from server.alarms import timeline
from server.alarms.model import Alarm
from server.escalation.model import Attempt, Escalation, PlanRow
from server.escalation.plan import DUTY, OPERATORS_ONLY, Ladder, Plan
from server.regions import above
from server.residents.model import Resident

log = structlog.get_logger()

IN_FLIGHT = ("sending", "placed", "ringing", "answered")
"""States of an attempt in which the provider may have a call of ours."""


async def start(
    session: AsyncSession, alarm: Alarm, now: datetime, kind: str | None = None, only_missing: bool = False
) -> None:
    """The ladders of the plan for `kind` (by default the alarm's), due from now or from the end of the cancel window.

    Ladders of that plan begin anew, unless only the missing ones are to begin; others that run go on.
    """
    base = alarm.pre_alarm_until or now
    existing = {
        row.ladder: row for row in await session.scalars(select(Escalation).where(Escalation.alarm_id == alarm.id))
    }
    for row in existing.values():
        if row.ended is None:
            row.epoch = alarm.epoch
    for ladder in await _plan_ladders(session, alarm, kind or alarm.kind, now):
        values = {
            "plan_snapshot": ladder.model_dump(mode="json"),
            "step": 0,
            "round": 0,
            "due_at": base + _seconds(ladder.start_after_s),
            "epoch": alarm.epoch,
            "ended": None,
        }
        known = existing.get(ladder.name)
        if known is None:
            session.add(Escalation(id=uuid7(), alarm_id=alarm.id, ladder=ladder.name, **values))
        elif not only_missing:
            for name, value in values.items():
                setattr(known, name, value)
    await session.flush()


async def _plan_ladders(session: AsyncSession, alarm: Alarm, kind: str, now: datetime) -> list[Ladder]:
    """The most particular plan that fits: resident before category before the deepest region. One that cannot be read
    is passed over, visibly."""
    if alarm.region is None:
        return [OPERATORS_ONLY]
    rows = (await session.scalars(select(PlanRow).where(PlanRow.region.in_(above(alarm.region))))).all()
    resident = await session.get(Resident, alarm.resident_id) if alarm.resident_id else None
    categories = set(resident.categories) if resident else set()
    fitting: list[tuple[tuple[bool, bool, int], Plan]] = []
    for row in rows:
        try:
            plan = Plan.model_validate(row.document, extra="ignore")
        except ValidationError as error:
            log.error("plan cannot be read", plan=row.id, mistakes=error.error_count())
            await timeline.append(session, alarm, now, "plan_failed", timeline.SYSTEM, plan=row.id)
            continue
        fits = (
            (not plan.kinds or kind in plan.kinds)
            and Mode(alarm.mode) in plan.modes
            and plan.resident in (None, alarm.resident_id)
            and (plan.category is None or plan.category in categories)
        )
        if fits:
            fitting.append(((bool(plan.resident), bool(plan.category), len(row.region)), plan))
    if not fitting:
        return [OPERATORS_ONLY]
    return max(fitting, key=lambda pair: pair[0])[1].ladders


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


async def hasten(session: AsyncSession, alarm: Alarm, now: datetime) -> None:
    """The cancel window ended early: what was to start after it starts as long after now."""
    for row in await session.scalars(select(Escalation).where(Escalation.alarm_id == alarm.id)):
        if row.due_at is not None and row.step == 0 and row.round == 0:
            start_after = row.plan_snapshot.get("start_after_s", 0)
            row.due_at = min(row.due_at, now + _seconds(float(str(start_after))))
    await session.flush()


async def end(session: AsyncSession, alarm: Alarm, now: datetime, why: str) -> None:
    """End the ladders that `why` (claimed, accepted, closed) stops; the others go on in the new epoch.

    Attempts not yet made are cancelled; calls in flight of the ended ladders are hung up by the worker.
    """
    stops_on = {"claimed": "claim", "accepted": "accept"}.get(why)
    ended: list[str] = []
    for row in await session.scalars(select(Escalation).where(Escalation.alarm_id == alarm.id)):
        stops = why == "closed" or (row.ladder != DUTY and row.plan_snapshot.get("stops_on") == stops_on)
        if row.ended in (None, "exhausted") and stops:
            ran, row.ended, row.due_at = row.ended is None, why, None
            ended.append(row.ladder)
            if ran and row.ladder != DUTY:
                await timeline.append(session, alarm, now, "ladder_ended", timeline.SYSTEM, ladder=row.ladder, why=why)
        elif row.ended is None:
            row.epoch = alarm.epoch
    await session.flush()
    of_ended = (Attempt.alarm_id == alarm.id, Attempt.ladder.in_(ended))
    await session.execute(
        update(Attempt)
        .where(*of_ended, Attempt.state == "pending")
        .values(state="cancelled", due_at=None, ended_at=now, detail=why)
    )
    in_flight = update(Attempt).where(*of_ended, Attempt.state.in_(IN_FLIGHT))
    await session.execute(in_flight.values(hang_up=True))
    # One that is being sent keeps its lease: whoever sends it hangs up as soon as the provider has it.
    await session.execute(in_flight.where(Attempt.state != "sending").values(due_at=now))


async def start_duty(session: AsyncSession, alarm: Alarm, now: datetime, seconds: float) -> None:
    """Time what the helper must do next; `steps.py` re-escalates when it does not come."""
    row = await session.scalar(
        select(Escalation).where(Escalation.alarm_id == alarm.id, Escalation.ladder == DUTY).with_for_update()
    )
    due_at = now + _seconds(seconds)
    if row is None:
        session.add(
            Escalation(
                id=uuid7(),
                alarm_id=alarm.id,
                ladder=DUTY,
                plan_snapshot={},
                step=0,
                round=0,
                due_at=due_at,
                epoch=alarm.epoch,
            )
        )
    else:
        row.due_at, row.ended, row.epoch = due_at, None, alarm.epoch
    await session.flush()
