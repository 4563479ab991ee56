"""Bytes that cannot be read: kept, counted, and on p0 a low-confidence alarm. They never block what comes behind."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from devices.events import Mode, Priority
from server.alarms.raising import Signal, Subject, raise_alarm
from server.centre import Centre
from server.homes.model import Gateway
from server.ingest.model import Quarantine
from server.rules.engine import Verdict

RESEND = timedelta(seconds=60)
"""The same bytes within this of the last time are the same message sent again; later they are somebody's next try."""


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


class _Marks(msgspec.Struct):
    id: UUID | None = None
    mode: Mode = Mode.ACTUAL


def marks_in(payload: bytes) -> tuple[tuple[UUID, ...], Mode]:
    """Ids and mode of a message that is otherwise wrong: acknowledged once quarantined, so that it comes no more.

    A batch counts as less than actual only if all of it does.
    """
    try:
        found = msgspec.json.decode(payload, type=_Marks | list[_Marks])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return (), Mode.ACTUAL
    marks = found if isinstance(found, list) else [found]
    modes = {each.mode for each in marks}
    return tuple(each.id for each in marks if each.id), modes.pop() if len(modes) == 1 else Mode.ACTUAL


async def keep(centre: Centre, session: AsyncSession, poison: Poison, now: datetime) -> None:
    """In the caller's transaction. The same bytes sent again are counted; after a while they raise again."""
    digest = hashlib.sha256(poison.topic.encode() + b"\0" + poison.payload).hexdigest()
    row = centre.db.insert(Quarantine).values(
        source=poison.gateway,
        topic=poison.topic,
        digest=digest,
        payload=poison.payload,
        problem=poison.problem.replace("\0", "�"),
        received_at=now,
        last_at=now,
        times=1,
    )
    result = await session.execute(row.on_conflict_do_nothing().returning(Quarantine.id))
    if result.first() is None and not await _again(session, digest, now):
        return
    if poison.priority is not Priority.P0 or poison.mode is Mode.SIMULATED:
        return
    gateway = await session.get(Gateway, poison.gateway)
    resident_id, region = (gateway.resident_id, gateway.region) if gateway else (None, None)
    subject = Subject.of(poison.gateway, resident_id, region)
    verdict = Verdict("unreadable", 2, 0, poison.mode)
    await raise_alarm(centre.db, session, subject, Signal(None, poison.gateway, "unknown", "raise", now), verdict, now)


async def _again(session: AsyncSession, digest: str, now: datetime) -> bool:
    """Whether known bytes are more than a resend."""
    row = (await session.scalars(select(Quarantine).where(Quarantine.digest == digest).with_for_update())).one()
    quiet = now - row.last_at
    row.last_at, row.times = now, row.times + 1
    return quiet > RESEND
