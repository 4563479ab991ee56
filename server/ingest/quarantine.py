"""Bytes that cannot be read: kept, counted, and on p0 a low-confidence alarm. They never block what comes behind."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from devices.events import Mode, Priority
from server.alarms.raising import Signal, Subject, raise_alarm
from server.centre import Centre
from server.homes.model import Gateway
from server.ingest.model import Quarantine
from server.rules.engine import Verdict


@dataclass(frozen=True, slots=True)
class Poison:
    """A message that cannot be read, and why. `ids` are the envelope ids that could be made out, to be acknowledged."""

    gateway: str
    topic: str
    priority: Priority
    payload: bytes
    problem: str
    ids: tuple[UUID, ...] = ()
    mode: Mode = Mode.ACTUAL


class _OnlyId(msgspec.Struct):
    id: UUID


def ids_in(payload: bytes) -> tuple[UUID, ...]:
    """Envelope ids in a message that is otherwise wrong: acknowledged once quarantined, so that they come no more."""
    try:
        found = msgspec.json.decode(payload, type=_OnlyId | list[_OnlyId])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return tuple(each.id for each in found) if isinstance(found, list) else (found.id,)


async def keep(centre: Centre, session: AsyncSession, poison: Poison, now: datetime) -> None:
    """In the caller's transaction. The same bytes sent again change nothing."""
    digest = hashlib.sha256(poison.topic.encode() + b"\0" + poison.payload).hexdigest()
    row = centre.db.insert(Quarantine).values(
        source=poison.gateway[:64],
        topic=poison.topic,
        digest=digest,
        payload=poison.payload,
        problem=poison.problem.replace("\0", "�"),
        received_at=now,
    )
    result = await session.execute(row.on_conflict_do_nothing().returning(Quarantine.id))
    if result.first() is None or poison.priority is not Priority.P0 or poison.mode is Mode.SIMULATED:
        return
    gateway = await session.get(Gateway, poison.gateway)
    resident_id, region = (gateway.resident_id, gateway.region) if gateway else (None, None)
    subject = Subject.of(poison.gateway, resident_id, region)
    verdict = Verdict("unreadable", 2, 0, poison.mode)
    await raise_alarm(centre.db, session, subject, Signal(None, poison.gateway, "unknown", "raise", now), verdict, now)
