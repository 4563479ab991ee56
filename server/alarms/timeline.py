"""The alarm's timeline: appended to, never changed, each entry's hash covering the one before."""

import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from server.alarms.model import Alarm, Timeline, UiEvent
from server.db import changed

SYSTEM = "system"
PROVIDER = "provider"
RESIDENT = "resident"


async def append(session: AsyncSession, alarm: Alarm, at: datetime, kind: str, actor: str, /, **body: object) -> None:
    """One more entry. The caller holds the alarm's row lock, so that `seq` has no race."""
    last = (
        await session.execute(
            select(Timeline.seq, Timeline.hash)
            .where(Timeline.alarm_id == alarm.id)
            .order_by(Timeline.seq.desc())
            .limit(1)
        )
    ).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, "")
    values = {"alarm_id": alarm.id, "seq": seq, "at": at, "kind": kind, "actor": actor, "body": body}
    digest = entry_hash(previous, alarm.id, seq, at, kind, actor, body)
    await session.execute(insert(Timeline).values(**values, previous_hash=previous, hash=digest))


def entry_hash(
    previous: str, alarm_id: UUID, seq: int, at: datetime, kind: str, actor: str, body: dict[str, object]
) -> str:
    """SHA-256 over the previous hash and the entry's canonical JSON."""
    entry = [str(alarm_id), seq, at.astimezone(UTC).isoformat(), kind, actor, body]
    text = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


async def ring(session: AsyncSession, alarm: Alarm, at: datetime) -> None:
    """The doorbell for this alarm: boards fetch again once this transaction is committed."""
    await session.execute(insert(UiEvent).values(at=at, region=alarm.region, alarm_id=alarm.id))
    changed(session)
