"""The strictness itself is tested: a guard that guards nothing looks just like a clean suite."""

import asyncio
import socket
import time

import asyncpg
import pytest

from tests.support import needs
from tests.support.postgres import PostgresServer
from tests.support.strict import BlockingCallError, StrayConnectionError, guards, is_here


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", b"localhost", None, "", "::"])
def test_this_machine(host: object) -> None:
    assert is_here(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "10.0.0.1", "example.org", "localhost.example.org"])
def test_other_machines(host: object) -> None:
    assert not is_here(host)


def test_no_connection_leaves_the_machine() -> None:
    with guards(watch_loop=False) as refused, socket.socket() as s:
        with pytest.raises(StrayConnectionError):
            s.connect(("192.0.2.1", 80))
        with pytest.raises(StrayConnectionError):
            socket.getaddrinfo("example.org", 443)
    assert len(refused) == 2


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_a_blocking_call_on_the_loop_is_refused() -> None:
    async def sleepy() -> None:
        time.sleep(0.001)  # noqa: ASYNC251  # that is what must be refused

    with guards(watch_loop=True) as refused, pytest.raises(BlockingCallError):
        asyncio.run(sleepy())
    assert len(refused) == 1


def test_threads_may_block() -> None:
    async def polite() -> None:
        await asyncio.to_thread(time.sleep, 0.001)

    with guards(watch_loop=True) as refused:
        asyncio.run(polite())
    assert not refused


async def test_asyncio_connects_under_the_guard() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


def test_missing_fails_on_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="missing on CI"):
        needs.missing("a thing")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="a thing"):
        needs.missing("a thing")


async def test_each_test_has_a_database_of_its_own(postgres: PostgresServer, postgres_url: str) -> None:
    mine = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    try:
        await mine.execute("CREATE TABLE only_here (id int)")
    finally:
        await mine.close()
    copy = postgres.create(template=postgres_url.rpartition("/")[2])
    other = await asyncpg.connect(postgres.url(copy).replace("+asyncpg", ""))
    try:
        assert await other.fetchval("SELECT count(*) FROM only_here") == 0
    finally:
        await other.close()
        postgres.drop(copy)
