"""Time as the gateway sees it, injected so that every wait can be tested in virtual time.

Nobody else here may ask the machine what time it is.
"""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Protocol

from devices.envelope import Clock as ClockState

_FIRST_CREDIBLE_YEAR = 2024
"""A box without a battery-backed clock starts in 1970 or at its firmware's date; anything earlier is not the time."""


class Clock(Protocol):
    """Anything that tells the time and can wait."""

    def now(self) -> datetime:
        """Wall time: aware, UTC, possibly wrong."""
        ...

    def mono(self) -> float:
        """Seconds of the machine's monotonic clock: never wrong, meaningless after a reboot."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits that long."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def mono(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def state_of(now: datetime) -> ClockState:
    """What `now` is worth. We cannot see who set the clock, only that nobody did."""
    return ClockState.SYNCED if now.year >= _FIRST_CREDIBLE_YEAR else ClockState.UNSET


async def wait_any(clock: Clock, seconds: float | None, *events: asyncio.Event) -> None:
    """Returns when `seconds` have passed (None: never) or one of the events is set."""
    waits: list[Awaitable[Any]] = [event.wait() for event in events]
    if seconds is not None:
        waits.append(clock.sleep(seconds))
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
