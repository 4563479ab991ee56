"""Seconds for the decoders, who compare the times of two messages and remember them across restarts.

Time stands still while the home's broker cannot be heard: what it kept for us meanwhile carries no time of its own, and
the second half of a press must not count as another press because we were away between the halves.
"""

import aiosqlite

from gateway.store import Store


class Scale:
    """monotonic clock -> seconds that never go back."""

    def __init__(self, reached: float) -> None:
        self._reached = reached
        self._offset = 0.0

    @classmethod
    async def load(cls, store: Store) -> "Scale":
        """Where the last process stopped."""
        rows = await store.rows("SELECT value FROM meta WHERE key = 'received_s'")
        return cls(float(rows[0][0]) if rows else 0.0)

    def resume(self, mono: float) -> None:
        """The broker is heard again."""
        self._offset = self._reached - mono

    def __call__(self, mono: float) -> float:
        self._reached = max(self._reached, mono + self._offset)
        return self._reached

    async def write(self, db: aiosqlite.Connection) -> None:
        """Notes how far it has come."""
        await db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('received_s', ?)", (repr(self._reached),))
