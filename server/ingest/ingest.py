"""The way in: messages wait while the last commit runs, then all of them go into the next (group commit, no timer).

Acknowledges after the commit, never before. What cannot be committed now is tried again; the gateways keep it too.
"""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from devices.envelope import Ack, Envelope, decode_envelopes, down_topic, encode, parse_up_topic
from devices.errors import DecodeError, EnvelopeError
from devices.events import Mode, Priority, Said
from server import metrics
from server.centre import Centre
from server.ingest.accept import accept
from server.ingest.quarantine import Poison, ids_in, keep
from server.ingest.transport import Transport

log = structlog.get_logger()

GROUP = 200
"""Messages of one transaction at most: an SOS behind a storm waits for one such commit."""
MAX_TELEMETRY = 20_000
"""p2 messages that may wait; more are left to their gateways, which send them again."""
PAUSE_S = 1.0
MAX_TRIES = 5
"""A deadlock or a lock that was not had in time is tried so often before the message itself is suspected."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came."""

    topic: str
    payload: bytes
    gateway: str
    priority: Priority


@dataclass(slots=True)
class _Read:
    """Arrivals, read."""

    good: list[tuple[Envelope, Said]] = field(default_factory=list)
    poison: list[Poison] = field(default_factory=list)

    def ids(self) -> dict[str, list[UUID]]:
        """What is to be acknowledged to whom, once committed."""
        found: defaultdict[str, list[UUID]] = defaultdict(list)
        for envelope, _ in self.good:
            found[envelope.gateway].append(envelope.id)
        for poison in self.poison:
            found[poison.gateway].extend(poison.ids)
        return found


class Ingest:
    """Give it messages with `receive`; `run` commits and acknowledges them."""

    def __init__(self, centre: Centre, transport: Transport, epoch: str) -> None:
        self._centre = centre
        self._transport = transport
        self._epoch = epoch
        self._waiting: dict[Priority, deque[Arrival]] = {priority: deque() for priority in Priority}
        self._some = asyncio.Event()
        self._stopped = False

    def receive(self, topic: str, payload: bytes) -> None:
        """Called by the transport in the event loop."""
        try:
            gateway, priority = parse_up_topic(topic)
        except EnvelopeError as error:
            log.warning("message on a topic that is not ours", problem=error.problem)
            return
        metrics.RECEIVED.labels(priority.value).inc()
        queue = self._waiting[priority]
        if priority is Priority.P2 and len(queue) >= MAX_TELEMETRY:
            metrics.REFUSED.inc()
            return
        queue.append(Arrival(topic, payload, gateway, priority))
        self._some.set()

    async def run(self) -> None:
        """Until `stop`, or cancelled between two groups."""
        while not self._stopped:
            await self._some.wait()
            group = self._take()
            if not group:
                self._some.clear()
                continue
            await self._commit_for_sure(group)

    def stop(self) -> None:
        """End after the group in hand; what still waits was not acknowledged and comes again."""
        self._stopped = True
        self._some.set()

    def _take(self) -> list[Arrival]:
        """The next group, life first."""
        group: list[Arrival] = []
        for priority in Priority:
            queue = self._waiting[priority]
            while queue and len(group) < GROUP:
                group.append(queue.popleft())
        return group

    async def _commit_for_sure(self, group: list[Arrival]) -> None:
        """Committed and acknowledged, or quarantined; a database that is away or busy is waited for."""
        what, tries = read(group), 0
        while True:
            try:
                await self._commit(what)
                return
            except (SQLAlchemyError, OSError) as error:
                if self._stopped:
                    return  # unacknowledged: its gateway keeps it
                tries += 1
                if not _is_about_content(error) and (tries < MAX_TRIES or not await self._database_answers()):
                    log.error("ingest waits for the database", waiting=len(group), error=type(error).__name__)
                    await asyncio.sleep(PAUSE_S)
                    continue
                log.error("messages could not be stored", count=len(group), error=type(error).__name__)
                if len(group) > 1:
                    for arrival in group:  # one of them is the cause; nothing beside it may be lost
                        await self._commit_for_sure([arrival])
                    return
                if what.poison and not what.good:
                    raise  # not even its bytes can be kept: stop loudly, the gateway keeps it too
                what = _Read(poison=[_poison(group[0], f"could not be stored: {type(error).__name__}")])

    async def _database_answers(self) -> bool:
        try:
            async with self._centre.db.read() as session:
                await session.connection()
        except (SQLAlchemyError, OSError):
            return False
        return True

    async def _commit(self, group: _Read) -> None:
        now = self._centre.clock.now()
        with metrics.COMMIT.time():
            async with self._centre.db.write() as session:
                if group.good:
                    await accept(self._centre, session, group.good, now)
                for poison in group.poison:
                    await keep(self._centre, session, poison, now)
        self._centre.health.ingest_committed_at = now
        metrics.COMMITTED.inc(len(group.good))
        metrics.QUARANTINED.inc(len(group.poison))
        for gateway, ids in group.ids().items():
            for start in range(0, len(ids), 500):
                ack = Ack(v=1, epoch=self._epoch, ids=ids[start : start + 500])
                self._transport.publish(down_topic(gateway, "ack"), encode(ack))


def _is_about_content(error: SQLAlchemyError | OSError) -> bool:
    """Whether the database refuses what is in the message (and always will), rather than failing for a while."""
    if isinstance(error, DataError | IntegrityError):
        return True
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return state[:2] in ("22", "23", "54")  # data exception, integrity, program limit
    return isinstance(error, SQLAlchemyError)


def _poison(arrival: Arrival, problem: str, ids: tuple[UUID, ...] | None = None, mode: Mode = Mode.ACTUAL) -> Poison:
    known = ids_in(arrival.payload) if ids is None else ids
    return Poison(arrival.gateway, arrival.topic, arrival.priority, arrival.payload, problem, known, mode)


def read(group: list[Arrival]) -> _Read:
    """Good beside bad: one wrong envelope of a batch does not take the others with it."""
    found = _Read()
    for arrival in group:
        try:
            envelopes = decode_envelopes(arrival.payload)
        except EnvelopeError as error:
            found.poison.append(_poison(arrival, error.problem))
            continue
        for envelope in envelopes:
            if envelope.gateway != arrival.gateway:
                problem = f"gateway: says {envelope.gateway!r}, came on the topic of {arrival.gateway!r}"
                found.poison.append(_poison(arrival, problem, (envelope.id,), envelope.mode))
                continue
            try:
                found.good.append((envelope, envelope.said()))
            except DecodeError as error:
                found.poison.append(_poison(arrival, str(error), (envelope.id,), envelope.mode))
    return found
