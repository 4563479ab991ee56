"""Reads alarms as views. Every query is limited to the account's region."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from devices.events import LIFE, Phase
from server.accounts.model import Account
from server.alarms.lifecycle import State
from server.alarms.model import Alarm, SignalRow, Timeline
from server.alarms.steps_view import step_views
from server.alarms.views import AlarmPage, BoardRow, ResidentView, SignalView, TimelineView
from server.errors import NotFoundError
from server.escalation.model import Attempt, Escalation
from server.homes.model import Device
from server.ingest.model import Event, Reading
from server.regions import visible
from server.residents.model import Region, Resident

T = TypeVar("T", Resident, Region)

RECENT_READINGS = timedelta(hours=24)


async def board(
    session: AsyncSession, region: str, now: datetime, state: str = "open", limit: int = 500
) -> list[BoardRow]:
    """`state` open (all that is not closed), closed (latest first) or all.

    Open ones: those that nobody has, then the others; each by priority, then age.
    """
    query = select(Alarm).where(visible(Alarm.region, region))
    if state == "open":
        query = query.where(Alarm.state != State.CLOSED).order_by(
            Alarm.claimed_by.is_not(None), Alarm.priority, Alarm.opened_at
        )
    elif state == "closed":
        query = query.where(Alarm.state == State.CLOSED).order_by(Alarm.closed_at.desc())
    else:
        query = query.order_by(Alarm.opened_at.desc())
    return await _rows(session, (await session.scalars(query.limit(limit))).all())


async def _rows(session: AsyncSession, alarms: Sequence[Alarm]) -> list[BoardRow]:
    """Five queries whatever the number of alarms."""
    ids = [alarm.id for alarm in alarms]
    signals: defaultdict[UUID, list[SignalRow]] = defaultdict(list)
    for row in await session.scalars(select(SignalRow).where(SignalRow.alarm_id.in_(ids)).order_by(SignalRow.at)):
        signals[row.alarm_id].append(row)
    residents = await _by_id(session, Resident, {a.resident_id for a in alarms})
    regions = await _by_id(session, Region, {a.region for a in alarms})
    names = await _names(session, {a.claimed_by for a in alarms})
    devices = await _devices(session, {a.gateway_id for a in alarms})
    exhausted = set(
        await session.scalars(
            select(Escalation.alarm_id).where(Escalation.alarm_id.in_(ids), Escalation.ended == "exhausted")
        )
    )
    return [
        _row(alarm, signals[alarm.id], residents, regions, names, devices, alarm.id in exhausted) for alarm in alarms
    ]


def _row(
    alarm: Alarm,
    signals: list[SignalRow],
    residents: dict[str, Resident],
    regions: dict[str, Region],
    names: dict[UUID, str],
    devices: dict[tuple[str, str], Device],
    exhausted: bool,
) -> BoardRow:
    resident = residents.get(alarm.resident_id or "")
    region = regions.get(alarm.region or "")
    of_kind = [s for s in signals if s.kind == alarm.kind]
    first, latest = (of_kind or signals)[0], (of_kind or signals)[-1]
    device = devices.get((latest.gateway_id or "", latest.device))
    kinds = dict.fromkeys([alarm.kind, *(s.kind for s in signals)])
    return BoardRow(
        id=alarm.id,
        number=alarm.number,
        version=alarm.version,
        state=alarm.state,
        duty=alarm.duty,
        priority=alarm.priority,
        kind=alarm.kind,
        kinds=tuple(kinds),
        presses=len(of_kind),
        mode=alarm.mode,
        subject=alarm.subject,
        resident_id=alarm.resident_id,
        resident_name=resident.name if resident else None,
        resident_born=resident.born if resident else None,
        categories=tuple(resident.categories) if resident else (),
        region=alarm.region,
        region_name=region.name if region else {},
        address=resident.address if resident else None,
        gateway_id=latest.gateway_id,
        device=latest.device,
        device_name=device.name if device else {},
        # the gateway itself speaks for its home; only a device can be one that nobody registered
        device_registered=device.registered if device else latest.device == latest.gateway_id,
        room=device.room if device else None,
        opened_at=alarm.opened_at,
        event_at=alarm.event_at,
        raised_at=first.at,
        # what the centre noticed by itself was on nobody's way
        late_s=max(0.0, (first.at - first.event_at).total_seconds()) if first.event_id else 0.0,
        last_signal_at=signals[-1].at,
        pre_alarm_until=alarm.pre_alarm_until,
        claimed_by=names.get(alarm.claimed_by) if alarm.claimed_by else None,
        claimed_by_id=alarm.claimed_by,
        claimed_at=alarm.claimed_at,
        accepted_by=alarm.accepted_by,
        accepted_at=alarm.accepted_at,
        closed_at=alarm.closed_at,
        outcome=alarm.outcome,
        unseen=alarm.claim_seen_at is not None
        and alarm.state != State.CLOSED
        and any(s.at > alarm.claim_seen_at and _calls(s, alarm) for s in signals),
        unanswered=exhausted and alarm.accepted_at is None and alarm.state != State.CLOSED,
    )


def _calls(signal: SignalRow, alarm: Alarm) -> bool:
    """Somebody calls (again): more of what the alarm is about, or life."""
    return signal.phase != Phase.CLEAR and (signal.kind == alarm.kind or signal.kind in LIFE)


async def alarm_page(session: AsyncSession, region: str, alarm_id: UUID, now: datetime) -> AlarmPage:
    """Everything of one alarm. Raises NotFoundError."""
    query = select(Alarm).where(Alarm.id == alarm_id, visible(Alarm.region, region))
    alarm = (await session.scalars(query)).first()
    if alarm is None:
        raise NotFoundError("there is no such alarm in your region")
    row = (await _rows(session, [alarm]))[0]
    resident = await session.get(Resident, alarm.resident_id) if alarm.resident_id else None
    attempts = (await session.scalars(select(Attempt).where(Attempt.alarm_id == alarm.id).order_by(Attempt.id))).all()
    escalations = (
        await session.scalars(select(Escalation).where(Escalation.alarm_id == alarm.id).order_by(Escalation.id))
    ).all()
    entries = await session.scalars(select(Timeline).where(Timeline.alarm_id == alarm.id).order_by(Timeline.seq))
    closed_by = await _names(session, {alarm.closed_by})
    return AlarmPage(
        row=row,
        resident=_resident(resident) if resident else None,
        signals=await _signals(session, alarm),
        steps=await step_views(session, alarm, escalations, attempts),
        timeline=tuple(TimelineView(e.seq, e.at, e.kind, e.actor, e.body) for e in entries),
        outcome_note=alarm.outcome_note,
        closed_by=closed_by.get(alarm.closed_by) if alarm.closed_by else None,
        readings=await _readings(session, alarm.resident_id, now),
    )


def _resident(row: Resident) -> ResidentView:
    return ResidentView(
        id=row.id,
        name=row.name,
        sex=row.sex,
        born=row.born,
        address=row.address,
        phone=row.phone,
        language=row.language,
        hearing=row.hearing,
        categories=tuple(row.categories),
        ability_level=row.ability_level,
        health=row.health,
        notes=row.notes,
        key_safe=row.key_safe,
    )


async def _signals(session: AsyncSession, alarm: Alarm) -> tuple[SignalView, ...]:
    query = (
        select(SignalRow, Event, Device)
        .outerjoin(Event, (Event.id == SignalRow.event_id) & (Event.gateway_id == SignalRow.gateway_id))
        .outerjoin(Device, (Device.gateway_id == SignalRow.gateway_id) & (Device.device == SignalRow.device))
        .where(SignalRow.alarm_id == alarm.id)
        .order_by(SignalRow.at, SignalRow.id)
    )
    return tuple(
        SignalView(
            event_id=signal.event_id,
            kind=signal.kind,
            phase=signal.phase,
            mode=signal.mode,
            device=signal.device,
            device_name=device.name if device else {},
            room=device.room if device else None,
            rule=signal.rule,
            event_at=signal.event_at,
            received_at=signal.at,
            clock=event.clock if event else None,
            body=event.body if event else {},
            raw=event.raw if event else None,
        )
        for signal, event, device in await session.execute(query)
    )


async def _readings(
    session: AsyncSession, resident_id: str | None, now: datetime
) -> dict[str, tuple[float | None, dict[str, object], datetime]]:
    if resident_id is None:
        return {}
    latest = (
        select(Reading.kind, func.max(Reading.event_at).label("at"))
        .where(Reading.resident_id == resident_id, Reading.event_at > now - RECENT_READINGS, Reading.mode == "actual")
        .group_by(Reading.kind)
        .subquery()
    )
    query = select(Reading).join(
        latest,
        (Reading.kind == latest.c.kind) & (Reading.event_at == latest.c.at) & (Reading.resident_id == resident_id),
    )
    return {r.kind: (r.value, r.body, r.event_at) for r in await session.scalars(query)}


async def _by_id(session: AsyncSession, table: type[T], ids: Iterable[str | None]) -> dict[str, T]:
    key = table.__mapper__.primary_key[0]
    rows = await session.scalars(select(table).where(key.in_([i for i in ids if i is not None])))
    return {getattr(row, key.name): row for row in rows}


async def _names(session: AsyncSession, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    query = select(Account.id, Account.display_name).where(Account.id.in_([i for i in ids if i is not None]))
    return {row.id: row.display_name for row in await session.execute(query)}


async def _devices(session: AsyncSession, gateways: Iterable[str | None]) -> dict[tuple[str, str], Device]:
    query = select(Device).where(Device.gateway_id.in_([g for g in gateways if g is not None]))
    return {(d.gateway_id, d.device): d for d in await session.scalars(query)}
