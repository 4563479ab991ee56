"""The way in: messages wait while the last commit runs, then all of them go into the next (group commit, no timer).

Acknowledges after the commit, never before. What cannot be committed now is tried again; the gateways keep it too.
"""

import asyncio
from collections import defaultdict, deque
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from devices.envelope import Ack, down_topic, encode, parse_up_topic
from devices.errors import EnvelopeError
from devices.events import Priority
from server import metrics
from server.centre import Centre
from server.ingest.accept import accept
from server.ingest.blame import CONTENT_ERRORS, is_about_content
from server.ingest.quarantine import Poison, keep
from server.ingest.reading import Arrival, Item, read
from server.ingest.transport import Transport

log = structlog.get_logger()

CALLS = 200
"""Messages of p0 and p1 in one transaction at most."""
TELEMETRY = 16
"""Batches of p2 in one transaction at most: an SOS behind a storm waits for one such commit."""
ITEMS = 500
"""Envelopes in one transaction at most, whatever a batch holds."""
MAX_WAITING = 20_000
"""Messages of p1, and of p2, that may wait; more are left to their gateways, which send them again."""
PAUSE_S = 1.0


class Ingest:
    """Give it messages with `receive`; `run` commits and acknowledges them."""

    def __init__(self, centre: Centre, transport: Transport, epoch: str) -> None:
        self._centre = centre
        self._transport = transport
        self._epoch = epoch
        self._waiting: dict[Priority, deque[Arrival]] = {priority: deque() for priority in Priority}
        self._there: set[Arrival] = set()
        self._some = asyncio.Event()
        self._stopped = False

    def receive(self, topic: str, payload: bytes) -> None:
        """Called by the transport in the event loop. A message that waits already is not queued twice: while the
        database is away its gateway sends it every few seconds."""
        try:
            gateway, priority = parse_up_topic(topic)
        except EnvelopeError as error:
            log.warning("message on a topic that is not ours", problem=error.problem)
            return
        metrics.RECEIVED.labels(priority.value).inc()
        arrival = Arrival(topic, payload, gateway[:64], priority)
        queue = self._waiting[priority]
        if arrival in self._there:
            return
        if priority is not Priority.P0 and len(queue) >= MAX_WAITING:
            metrics.REFUSED.inc()
            return
        queue.append(arrival)
        self._there.add(arrival)
        self._some.set()

    async def run(self) -> None:
        """Until `stop`, or cancelled between two groups."""
        while not self._stopped:
            await self._some.wait()
            group = self._take()
            if not group:
                self._some.clear()
                continue
            await self.take_in(group)

    def stop(self) -> None:
        """End after the group in hand; what still waits was not acknowledged and comes again."""
        self._stopped = True
        self._some.set()

    def _take(self) -> list[Arrival]:
        """The next group: life and states first, telemetry only when none of them waits."""
        group: list[Arrival] = []
        for priority, most in ((Priority.P0, CALLS), (Priority.P1, CALLS), (Priority.P2, TELEMETRY)):
            queue = self._waiting[priority]
            if priority is Priority.P2 and group:
                break
            while queue and len(group) < most:
                group.append(queue.popleft())
        self._there.difference_update(group)
        return group

    async def take_in(self, group: list[Arrival]) -> None:
        """All of it committed and acknowledged, or quarantined."""
        items = read(group)
        for start in range(0, len(items), ITEMS):
            await self._commit_for_sure(items[start : start + ITEMS])

    async def _commit_for_sure(self, items: list[Item]) -> None:
        """A database that is away or busy is waited for, for as long as it takes; only what it says of the content
        itself makes a message suspect, and then that one alone."""
        while not self._stopped:
            try:
                await self._commit(items)
            except (SQLAlchemyError, OSError, *CONTENT_ERRORS) as error:
                if not is_about_content(error):
                    self._centre.health.ingest_waits_for = type(error).__name__
                    log.error("ingest waits for the database", waiting=len(items), error=type(error).__name__)
                    await asyncio.sleep(PAUSE_S)
                    continue
                await self._one_by_one(items, error)
            self._centre.health.ingest_waits_for = None
            return

    async def _one_by_one(self, items: list[Item], error: Exception) -> None:
        log.error("could not be stored", count=len(items), error=type(error).__name__)
        if len(items) > 1:
            for item in items:  # one of them is the cause; nothing beside it may be lost
                await self._commit_for_sure([item])
            return
        item = items[0]
        if isinstance(item, Poison):
            raise error  # not even its bytes can be kept: stop loudly, its gateway keeps it too
        await self._commit_for_sure([item.poisoned(f"could not be stored: {type(error).__name__}")])

    async def _commit(self, items: list[Item]) -> None:
        now = self._centre.clock.now()
        good = [(item.envelope, item.said) for item in items if not isinstance(item, Poison)]
        poison = [item for item in items if isinstance(item, Poison)]
        with metrics.COMMIT.time():
            async with self._centre.db.write() as session:
                if good:
                    await accept(self._centre, session, good, now)
                for each in poison:
                    await keep(self._centre, session, each, now)
        metrics.COMMITTED.inc(len(good))
        metrics.QUARANTINED.inc(len(poison))
        ids: defaultdict[str, list[UUID]] = defaultdict(list)
        for item in items:
            ids[item.gateway].extend(item.ids)
        for gateway, known in ids.items():
            if known:
                self._transport.publish(down_topic(gateway, "ack"), encode(Ack(v=1, epoch=self._epoch, ids=known)))
