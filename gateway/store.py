"""The one SQLite file: opening, locking, versions, transactions. What is committed here survives a power cut.

Never holds a transaction open across anything but SQL.
"""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any

import aiosqlite
import structlog

from gateway.errors import StoreError, StoreFullError
from gateway.schema import VERSIONS

log = structlog.get_logger()

_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})


class Store:
    """One connection that writes, one that reads what is committed."""

    def __init__(self, path: Path, lock: IO[bytes] | None) -> None:
        self.path = path
        self._lock_file = lock
        self._turn = asyncio.Lock()
        self._writer: aiosqlite.Connection | None = None
        self._reader: aiosqlite.Connection | None = None

    @classmethod
    async def open(cls, path: Path, *, read_only: bool = False) -> "Store":
        """Creates or upgrades the file. Raises StoreError naming it.

        `read_only` looks at the store of a gateway that may be running.
        """
        store = cls(path, None if read_only else _lock(path))
        try:
            await store._connect(read_only)
        except (sqlite3.Error, ValueError) as error:
            await store.close()
            raise StoreError(path, str(error)) from error
        except BaseException:
            await store.close()
            raise
        return store

    async def _connect(self, read_only: bool) -> None:
        if not read_only:
            self._writer = await _connection(str(self.path))
            await self._pragma("journal_mode", "wal", "wal")
            await self._pragma("synchronous", "full", 2)
            await self._upgrade()
        self._reader = await _connection(f"{self.path.absolute().as_uri()}?mode=ro")
        version = (await self.rows("PRAGMA user_version"))[0][0]
        if version != len(VERSIONS):
            raise StoreError(self.path, f"schema version {version}, this release reads {len(VERSIONS)}")

    async def _pragma(self, name: str, value: str, expected: str | int) -> None:
        """Sets it and believes only what SQLite then says."""
        await self._db.execute(f"PRAGMA {name} = {value}")
        async with self._db.execute(f"PRAGMA {name}") as cursor:
            row = await cursor.fetchone()
        if row is None or row[0] != expected:
            raise StoreError(
                self.path,
                f"this file system does not give {name} = {value} (got {row and row[0]}): "
                "presses could be lost in a power cut; use a local disk",
            )

    async def _upgrade(self) -> None:
        async with self._db.execute("PRAGMA user_version") as cursor:
            row = await cursor.fetchone()
        version = row[0] if row else 0
        if version > len(VERSIONS):
            raise StoreError(self.path, f"was written by a newer release (schema {version}, ours {len(VERSIONS)})")
        for number, statements in enumerate(VERSIONS[version:], version + 1):
            async with self.transaction() as db:
                for statement in statements:
                    await db.execute(statement)
                await db.execute(f"PRAGMA user_version = {number}")

    @property
    def _db(self) -> aiosqlite.Connection:
        assert self._writer is not None, "opened for reading only"
        return self._writer

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """All or nothing, synced to the disk on exit. Raises StoreFullError when the disk refuses."""
        async with self._turn:
            try:
                await self._begin()
                yield self._db
                await self._db.execute("COMMIT")
            except BaseException as error:
                await self._rollback()
                # The low byte is the primary code; I/O errors come in thirty refinements.
                if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in _FULL:
                    raise StoreFullError(str(error)) from error
                raise

    async def _begin(self) -> None:
        """Waits for whoever else holds the file (a backup, an engineer's shell): it is busy, not broken."""
        while True:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                log.error("store_busy", hint="another program holds the database of store.path")

    async def _rollback(self) -> None:
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                await self._db.execute("ROLLBACK")

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """What is committed."""
        assert self._reader is not None
        async with self._reader.execute(sql, parameters) as cursor:
            return list(await cursor.fetchall())

    async def close(self) -> None:
        """Lets go of the file."""
        for connection in (self._reader, self._writer):
            if connection is not None:
                await connection.close()
        if self._lock_file is not None:
            self._lock_file.close()


async def _connection(where: str) -> aiosqlite.Connection:
    uri = where.startswith("file:")
    # Tried before it is handed to aiosqlite, whose thread outlives a connection that cannot be opened.
    sqlite3.connect(where, uri=uri).close()
    return await aiosqlite.connect(where, uri=uri, isolation_level=None)


def _lock(path: Path) -> IO[bytes]:
    """Two gateways on one store would both deliver it. The lock goes with the process, however it ends."""
    file = path.with_name(f"{path.name}.lock")
    try:
        lock = file.open("ab")
    except OSError as error:
        raise StoreError(path, f"{error.strerror}; the directory must exist and be writable") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreError(path, "another anhu-gateway is using it; stop that one, or give this one its own") from error
    return lock
