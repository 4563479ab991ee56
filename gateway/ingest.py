"""From the home's broker into the outbox: what arrived while the last commit ran goes into the next, no timer.

Tells nobody anything (broker, device, resident, centre) before the commit; loses nothing to a commit that fails.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import aiosqlite
import msgspec
import structlog

from devices.envelope import Envelope
from devices.events import Mode, Phase, Priority, kind_of, priority_of
from devices.registry import Message, Report
from gateway.clock import Clock
from gateway.errors import StoreFullError
from gateway.mqtt import Arrival, Token
from gateway.outbox import Call, Outbox
from gateway.room import Room
from gateway.stamp import Moment, id_apart, moment, raw_of, report_id
from gateway.store import Store
from gateway.taken import Taken, digest_of
from gateway.understand import MemoryKey, Understanding, Understood

log = structlog.get_logger()

_BATCH = 256
_WAITING = 20_000
"""Messages in memory. QoS 1 never comes near it: the broker stops at its own window of unacknowledged ones."""

_QUARANTINED_BYTES = 16 * 1024
_QUARANTINED_ROWS = 1000
_PAUSE_S = 1.0


class _Confirms(Protocol):
    """What ingest says after a commit."""

    def stored(self, call: Call) -> None: ...

    def answer(self, topic: str, payload: bytes) -> None: ...

    def wake(self, urgent: bool) -> None: ...

    def heard(self, device: str, at: float) -> None: ...


class DeviceError(msgspec.Struct, frozen=True):
    id: str | None
    field: str
    problem: str


class DeviceAck(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a native device is told: ids that are safe, and what was wrong with the rest."""

    v: int
    ids: list[str] = []
    errors: list[DeviceError] = []


@dataclass(frozen=True, slots=True)
class _Came:
    arrival: Arrival
    at: Moment


@dataclass(frozen=True, slots=True)
class _Session:
    present: bool


@dataclass(frozen=True, slots=True)
class _Proof:
    mids: dict[int, bytes]


@dataclass(slots=True)
class _Plan:
    """What one transaction has to do."""

    understood: list[tuple[_Came, Understood]] = field(default_factory=list)
    tokens: list[tuple[Token, bytes]] = field(default_factory=list)
    own: list[Report] = field(default_factory=list)


@dataclass(slots=True)
class _Done:
    """What it did; lives only if it was committed."""

    envelopes: list[Envelope] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    acks: list[tuple[str, DeviceAck]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


class Ingest:
    """One task: takes everything that arrived, understands it, commits it, confirms it."""

    def __init__(
        self,
        clock: Clock,
        store: Store,
        outbox: Outbox,
        understanding: Understanding,
        taken: Taken,
        room: Room,
        confirms: _Confirms,
        scale: Callable[[float], float],
    ) -> None:
        self._clock = clock
        self._store = store
        self._outbox = outbox
        self._understanding = understanding
        self._taken = taken
        self._room = room
        self._confirms = confirms
        self._scale = scale
        self._queue: asyncio.Queue[_Came | _Session | _Proof] = asyncio.Queue()
        self._dropped = 0
        self._damaged = 0
        self._acked: dict[int, bytes] = {}
        self._memory: dict[MemoryKey, object] = {}

    # --- called by the local bus, in the order in which the broker spoke ---
    def arrived(self, arrival: Arrival) -> None:
        if arrival.token is None and self._queue.qsize() >= _WAITING:
            self._dropped += 1
            if self._dropped % 1000 == 1:
                log.error("flood", dropped=self._dropped, hint="something in the home publishes without pause")
            return
        self._queue.put_nowait(_Came(arrival, moment(self._clock)))

    def session(self, present: bool) -> None:
        self._queue.put_nowait(_Session(present))

    def acknowledged(self) -> dict[int, bytes]:
        """Messages whose PUBACK was sent since the last call."""
        acked, self._acked = self._acked, {}
        return acked

    def proved(self, mids: dict[int, bytes]) -> None:
        """The broker has read the PUBACKs of these."""
        if mids:
            self._queue.put_nowait(_Proof(mids))

    # --- the task ---
    async def run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self.handle(batch)

    async def handle(self, batch: list[_Came | _Session | _Proof]) -> None:
        plan = _Plan()
        for item in batch:
            if isinstance(item, _Came):
                self._read(item, plan)
            elif isinstance(item, _Proof):
                self._taken.proved(item.mids)
            elif not item.present:
                self._taken.session_lost()
                self._acked.clear()
        self._room.look()
        plan.own = self._room.news()
        done = await self._commit(plan)
        self._taken.written()
        self._memory.clear()
        self._confirm(plan, done)

    def _read(self, came: _Came, plan: _Plan) -> None:
        arrival = came.arrival
        if arrival.token is not None:
            digest = digest_of(arrival.topic, arrival.payload)
            plan.tokens.append((arrival.token, digest))
            if arrival.dup and self._taken.holds(arrival.token.mid, digest):
                log.info("redelivered", mid=arrival.token.mid)
                return
            self._taken.put(arrival.token.mid, digest)
        received = self._scale(came.at.mono)
        understood = self._understanding.read(Message(arrival.topic, arrival.payload, arrival.retained, received))
        if understood is None:
            return
        if not arrival.retained:
            self._confirms.heard(understood.device, came.at.mono)
        self._memory.update(understood.memory)
        plan.understood.append((came, understood))

    async def _commit(self, plan: _Plan) -> _Done:
        """Commits, however long the disk refuses: until then the broker and the devices keep what they sent."""
        complained = -1
        while True:
            done = _Done()
            try:
                async with self._outbox.transaction() as db:
                    await self._write(db, plan, done)
            except StoreFullError as error:
                complained += 1
                if complained % 60 == 0:
                    log.critical("store_full", error=str(error), hint="make room on the disk of store.path")
                if not self._room.refusing:
                    self._room.refuse(str(error))
                    plan.own += self._room.news()
                await self._shed()
                if complained:
                    await self._clock.sleep(_PAUSE_S)
                continue
            self._room.lost(self._outbox.stamp.stream, done.refused)
            return done

    async def _shed(self) -> None:
        try:
            await self._outbox.drop_telemetry(0, "made room for calls on a full disk")
        except StoreFullError as error:
            log.error("cannot_shed", error=str(error))

    async def _write(self, db: aiosqlite.Connection, plan: _Plan, done: _Done) -> None:
        await self._taken.write(db)
        await db.executemany(
            "INSERT OR REPLACE INTO memory (source, base, device, memory) VALUES (?, ?, ?, ?)",
            [(*key, json.dumps(memory)) for key, memory in self._memory.items()],
        )
        await db.execute(
            "INSERT OR REPLACE INTO meta (key, value) VALUES ('received_s', ?)",
            (repr(self._scale(self._clock.mono())),),
        )
        for report in plan.own:
            await self._keep(db, report, moment(self._clock), None, done)
        for came, understood in plan.understood:
            ids = []
            for report in understood.reports:
                id = await self._keep(db, report, came.at, came.arrival, done)
                ids.append(id and (report.id or id))
            if understood.damaged:
                await self._quarantine(db, came, understood)
            if understood.ack_topic is not None and (ids or understood.problems):
                named = [i for i in ids if i is not None]
                errors = [DeviceError(p.id, p.field, p.problem) for p in understood.problems]
                done.acks.append((understood.ack_topic, DeviceAck(1, named, errors)))

    async def _keep(
        self, db: aiosqlite.Connection, report: Report, at: Moment, arrival: Arrival | None, done: _Done
    ) -> str | None:
        """Queues a report unless it is there already; the id under which it is safe, None when it was refused."""
        kind = kind_of(report.said)
        priority = priority_of(kind)
        if priority is Priority.P2 and self._room.refusing and arrival is not None:
            self._outbox.stamp.seq += 1
            done.refused.append(self._outbox.stamp.seq)
            return None
        id = report_id(report)
        if id is not None:
            owner = await self._outbox.device_of(db, id)
            if owner is not None and owner != report.device:
                id = id_apart(id, report.device)
                owner = await self._outbox.device_of(db, id)
            if owner is not None:
                log.info("duplicate", id=str(id))
                return str(id)
        raw = raw_of(arrival.topic, arrival.payload) if arrival is not None else None
        envelope = self._outbox.stamp.envelope(report, at, id=id, raw=raw)
        told = priority is Priority.P0 and envelope.phase is Phase.RAISE and envelope.mode is not Mode.SIMULATED
        await self._outbox.add(db, envelope, feedback=told)
        done.envelopes.append(envelope)
        if told:
            done.calls.append(Call(envelope.id, envelope.device, kind))
        return str(envelope.id)

    async def _quarantine(self, db: aiosqlite.Connection, came: _Came, understood: Understood) -> None:
        arrival, problem = came.arrival, understood.problems[0]
        await db.execute(
            "INSERT INTO quarantine (at, source, topic, payload, size, field, problem) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                came.at.wall.timestamp(),
                understood.source,
                arrival.topic,
                arrival.payload[:_QUARANTINED_BYTES],
                len(arrival.payload),
                problem.field,
                problem.problem,
            ),
        )
        await db.execute(
            "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (_QUARANTINED_ROWS,)
        )

    def _confirm(self, plan: _Plan, done: _Done) -> None:
        if done.envelopes:
            self._confirms.wake(any(priority_of(e.kind) is Priority.P0 for e in done.envelopes))
        for call in done.calls:
            self._confirms.stored(call)
        for topic, ack in done.acks:
            self._confirms.answer(topic, msgspec.json.encode(ack))
        for token, digest in plan.tokens:
            if token.ack():
                self._acked[token.mid] = digest
        for _, understood in plan.understood:
            if understood.damaged:
                self._damaged += 1
                if understood.reports or self._damaged % 1000 == 0:  # those without are the rest of a storm
                    log.warning("quarantined", source=understood.source, since_start=self._damaged)
        for envelope in done.envelopes:
            if priority_of(envelope.kind) is not Priority.P2:
                log.info("stored", id=str(envelope.id), kind=envelope.kind, phase=envelope.phase, mode=envelope.mode)
