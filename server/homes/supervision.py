"""A silent gateway becomes visible to a person. (Devices are watched by their gateway, which reports by p1.)"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from devices.events import Mode
from server.alarms import timeline
from server.alarms.lifecycle import State
from server.alarms.model import Alarm
from server.alarms.raising import Signal, Subject, raise_alarm
from server.centre import Centre
from server.homes.model import Gateway
from server.rules.engine import Verdict

RULE = "gateway_silent"
AT_ONCE = 50
"""Gateways of one look, so that a district that goes dark holds up nobody's call."""


async def raise_silent_gateways(centre: Centre, now: datetime) -> int:
    """A technical alarm for each gateway whose time to be heard has passed, once until it is heard again."""
    listening = centre.health.listening_since
    if listening is None or (now - listening).total_seconds() < centre.settings.supervision.gateway_silent_s:
        return 0  # we were deaf ourselves, which is shown as such; nobody can have been heard
    async with centre.db.read() as session:
        due = select(Gateway.id).where(Gateway.silent_due_at <= now, Gateway.silent_since.is_(None))
        ids = (await session.scalars(due.order_by(Gateway.silent_due_at).limit(AT_ONCE))).all()
    for gateway_id in ids:
        async with centre.db.write() as session:
            gateway = await session.get(Gateway, gateway_id, with_for_update=True, populate_existing=True)
            if gateway is None or gateway.silent_since or not gateway.silent_due_at or gateway.silent_due_at > now:
                continue
            gateway.silent_since = gateway.last_seen_at or now
            subject = Subject.of(gateway.id, gateway.resident_id, gateway.region)
            signal = Signal(None, gateway.id, "offline", "raise", gateway.silent_since)
            await raise_alarm(centre.db, session, subject, signal, Verdict(RULE, 3, 0, Mode.ACTUAL), now)
    return len(ids)


async def heard(session: AsyncSession, gateway: Gateway, now: datetime, silent_s: float) -> None:
    """Something came from the gateway. One that was silent is noted on its alarm; a person closes that."""
    gateway.last_seen_at = now
    gateway.silent_due_at = now + timedelta(seconds=silent_s)
    if gateway.silent_since is None:
        return
    gateway.silent_since = None
    subject = Subject.of(gateway.id, gateway.resident_id, gateway.region)
    query = select(Alarm).where(Alarm.subject == subject.key, Alarm.state != State.CLOSED).with_for_update()
    for alarm in await session.scalars(query):
        await timeline.append(session, alarm, now, "signal_cleared", timeline.SYSTEM, kind="offline", device=gateway.id)
        await timeline.ring(session, alarm, now)
