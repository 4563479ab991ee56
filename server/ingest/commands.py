"""Sends commands down until the gateway has answered them, or tells a person that it did not."""

import asyncio
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from devices.envelope import Command, down_topic, encode
from server.alarms import timeline
from server.alarms.model import Alarm
from server.centre import Centre
from server.ingest.model import CommandRow
from server.ingest.transport import Transport

log = structlog.get_logger()

AGAIN_S = 5.0


async def send_due(centre: Centre, transport: Transport, now: datetime) -> int:
    """Every pending command that is due, once. Marked before it is sent: a crash in between costs one AGAIN_S."""
    async with centre.db.write() as session:
        due = (
            select(CommandRow)
            .where(CommandRow.state == "pending", CommandRow.due_at <= now)
            .order_by(CommandRow.id)
            .limit(200)
            .with_for_update(skip_locked=not centre.db.is_sqlite)
        )
        messages: list[tuple[str, bytes]] = []
        for row in (await session.scalars(due)).all():
            if row.expires_at <= now:
                row.state = "expired"
                alarm = await session.get(Alarm, row.alarm_id, with_for_update=True) if row.alarm_id else None
                if alarm is not None:
                    body = {"gateway": row.gateway_id, "result": "expired"}
                    await timeline.append(session, alarm, now, "person_not_told", timeline.SYSTEM, **body)
                    await timeline.ring(session, alarm, now)
                continue
            row.tries += 1
            row.due_at = now + timedelta(seconds=AGAIN_S)
            ttl_s = (row.expires_at - now).total_seconds()
            command = Command(v=1, id=row.id, kind=row.kind, ttl_s=ttl_s, cause=row.cause, body=row.body)
            messages.append((down_topic(row.gateway_id, "cmd"), encode(command)))
    for topic, payload in messages:
        transport.publish(topic, payload)
    return len(messages)


async def run(centre: Centre, transport: Transport) -> None:
    """Until the process stops."""
    waiter = centre.wakeup.subscribe()
    try:
        while not centre.wakeup.stopped:
            try:
                if await _some_due(centre):
                    await send_due(centre, transport, centre.clock.now())
            except (SQLAlchemyError, OSError) as error:
                log.error("commands wait for the database", error=type(error).__name__)
                await asyncio.sleep(1.0)
            await centre.wakeup.wait(1.0, waiter)
    finally:
        centre.wakeup.unsubscribe(waiter)


async def _some_due(centre: Centre) -> bool:
    """Look without the writer's lock: most looks find nothing."""
    async with centre.db.read() as session:
        query = select(CommandRow.id).where(CommandRow.state == "pending", CommandRow.due_at <= centre.clock.now())
        return await session.scalar(query.limit(1)) is not None
