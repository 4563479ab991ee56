"""One transaction for everything that a batch of messages means: events, decoder memory, taken messages, quarantine.

Either all of it is on the disk or none of it; a disk that refuses costs telemetry first and calls never.
"""

import json
from dataclasses import dataclass, field

import aiosqlite
import msgspec
import structlog

from devices.envelope import Envelope
from devices.events import Mode, Phase, Priority, kind_of, priority_of
from devices.registry import Memory, Report
from gateway.clock import Clock
from gateway.errors import StoreFullError
from gateway.mqtt import Arrival
from gateway.outbox import Call, Outbox
from gateway.room import Room
from gateway.scale import Scale
from gateway.stamp import Moment, id_apart, moment, raw_of, report_id
from gateway.taken import Taken
from gateway.understand import MemoryKey, Understood

log = structlog.get_logger()

_QUARANTINED_BYTES = 16 * 1024
_QUARANTINED_ROWS = 1000
_PAUSE_S = 1.0
_COMPLAIN_EVERY = 60


class DeviceError(msgspec.Struct, frozen=True):
    """What was wrong with one event of a native device."""

    id: str | None
    field: str
    problem: str


class DeviceAck(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a native device is told: ids that are safe, and what was wrong with the rest."""

    v: int
    ids: list[str] = []
    errors: list[DeviceError] = []


@dataclass(frozen=True, slots=True)
class Came:
    """A message and when it came."""

    arrival: Arrival
    at: Moment
    received_s: float  # on the decoders' scale


@dataclass(slots=True)
class Plan:
    """What one transaction has to do."""

    understood: list[tuple[Came, Understood]] = field(default_factory=list)
    memory: dict[MemoryKey, Memory] = field(default_factory=dict)
    own: list[Report] = field(default_factory=list)  # what the gateway says of itself


@dataclass(slots=True)
class Done:
    """What it did."""

    envelopes: list[Envelope] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    acks: list[tuple[str, DeviceAck]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)  # sequence numbers of telemetry that found no room


class Journal:
    """Writes plans down."""

    def __init__(self, clock: Clock, outbox: Outbox, taken: Taken, room: Room, scale: Scale) -> None:
        self._clock = clock
        self._outbox = outbox
        self._taken = taken
        self._room = room
        self._scale = scale

    async def commit(self, plan: Plan) -> Done:
        """Commits, however long the disk refuses: until then the broker and the devices keep what they sent."""
        self._room.look()
        plan.own += self._room.news()
        attempts = 0
        while True:
            done = Done()
            try:
                async with self._outbox.transaction() as db:
                    await self._write(db, plan, done)
            except StoreFullError as error:
                if attempts % _COMPLAIN_EVERY == 0:
                    log.critical("store_full", error=str(error), hint="make room on the disk of store.path")
                self._room.refuse(str(error))
                plan.own += self._room.news()
                await self._shed()
                if attempts:
                    await self._clock.sleep(_PAUSE_S)
                attempts += 1
                continue
            self._taken.written()
            self._room.lost(self._outbox.stamp.stream, done.refused)
            return done

    async def _shed(self) -> None:
        """The older half of what telemetry waits; again, if that was not enough."""
        try:
            waiting = (await self._outbox.depth()).pending.get(Priority.P2, 0)
            await self._outbox.drop_telemetry(waiting // 2, "made room for calls on a full disk")
        except StoreFullError as error:
            log.error("cannot_shed", error=str(error))

    async def _write(self, db: aiosqlite.Connection, plan: Plan, done: Done) -> None:
        await self._taken.write(db)
        await db.executemany(
            "INSERT OR REPLACE INTO memory (source, base, device, memory) VALUES (?, ?, ?, ?)",
            [(*key, json.dumps(dict(memory))) for key, memory in plan.memory.items()],
        )
        await self._scale.write(db)
        for report in plan.own:
            await self._keep(db, report, moment(self._clock), None, done)
        for came, understood in plan.understood:
            kept = [(r, await self._keep(db, r, came.at, came.arrival, done)) for r in understood.reports]
            if understood.damaged:
                await self._quarantine(db, came, understood)
            if understood.ack_topic is not None and (kept or understood.problems):
                # Under its own id where it has one: the device knows no other.
                ids = [report.id or id for report, id in kept if id is not None]
                errors = [DeviceError(p.id, p.field, p.problem) for p in understood.problems]
                done.acks.append((understood.ack_topic, DeviceAck(1, ids, errors)))

    async def _keep(
        self, db: aiosqlite.Connection, report: Report, at: Moment, arrival: Arrival | None, done: Done
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

    async def _quarantine(self, db: aiosqlite.Connection, came: Came, understood: Understood) -> None:
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
