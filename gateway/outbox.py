"""What has to reach the centre: kept from before anybody is told until the centre names its id.

Never forgets an unacknowledged p0 or p1.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import aiosqlite
import msgspec

from devices.envelope import Envelope, encode
from devices.events import Gap, Priority, priority_of
from devices.registry import Report
from gateway.clock import Clock
from gateway.stamp import Stamp, moment
from gateway.store import Store

KEEP = timedelta(days=7)
"""Acknowledged p0 and p1 are offered again when the centre was restored from a backup this old or younger."""

_CREDIBLE = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Waiting:
    """One event that has to be delivered, in its order."""

    position: int
    id: UUID
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A p0 event of which the resident is told how far it got."""

    id: UUID
    device: str
    kind: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What an acknowledgement changed."""

    calls: tuple[Call, ...]  # acknowledged for the first time
    offered_again: int  # events that a changed epoch made pending


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits."""

    pending: Mapping[str, int]  # by priority
    oldest: Envelope | None

    @property
    def total(self) -> int:
        return sum(self.pending.values())


class Outbox:
    """The queue in the store. Every write of the gateway goes through `transaction`."""

    def __init__(self, store: Store, stamp: Stamp, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turn = asyncio.Lock()
        self.stamp = stamp

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Like Store.transaction; sequence numbers given out inside are taken back when it fails."""
        async with self._turn:
            before = self.stamp.seq
            try:
                async with self._store.transaction() as db:
                    yield db
            except BaseException:
                self.stamp.seq = before
                raise

    async def add(self, db: aiosqlite.Connection, envelope: Envelope, *, feedback: bool = False) -> bool:
        """Queues it; False when its id is already there."""
        cursor = await db.execute(
            "INSERT INTO outbox (id, priority, stream, seq, device, kind, feedback, envelope, stored_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            (
                envelope.id.bytes,
                priority_of(envelope.kind).value,
                envelope.stream,
                envelope.seq,
                envelope.device,
                envelope.kind,
                feedback,
                encode(envelope),
                self._clock.now().timestamp(),
            ),
        )
        return cursor.rowcount == 1

    async def device_of(self, db: aiosqlite.Connection, event: UUID) -> str | None:
        """The device whose event has this id, None when there is no such event."""
        async with db.execute("SELECT device FROM outbox WHERE id = ?", (event.bytes,)) as cursor:
            row = await cursor.fetchone()
        return row[0] if row else None

    async def waiting(self, priority: Priority, after: int, limit: int) -> list[Waiting]:
        """The next pending ones behind position `after`."""
        rows = await self._store.rows(
            "SELECT position, id, envelope FROM outbox WHERE pending AND priority = ? AND position > ?"
            " ORDER BY position LIMIT ?",
            (priority.value, after, limit),
        )
        return [Waiting(position, UUID(bytes=id), envelope) for position, id, envelope in rows]

    async def acknowledge(self, epochs_and_ids: Iterable[tuple[str, Iterable[UUID]]]) -> Acknowledged:
        """The centre has committed these. A changed epoch makes everything kept pending again first."""
        calls: list[Call] = []
        again = 0
        now = self._clock.now().timestamp()
        async with self.transaction() as db:
            for epoch, ids in epochs_and_ids:
                again += await self._enter_epoch(db, epoch)
                for id in ids:
                    calls += await self._acknowledge_one(db, id, now)
        return Acknowledged(tuple(calls), again)

    async def _enter_epoch(self, db: aiosqlite.Connection, epoch: str) -> int:
        async with db.execute("SELECT value FROM meta WHERE key = 'epoch'") as cursor:
            row = await cursor.fetchone()
        if row and row[0] == epoch:
            return 0
        await db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('epoch', ?)", (epoch,))
        if row is None:
            return 0
        return (await db.execute("UPDATE outbox SET pending = 1 WHERE NOT pending")).rowcount

    async def _acknowledge_one(self, db: aiosqlite.Connection, id: UUID, now: float) -> list[Call]:
        sql = "SELECT priority, acked_at, feedback, device, kind FROM outbox WHERE id = ?"
        async with db.execute(sql, (id.bytes,)) as cursor:
            row = await cursor.fetchone()
        if row is None:
            return []
        priority, acked_at, feedback, device, kind = row
        if priority == Priority.P2:
            await db.execute("DELETE FROM outbox WHERE id = ?", (id.bytes,))
            return []
        await db.execute(
            "UPDATE outbox SET pending = 0, acked_at = COALESCE(acked_at, ?) WHERE id = ?", (now, id.bytes)
        )
        return [Call(id, device, kind)] if feedback and acked_at is None else []

    async def count_tries(self, ids: Iterable[bytes]) -> None:
        """Notes that these were sent again."""
        async with self.transaction() as db:
            await db.executemany("UPDATE outbox SET tries = tries + 1 WHERE id = ?", [(id,) for id in ids])

    async def call(self, id: UUID) -> Call | None:
        """The event with this id, acknowledged or not."""
        rows = await self._store.rows("SELECT device, kind FROM outbox WHERE id = ?", (id.bytes,))
        return Call(id, rows[0][0], rows[0][1]) if rows else None

    async def unanswered(self) -> list[tuple[Call, float]]:
        """Calls that the centre never acknowledged, and the wall time at which they were stored."""
        rows = await self._store.rows(
            "SELECT id, device, kind, stored_at FROM outbox WHERE pending AND feedback AND acked_at IS NULL"
            " ORDER BY position"
        )
        return [(Call(UUID(bytes=id), device, kind), at) for id, device, kind, at in rows]

    async def depth(self) -> Depth:
        """How much waits, and the oldest of it."""
        rows = await self._store.rows("SELECT priority, count(*) FROM outbox WHERE pending GROUP BY priority")
        oldest = await self._store.rows("SELECT envelope FROM outbox WHERE pending ORDER BY position LIMIT 1")
        return Depth(dict(rows), msgspec.json.decode(oldest[0][0], type=Envelope) if oldest else None)

    async def prune(self) -> None:
        """Forgets what was acknowledged more than KEEP ago. With a clock that is not set it forgets nothing."""
        now = self._clock.now().timestamp()
        if now < _CREDIBLE:
            return
        limit = now - KEEP.total_seconds()
        async with self.transaction() as db:
            # Stamped before the clock was set: their age begins now.
            for table, column in (("outbox", "acked_at"), ("command", "received_at")):
                await db.execute(f"UPDATE {table} SET {column} = ? WHERE {column} < ?", (now, _CREDIBLE))  # noqa: S608
            await db.execute("DELETE FROM outbox WHERE NOT pending AND acked_at < ?", (limit,))
            await db.execute("DELETE FROM command WHERE received_at < ?", (limit,))

    async def drop_telemetry(self, keep: int, reason: str) -> int:
        """Drops the oldest telemetry beyond `keep` rows and leaves gap records in its place. How many went."""
        async with self.transaction() as db:
            sql = (
                "SELECT stream, min(seq), max(seq), count(*) FROM (SELECT stream, seq FROM outbox"
                " WHERE priority = 'p2' AND pending AND kind <> 'gap' ORDER BY position DESC LIMIT -1 OFFSET ?)"
                " GROUP BY stream"
            )
            async with db.execute(sql, (keep,)) as cursor:
                lost = list(await cursor.fetchall())
            if not lost:
                return 0
            await db.execute(
                "DELETE FROM outbox WHERE position IN (SELECT position FROM outbox"
                " WHERE priority = 'p2' AND pending AND kind <> 'gap' ORDER BY position DESC LIMIT -1 OFFSET ?)",
                (keep,),
            )
            for stream, first, last, count in lost:
                gap = Gap(lost_stream=stream, first_seq=first, last_seq=last, count=count, reason=reason)
                report = Report(device=self.stamp.gateway, said=gap)
                await self.add(db, self.stamp.envelope(report, moment(self._clock)))
        return sum(row[3] for row in lost)
