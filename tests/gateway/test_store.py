"""The file: what it is made of, who may open it, what happens when the disk says no."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreError, StoreFullError
from gateway.schema import VERSIONS
from gateway.store import Store


async def test_commits_are_synced(store: Store) -> None:
    for pragma, expected in (("journal_mode", "wal"), ("synchronous", 2)):
        async with store._db.execute(f"PRAGMA {pragma}") as cursor:
            assert await cursor.fetchone() == (expected,)
    assert await store.rows("PRAGMA user_version") == [(len(VERSIONS),)]


async def test_all_or_nothing(store: Store) -> None:
    async def fails() -> None:
        async with store.transaction() as db:
            await db.execute("INSERT INTO meta VALUES ('a', '1')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    async with store.transaction() as db:
        await db.execute("INSERT INTO meta VALUES ('b', '1')")
        assert await store.rows("SELECT key FROM meta") == [], "others see what is committed"
    assert await store.rows("SELECT key FROM meta") == [("b",)]


async def test_a_second_process_is_refused_and_a_reader_is_not(store: Store) -> None:
    with pytest.raises(StoreError, match="another anhu-gateway is using it"):
        await Store.open(store.path)
    reader = await Store.open(store.path, read_only=True)
    assert await reader.rows("SELECT count(*) FROM outbox") == [(0,)]
    await reader.close()


async def test_a_store_of_a_newer_release(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="newer release"):
        await Store.open(path)


@pytest.mark.parametrize("content", [b"this is no database, it is a text of some length" * 50])
async def test_a_file_that_is_something_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"x\.db: file is not a database"):
        await Store.open(tmp_path / "x.db")


async def test_a_directory_in_its_place_and_a_missing_directory(tmp_path: Path) -> None:
    (tmp_path / "x.db").mkdir()
    with pytest.raises(StoreError, match="unable to open"):
        await Store.open(tmp_path / "x.db")
    with pytest.raises(StoreError, match="must exist and be writable"):
        await Store.open(tmp_path / "none" / "x.db")
    with pytest.raises(StoreError, match="unable to open"):
        await Store.open(tmp_path / "y.db", read_only=True)


async def test_a_full_disk_keeps_nothing_of_the_transaction(store: Store) -> None:
    await store._db.execute("PRAGMA max_page_count = 1")

    async def fill() -> None:
        async with store.transaction() as db:
            for number in range(1000):
                await db.execute("INSERT INTO meta VALUES (?, ?)", (str(number), "x" * 1000))

    with pytest.raises(StoreFullError, match="full"):
        await fill()
    assert await store.rows("SELECT * FROM meta") == []
    await store._db.execute("PRAGMA max_page_count = 10000")
    await fill()


async def test_a_file_that_another_program_holds_is_waited_for(store: Store) -> None:
    await store._db.execute("PRAGMA busy_timeout = 1")
    waits = asyncio.Event()
    real = store._db.execute

    async def noticed(sql: str, *parameters: Any) -> Any:
        try:
            return await real(sql, *parameters)
        except sqlite3.OperationalError:
            waits.set()
            raise

    store._db.execute = noticed  # type: ignore[method-assign,assignment]
    engineer = sqlite3.connect(store.path, isolation_level=None)
    engineer.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with store.transaction() as db:
            await db.execute("INSERT INTO meta VALUES ('a', '1')")

    writing = asyncio.create_task(write())
    await waits.wait()
    engineer.execute("ROLLBACK")
    engineer.close()
    await writing
    assert await store.rows("SELECT key FROM meta") == [("a",)]
