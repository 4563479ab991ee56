"""Time that moves when a test says so, for everything that waits on gateway.clock.Clock."""

import asyncio
from datetime import UTC, datetime, timedelta

from gateway.store import Store


class VirtualClock:
    """Wall and monotonic time together; `advance` wakes sleepers in their order."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 18, 14, 14, tzinfo=UTC)) -> None:
        self._start = start
        self._mono = 1000.0
        self._began = self._mono
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._mono - self._began)

    def set_wall(self, now: datetime) -> None:
        """As when NTP answers."""
        self._start = now - timedelta(seconds=self._mono - self._began)

    def mono(self) -> float:
        return self._mono

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        entry = (self._mono + seconds, future)
        self._sleepers.append(entry)
        try:
            await future
        finally:
            self._sleepers.remove(entry)

    def jump(self, seconds: float) -> None:
        """Moves time where nobody sleeps."""
        self._mono += seconds

    async def advance(self, seconds: float) -> None:
        """Moves time; whoever wakes on the way runs before it goes on."""
        until = self._mono + seconds
        await settle()
        while due := [e for e in self._sleepers if e[0] <= until and not e[1].done()]:
            at, future = min(due, key=lambda e: e[0])
            self._mono = max(self._mono, at)
            future.set_result(None)
            await settle()
        self._mono = until
        await settle()


async def settle() -> None:
    """Lets every task run until it waits for something. Not for code that waits for the disk."""
    for _ in range(20):
        await asyncio.sleep(0)


async def disk_idle(store: Store) -> None:
    """Lets every task run until it waits for something else than the disk, whose threads know no virtual time."""
    for _ in range(3):
        await settle()
        async with store.transaction():
            pass
        await store.rows("SELECT 1")
    await settle()
