"""Puts the gateway together and keeps it running: one task group owns everything, a dead task ends the process."""

import asyncio
import json
from importlib.metadata import PackageNotFoundError, version

import structlog

from gateway.clock import Clock, SystemClock
from gateway.commands import Commands
from gateway.config import Settings
from gateway.errors import StoreFullError
from gateway.feedback import Confirmations
from gateway.ingest import Ingest
from gateway.journal import Journal
from gateway.local_bus import LocalBus
from gateway.outbox import Acknowledged, Call, Outbox
from gateway.room import Room, free_mb
from gateway.scale import Scale
from gateway.schedule import Schedule
from gateway.stamp import Stamp
from gateway.store import Store
from gateway.supervision import Supervision
from gateway.taken import Taken
from gateway.understand import Understanding
from gateway.uplink import Uplink

log = structlog.get_logger()

_HOUSEKEEPING_S = 60.0
_PRUNE_EVERY = 60
_SAID_AGAIN_S = 60.0
"""Calls stored shortly before a restart are confirmed again: the resident may not have heard it."""


class Gateway:
    """One home."""

    def __init__(self, settings: Settings, store: Store, clock: Clock | None = None) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock or SystemClock()
        self._outbox = Outbox(store, Stamp(settings.id), self._clock)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises ExceptionGroup when a part of it fails, which none is meant to."""
        await self._assemble()
        tasks: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as group:
            for part in (
                self._ingest.run(),
                self._bus.run(self._ingest),
                self._uplink.run(),
                self._uplink.acknowledge(),
                self._confirmations.run(),
                self._commands.run(self._uplink),
                self._supervision.run(self._uplink, self._bus),
                self._keep_house(),
                self._announce(),
            ):
                tasks.append(group.create_task(part))
            await stop.wait()
            log.info("stopping")
            for task in tasks:
                task.cancel()

    async def _assemble(self) -> None:
        settings, store, clock = self._settings, self._store, self._clock
        memory = {
            (source, base, device): json.loads(text)
            for source, base, device, text in await store.rows("SELECT source, base, device, memory FROM memory")
        }
        understanding = Understanding(settings.routes(), memory)
        filters = understanding.subscriptions
        self._bus = LocalBus(clock, settings.local, f"anhu-gw-{settings.id}-local", filters)
        self._confirmations = Confirmations(clock, settings.language, self._bus.publish)
        self._commands = Commands(clock, self._outbox, self._confirmations, self._bus)
        self._supervision = Supervision(clock, self._outbox, settings.heartbeat_s, installed_version())
        self._uplink = Uplink(
            clock, settings.centre, settings.id, self._outbox, Schedule(settings.centre.resend_s), self
        )
        taken = Taken(await store.rows("SELECT mid, digest FROM taken"))
        room = Room(settings.id, settings.store.reserve_mb, lambda: free_mb(store.path))
        scale = await Scale.load(store)
        journal = Journal(clock, self._outbox, taken, room, scale)
        self._ingest = Ingest(clock, understanding, taken, journal, scale, self)
        now = clock.now().timestamp()
        for call, at in await self._outbox.unanswered():
            if 0 <= now - at < _SAID_AGAIN_S:
                self._confirmations.stored(call)

    # --- who tells whom ---
    def stored(self, call: Call) -> None:
        self._confirmations.stored(call)

    def answer(self, topic: str, payload: bytes) -> None:
        self._bus.publish(topic, payload)

    def wake(self, urgent: bool) -> None:
        self._uplink.wake(urgent)

    def heard(self, device: str, at: float) -> None:
        self._supervision.heard(device, at)

    def acknowledged(self, result: Acknowledged) -> None:
        self._confirmations.centre(result.calls)

    def commanded(self, payload: bytes) -> None:
        self._commands.commanded(payload)

    # --- small tasks ---
    async def _announce(self) -> None:
        await self._bus.subscribed_once.wait()
        await self._uplink.subscribed_once.wait()
        log.info("ready", gateway=self._settings.id, version=installed_version())

    async def _keep_house(self) -> None:
        """Forgets what is old, and telemetry that is too much."""
        minutes = 0
        while True:
            try:
                if minutes % _PRUNE_EVERY == 0:
                    await self._outbox.prune()
                await self._bound_telemetry()
            except StoreFullError as error:
                log.error("housekeeping_failed", error=str(error))
            minutes += 1
            await self._clock.sleep(_HOUSEKEEPING_S)

    async def _bound_telemetry(self) -> None:
        keep = self._settings.store.telemetry_rows
        if (await self._outbox.depth()).pending.get("p2", 0) > keep:
            dropped = await self._outbox.drop_telemetry(keep, "the centre was away for too long")
            log.error("telemetry_dropped", count=dropped, kept=keep)


def installed_version() -> str:
    """Of the distribution; "0" where it runs from a checkout that was never installed."""
    try:
        return version("anhu")
    except PackageNotFoundError:
        return "0"
