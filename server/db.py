"""The database: one engine for SQLite and PostgreSQL, one way to read and one way to write.

A `write` is one transaction. No network call is ever made inside one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Dialect, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import DateTime, TypeDecorator

from server.errors import StartError


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC. Naive values are refused on both databases alike."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive, turn to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: every moment needs an offset")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite gives back naive UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """`url` is sqlite+aiosqlite:///path or postgresql+asyncpg://user@host/name."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise StartError(f"database.url: {error}") from error
        if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
            raise StartError(
                f"database.url: {parsed.drivername}: use sqlite+aiosqlite:///anhu.db or postgresql+asyncpg://…"
            )
        self.is_sqlite = parsed.drivername.startswith("sqlite")
        options: dict[str, Any] = {} if self.is_sqlite else {"pool_size": 10, "max_overflow": 10, "pool_pre_ping": True}
        self.engine = create_async_engine(parsed, hide_parameters=True, **options)  # errors are logged, people are not
        self.url = parsed.render_as_string(hide_password=False)
        # One writer at a time is SQLite's rule; waiting here is fair, waiting in busy_timeout is not.
        self._writer = asyncio.Lock()
        self.on_change: Callable[[], None] = lambda: None
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session that must not write."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed at the end, rolled back when anything is raised."""
        turn = self._writer if self.is_sqlite else nullcontext()
        async with turn, AsyncSession(self.engine, expire_on_commit=False) as session:
            # The option reaches _begin_sqlite: a deferred BEGIN that turns to writing later can fail at once.
            await session.connection(execution_options={"anhu_write": True})
            yield session
            changed = session.info.get("changed", False)
            if changed and not self.is_sqlite:
                await session.execute(text("SELECT pg_notify('anhu', '')"))
            await session.commit()
        if changed:
            self.on_change()

    def insert(self, table: type[DeclarativeBase]) -> Any:
        """An INSERT that knows `on_conflict_do_nothing` in this database's dialect."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    async def close(self) -> None:
        """Give back every connection."""
        await self.engine.dispose()


def changed(session: AsyncSession) -> None:
    """Have boards and workers look again as soon as this transaction is committed."""
    session.info["changed"] = True


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # no implicit BEGIN of the driver: ours says IMMEDIATE
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("anhu_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
