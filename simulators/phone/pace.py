"""Time as the telephone network sees it, so that a minute of ringing need not take a minute."""

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Pace(Protocol):
    """A clock and a way to wait. Tests bring their own."""

    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of the network's time."""
        ...


class RealPace:
    """The machine's clock; waits are shortened by `speed`."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Seconds of the network's time."""
        await asyncio.sleep(seconds / self._speed)
