"""Which messages of the home's broker are already in the outbox, so that a redelivery stores nothing twice.

Consulted only for messages that the broker itself marks as sent before (dup). An entry goes when the broker has proved
that it knows the acknowledgement: it reuses the message id, or it answered something that we asked later. Kept longer,
an entry could swallow another press of the same words; dropped earlier, a lost acknowledgement would double a press.
"""

import hashlib

import aiosqlite


def digest_of(topic: str, payload: bytes) -> bytes:
    """Enough of a hash to tell two messages apart that had the same message id."""
    return hashlib.sha256(b"%b\0%b" % (topic.encode(errors="replace"), payload)).digest()[:16]


class Taken:
    """Message id -> digest, in memory; `changes` go into the transaction that stores the messages."""

    def __init__(self, rows: list[tuple[int, bytes]]) -> None:
        self._digests = dict(rows)
        self._changed: set[int] = set()
        self._cleared = False

    def holds(self, mid: int, digest: bytes) -> bool:
        """True when this very message is stored."""
        return self._digests.get(mid) == digest

    def put(self, mid: int, digest: bytes) -> None:
        """Stored under `mid` from the next `write` on; whatever had that id is proved to be over."""
        self._digests[mid] = digest
        self._changed.add(mid)

    def proved(self, mids: dict[int, bytes]) -> None:
        """The broker knows that these are acknowledged."""
        for mid, digest in mids.items():
            if self._digests.get(mid) == digest:
                del self._digests[mid]
                self._changed.add(mid)

    def session_lost(self) -> None:
        """The broker remembers nothing of us: it will redeliver nothing and start its ids anew."""
        self._digests.clear()
        self._changed.clear()
        self._cleared = True

    async def write(self, db: aiosqlite.Connection) -> None:
        """Brings the table up to date; may be called again when the transaction failed."""
        if self._cleared:
            await db.execute("DELETE FROM taken")
        gone = [(mid,) for mid in self._changed if mid not in self._digests]
        held = [(mid, self._digests[mid]) for mid in self._changed if mid in self._digests]
        await db.executemany("DELETE FROM taken WHERE mid = ?", gone)
        await db.executemany("INSERT OR REPLACE INTO taken (mid, digest) VALUES (?, ?)", held)

    def written(self) -> None:
        """The transaction is committed."""
        self._changed.clear()
        self._cleared = False
