"""T1: what arrived becomes inbox, event, alarm, escalation, timeline and doorbell in one transaction.

Never acknowledges: the caller does, after the commit.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from devices.envelope import Envelope
from devices.events import READING_KINDS, CommandResult, Event, Heartbeat, Mode, Phase, Said, kind_of
from server.alarms import timeline
from server.alarms.lifecycle import State
from server.alarms.model import Alarm
from server.alarms.raising import Signal, Subject, cancel_by_resident, raise_alarm
from server.centre import Centre
from server.homes.model import Device, Gateway
from server.homes.supervision import heard
from server.ingest.model import CommandRow, Inbox, Reading
from server.ingest.model import Event as EventRow
from server.ingest.times import event_time, learn_boot
from server.rules.engine import Verdict

RULE_FAILED = Verdict("rule_failed", 3, 0, Mode.ACTUAL)


Items = list[tuple[Envelope, Said]]
"""What one transaction takes in: readable envelopes with their typed content."""


async def accept(centre: Centre, session: AsyncSession, items: Items, now: datetime) -> None:
    """All effects of `items`, each event once whatever came before."""
    new = await _enter_inbox(centre, session, items, now)
    homes = await _Homes.of(session, {envelope.gateway for envelope, _ in items})
    events: list[dict[str, Any]] = []
    readings: list[dict[str, Any]] = []
    for known in homes.gateways.values():
        await heard(session, known, now, centre.settings.supervision.gateway_silent_s)
    for envelope, said in items:
        gateway = homes.gateways.get(envelope.gateway)
        if gateway is not None:
            learn_boot(gateway, envelope, now)
        if (envelope.gateway, envelope.id) not in new:
            continue
        new.discard((envelope.gateway, envelope.id))
        row = _row(envelope, homes, now)
        if isinstance(said, Heartbeat):
            if gateway is not None:
                gateway.heartbeat = {**envelope.body, "at": now.isoformat()}
        elif isinstance(said, CommandResult):
            await _command_result(session, envelope.gateway, said, now)
        elif envelope.kind in READING_KINDS:
            homes.seen(session, envelope, now)
            value = getattr(said, "value", None)
            readings.append({k: row[k] for k in _READING} | {"value": None if value is None else float(value)})
        else:
            homes.seen(session, envelope, now)
            events.append(row)
            await _effects(centre, session, envelope, said, row, now)
    if events:
        await session.execute(insert(EventRow), events)
    if readings:
        await session.execute(insert(Reading), readings)


_READING = ("id", "gateway_id", "device", "resident_id", "kind", "mode", "event_at", "received_at", "body")


async def _enter_inbox(centre: Centre, session: AsyncSession, items: Items, now: datetime) -> set[tuple[str, UUID]]:
    """The (source, id) pairs that were not there before."""
    rows = [{"source": e.gateway, "id": e.id, "received_at": now} for e, _ in items]
    rows.sort(key=lambda row: (row["source"], row["id"]))  # one order for all processes: no deadlock
    statement = centre.db.insert(Inbox).values(rows).on_conflict_do_nothing().returning(Inbox.source, Inbox.id)
    return {(source, id_) for source, id_ in await session.execute(statement)}


class _Homes:
    """The gateways (locked) and devices that a group speaks of."""

    def __init__(self, gateways: dict[str, Gateway], devices: dict[tuple[str, str], Device]) -> None:
        self.gateways = gateways
        self.devices = devices

    @classmethod
    async def of(cls, session: AsyncSession, ids: set[str]) -> "_Homes":
        gateways = await session.scalars(
            select(Gateway).where(Gateway.id.in_(ids)).order_by(Gateway.id).with_for_update()
        )
        devices = await session.scalars(select(Device).where(Device.gateway_id.in_(ids)))
        return cls({g.id: g for g in gateways}, {(d.gateway_id, d.device): d for d in devices})

    def resident_of(self, envelope: Envelope) -> str | None:
        device = self.devices.get((envelope.gateway, envelope.device))
        if device is not None and device.resident_id is not None:
            return device.resident_id
        gateway = self.gateways.get(envelope.gateway)
        return gateway.resident_id if gateway else None

    def seen(self, session: AsyncSession, envelope: Envelope, now: datetime) -> None:
        """A device that nobody registered still raises; it is kept, marked, for the engineer to see."""
        if envelope.gateway not in self.gateways:
            return
        key = (envelope.gateway, envelope.device)
        device = self.devices.get(key)
        if device is None:
            device = Device(gateway_id=key[0], device=key[1], registered=False, name={})
            self.devices[key] = device
            session.add(device)
        device.last_seen_at = now


def _row(envelope: Envelope, homes: _Homes, now: datetime) -> dict[str, Any]:
    gateway = homes.gateways.get(envelope.gateway)
    moment, clock = event_time(gateway, envelope, now)
    raw = envelope.raw
    return {
        "id": envelope.id,
        "gateway_id": envelope.gateway,
        "device": envelope.device,
        "resident_id": homes.resident_of(envelope),
        "region": gateway.region if gateway else None,
        "kind": envelope.kind,
        "phase": envelope.phase.value,
        "mode": envelope.mode.value,
        "cause": envelope.cause,
        "event_at": moment,
        "clock": clock,
        "received_at": now,
        "stream": envelope.stream,
        "seq": envelope.seq,
        "body": envelope.body,
        "raw": {"topic": raw.topic, "data": raw.data, "encoding": raw.encoding} if raw else None,
    }


async def _effects(
    centre: Centre, session: AsyncSession, envelope: Envelope, said: Said, row: dict[str, Any], now: datetime
) -> None:
    """What an event does beyond being kept."""
    event: Event = said  # type: ignore[assignment]  # readings went another way
    subject = Subject.of(envelope.gateway, row["resident_id"], row["region"])
    kind = kind_of(event)
    if kind == "cancel" and envelope.mode is not Mode.SIMULATED:
        await cancel_by_resident(session, subject, envelope, now)
        return
    judgement = centre.rules.judge(event, envelope.mode)
    for rule, error in judgement.failed:
        broken = Subject(f"centre:rule:{rule}", None, None, None)
        signal = Signal(None, rule, "fault", "raise", now)
        alarm = await raise_alarm(centre.db, session, broken, signal, RULE_FAILED, now)
        await timeline.append(session, alarm, now, "rule_failed", timeline.SYSTEM, rule=rule, error=error)
    if judgement.verdict is not None:
        signal = Signal(envelope.id, row["device"], kind, envelope.phase.value, row["event_at"])
        await raise_alarm(centre.db, session, subject, signal, judgement.verdict, now)
    elif event.phase is Phase.CLEAR:
        await _cleared(session, subject, envelope, now)


async def _cleared(session: AsyncSession, subject: Subject, envelope: Envelope, now: datetime) -> None:
    """Shown on the open alarm. It closes nothing."""
    query = select(Alarm).where(
        Alarm.subject == subject.key, Alarm.mode == envelope.mode.value, Alarm.state != State.CLOSED
    )
    for alarm in await session.scalars(query.with_for_update()):
        body = {"kind": envelope.kind, "device": envelope.device}
        await timeline.append(session, alarm, now, "signal_cleared", timeline.SYSTEM, **body)
        await timeline.ring(session, alarm, now)


async def _command_result(session: AsyncSession, gateway: str, said: CommandResult, now: datetime) -> None:
    try:
        command_id = UUID(said.command)
    except ValueError:
        return  # kept in the inbox; there is no such command
    done = (
        update(CommandRow)
        .where(CommandRow.id == command_id, CommandRow.gateway_id == gateway, CommandRow.state == "pending")
        .values(state=said.result, detail=said.detail[:200])
        .returning(CommandRow.alarm_id, CommandRow.gateway_id)
    )
    row = (await session.execute(done)).first()
    if row is None or row.alarm_id is None:
        return
    alarm = await session.get(Alarm, row.alarm_id, with_for_update=True)
    if alarm is not None:
        kind = "person_told" if said.result == "done" else "person_not_told"
        await timeline.append(session, alarm, now, kind, timeline.SYSTEM, gateway=row.gateway_id, result=said.result)
        await timeline.ring(session, alarm, now)
