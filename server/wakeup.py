"""Wakes boards and workers early when rows changed. Only a courtesy: everyone also looks each second by himself."""

import asyncio
from contextlib import suppress

import asyncpg
from sqlalchemy import make_url

from server.db import Database


class Wakeup:
    """`ring` wakes everyone who waits. Across processes through PostgreSQL's LISTEN, see `listen`."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Event] = set()
        self.stopped = False
        """Set once, by `stop`: whoever works on the database ends after what he has in hand. A cancelled transaction
        would leave its connection, and on SQLite the writer's lock with it, to the garbage collector."""

    def ring(self) -> None:
        """Something was committed."""
        for waiter in self._waiters:
            waiter.set()

    def stop(self) -> None:
        """The process ends: every loop that looks at `stopped` does too."""
        self.stopped = True
        self.ring()

    async def wait(self, seconds: float, waiter: asyncio.Event) -> None:
        """Until `waiter` (from `subscribe`) is rung, at most `seconds`; rings in between calls are not lost."""
        if self.stopped:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(waiter.wait(), seconds)
        waiter.clear()

    def subscribe(self) -> asyncio.Event:
        """A waiter of one's own; give it back with `unsubscribe`."""
        waiter = asyncio.Event()
        self._waiters.add(waiter)
        return waiter

    def unsubscribe(self, waiter: asyncio.Event) -> None:
        """No more rings."""
        self._waiters.discard(waiter)

    async def listen(self, db: Database) -> None:
        """Rings for other processes' commits, for ever. Nothing to do on SQLite."""
        if db.is_sqlite:
            return
        dsn = make_url(db.url).set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            with suppress(OSError, asyncpg.PostgresError):
                connection = await asyncpg.connect(dsn)
                gone = asyncio.Event()
                connection.add_termination_listener(lambda _, gone=gone: gone.set())
                await connection.add_listener("anhu", lambda *_: self.ring())
                try:
                    await gone.wait()
                finally:
                    connection.terminate()
            await asyncio.sleep(1.0)
