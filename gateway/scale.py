"""Seconds that go on across restarts and reboots: decoders compare the times of two messages, and remember them."""

import aiosqlite

from gateway.outbox import Outbox
from gateway.store import Store

_REBOOT_S = 3600.0
"""How long a reboot counts for: longer than any time in which a decoder takes two messages for one press."""


class Scale:
    """monotonic clock -> seconds on a scale that never goes back."""

    def __init__(self, offset: float) -> None:
        self._offset = offset

    def __call__(self, mono: float) -> float:
        return mono + self._offset

    @classmethod
    async def load(cls, store: Store, outbox: Outbox, mono: float) -> "Scale":
        """Goes on where the last process stopped. Within one boot the distance between messages is the true one."""
        known = dict(await store.rows("SELECT key, value FROM meta WHERE key IN ('boot', 'offset', 'received_s')"))
        if known.get("boot") == outbox.stamp.boot:
            return cls(float(known["offset"]))
        offset = float(known["received_s"]) + _REBOOT_S - mono if "received_s" in known else 0.0
        async with outbox.transaction() as db:
            await _put(db, {"boot": outbox.stamp.boot, "offset": repr(offset)})
        return cls(offset)


async def _put(db: aiosqlite.Connection, values: dict[str, str]) -> None:
    await db.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", list(values.items()))
