"""Opens an alarm or joins the open one of the same subject: every signal is kept, joining discards nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from devices.envelope import Envelope
from server.alarms import timeline
from server.alarms.lifecycle import Act, State, advance
from server.alarms.model import ALARM_NUMBER, Alarm, SignalRow
from server.db import Database
from server.escalation import ladders
from server.rules.engine import Verdict


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom or what an alarm is about. `key` is what signals are grouped by."""

    key: str
    resident_id: str | None
    gateway_id: str | None
    region: str | None

    @classmethod
    def of(cls, gateway_id: str, resident_id: str | None, region: str | None) -> "Subject":
        """The resident where one is known, else the gateway itself."""
        key = f"resident:{resident_id}" if resident_id else f"gateway:{gateway_id}"
        return cls(key, resident_id, gateway_id, region)


@dataclass(frozen=True, slots=True)
class Signal:
    """What raised it. `event_id` is None for what the centre itself noticed."""

    event_id: UUID | None
    device: str
    kind: str
    phase: str
    event_at: datetime


async def raise_alarm(
    db: Database, session: AsyncSession, subject: Subject, signal: Signal, verdict: Verdict, now: datetime
) -> Alarm:
    """The alarm that this signal opened or joined, its row locked."""
    opened = False
    while (alarm := await _open_one(session, subject, verdict)) is None:
        # ours, or the one another process opens (or closes) meanwhile
        opened = await _open(db, session, subject, signal, verdict, now)
    session.add(
        SignalRow(
            id=uuid7(),
            alarm_id=alarm.id,
            gateway_id=subject.gateway_id,
            event_id=signal.event_id,
            device=signal.device,
            kind=signal.kind,
            phase=signal.phase,
            mode=verdict.mode.value,
            rule=verdict.rule,
            event_at=signal.event_at,
            at=now,
        )
    )
    if opened:
        await _begin(session, alarm, signal, verdict, now)
    else:
        await _join(session, alarm, signal, verdict, now)
    await session.flush()
    await timeline.ring(session, alarm, now)
    return alarm


async def _open_one(session: AsyncSession, subject: Subject, verdict: Verdict) -> Alarm | None:
    query = select(Alarm).where(
        Alarm.subject == subject.key, Alarm.mode == verdict.mode.value, Alarm.state != State.CLOSED
    )
    return (await session.scalars(query.with_for_update())).first()


async def _open(
    db: Database, session: AsyncSession, subject: Subject, signal: Signal, verdict: Verdict, now: datetime
) -> bool:
    """Whether the insert was ours: the partial unique index lets one alarm per subject and mode be open."""
    if db.is_sqlite:  # one writer at a time: the highest number cannot change under us
        number = (await session.scalar(select(func.max(Alarm.number))) or 0) + 1
    else:
        number = await session.scalar(select(ALARM_NUMBER.next_value()))
    window = timedelta(seconds=verdict.pre_alarm_s)
    row = db.insert(Alarm).values(
        id=uuid7(),
        number=number,
        subject=subject.key,
        resident_id=subject.resident_id,
        gateway_id=subject.gateway_id,
        region=subject.region,
        kind=signal.kind,
        mode=verdict.mode.value,
        priority=verdict.priority,
        state=State.PRE_ALARM.value if window else State.OPEN.value,
        opened_at=now,
        event_at=signal.event_at,
        pre_alarm_until=now + window if window else None,
    )
    result = await session.execute(row.on_conflict_do_nothing().returning(Alarm.id))
    return result.first() is not None


async def _begin(session: AsyncSession, alarm: Alarm, signal: Signal, verdict: Verdict, now: datetime) -> None:
    await timeline.append(
        session,
        alarm,
        now,
        "alarm_opened",
        timeline.SYSTEM,
        kind=signal.kind,
        device=signal.device,
        priority=verdict.priority,
        rule=verdict.rule,
        late_s=round((now - signal.event_at).total_seconds(), 1),
    )
    if alarm.pre_alarm_until:
        until = alarm.pre_alarm_until.isoformat()
        await timeline.append(session, alarm, now, "pre_alarm_started", timeline.SYSTEM, until=until)
    await ladders.start(session, alarm, now)


async def _join(session: AsyncSession, alarm: Alarm, signal: Signal, verdict: Verdict, now: datetime) -> None:
    """The version rises: nobody closes an alarm without having seen its latest signal."""
    alarm.version += 1
    await timeline.append(
        session,
        alarm,
        now,
        "signal_joined",
        timeline.SYSTEM,
        kind=signal.kind,
        device=signal.device,
        phase=signal.phase,
    )
    graver = verdict.priority < alarm.priority
    if alarm.state == State.PRE_ALARM and (graver or (verdict.pre_alarm_s == 0 and verdict.priority <= alarm.priority)):
        await end_window(session, alarm, now)
    if graver:
        await _upgrade(session, alarm, signal, verdict, now)
    elif verdict.priority == alarm.priority and signal.kind != alarm.kind:
        await ladders.start(session, alarm, now, kind=signal.kind, only_missing=True)


async def _upgrade(session: AsyncSession, alarm: Alarm, signal: Signal, verdict: Verdict, now: datetime) -> None:
    """What was a flat battery is now a call: whoever had it must take it again, and its own plan begins."""
    before, alarm.priority, alarm.kind = alarm.priority, verdict.priority, signal.kind
    released = advance(State(alarm.state), Act.RELEASE)
    if released:
        alarm.state = released.value
        alarm.claimed_by = alarm.claimed_at = alarm.claim_seen_at = None
        alarm.accepted_by = alarm.accepted_at = alarm.accepted_attempt = alarm.duty = None
    alarm.epoch += 1
    body = {"from": before, "to": verdict.priority, "kind": signal.kind}
    await timeline.append(session, alarm, now, "priority_raised", timeline.SYSTEM, **body)
    await ladders.start(session, alarm, now)


async def end_window(session: AsyncSession, alarm: Alarm, now: datetime) -> None:
    """The cancel window is over: from here only a person closes the alarm."""
    state = advance(State(alarm.state), Act.WINDOW_OVER)
    if state is None:
        return
    alarm.state = state.value
    alarm.pre_alarm_until = None
    await timeline.append(session, alarm, now, "pre_alarm_over", timeline.SYSTEM)
    await ladders.hasten(session, alarm, now)
    await timeline.ring(session, alarm, now)


async def cancel_by_resident(session: AsyncSession, subject: Subject, cancel: Envelope, now: datetime) -> None:
    """Close the subject's alarm if its window is open and nothing but the one thing taken back is in it.

    Otherwise the cancel is noted, no more: another signal of the alarm may be somebody's call.
    """
    mode = cancel.mode.value
    query = select(Alarm).where(Alarm.subject == subject.key, Alarm.mode == mode, Alarm.state != State.CLOSED)
    alarm = (await session.scalars(query.with_for_update())).first()
    if alarm is None:
        return
    state = advance(State(alarm.state), Act.CANCEL)
    in_time = alarm.pre_alarm_until is not None and now <= alarm.pre_alarm_until
    closes = state is not None and in_time and await _takes_back_all(session, alarm, cancel.cause)
    kind = "cancelled_by_resident" if closes else "cancel_too_late"
    await timeline.append(session, alarm, now, kind, timeline.RESIDENT, device=cancel.device)
    if closes and state is not None:
        alarm.state, alarm.closed_at, alarm.outcome = state.value, now, "cancelled"
        await ladders.end(session, alarm, now, "closed")
    alarm.version += 1
    await timeline.ring(session, alarm, now)


async def _takes_back_all(session: AsyncSession, alarm: Alarm, cause: UUID | None) -> bool:
    """Without a cause, every signal must be of the alarm's own kind; with one, it must be the latest of them."""
    query = select(SignalRow.kind, SignalRow.event_id).where(SignalRow.alarm_id == alarm.id).order_by(SignalRow.at)
    signals = (await session.execute(query)).all()
    return all(row.kind == alarm.kind for row in signals) and cause in (None, signals[-1].event_id)
