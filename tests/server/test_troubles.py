"""A database that stumbles: nothing is lost, nothing is taken for poison that is not, nothing dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from server.alarms.model import Alarm, SignalRow, Timeline, UiEvent
from server.escalation.model import Escalation
from server.ingest import ingest
from server.ingest.model import Event, Inbox, Quarantine
from server.ingest.rehearsal import rehearse
from tests.server.harness import Story


class Stumbling:
    """The database whose next writes fail, after their work and before their commit."""

    def __init__(self, told: Story, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left, self._write = times, told.centre.db.write
        monkeypatch.setattr(told.centre.db, "write", self.write)
        monkeypatch.setattr(ingest, "PAUSE_S", 0)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        async with self._write() as session:
            yield session
            if self.left:
                self.left -= 1
                raise OperationalError("COMMIT", {}, Exception("database is locked"))


async def test_presses_wait_for_a_database_that_stumbles(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    stumbling = Stumbling(told, monkeypatch, 20)
    press = told.envelope()
    await told.send(press)
    assert stumbling.left == 0
    assert told.broker.acked(press.id)
    assert (await told.board())[0].kind == "sos"
    assert await told.count(Quarantine) == 0
    assert len(told.broker.acks) == 1, "nothing was acknowledged before its commit"


async def test_the_worker_survives_and_goes_on(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    await told.press()
    told.clock.advance(15)
    Stumbling(told, monkeypatch, 2)
    running = asyncio.create_task(told.worker.run())
    try:
        async with asyncio.timeout(20):
            waiter = told.centre.wakeup.subscribe()
            while not told.phone.calls:
                await told.centre.wakeup.wait(0.2, waiter)
    finally:
        told.centre.wakeup.stop()
        await running
    assert len(told.phone.calls) == 1


async def test_a_failing_tick_says_so(told: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    await told.press()
    told.clock.advance(15)
    Stumbling(told, monkeypatch, 1)
    with pytest.raises((SQLAlchemyError, ExceptionGroup)):
        await told.worker.tick()


async def test_the_rehearsal_leaves_nothing_behind(told: Story) -> None:
    await rehearse(told.centre)
    assert await told.board() == []
    for table in (Alarm, SignalRow, Inbox, Event, Timeline, UiEvent, Escalation):
        assert await told.count(table) == 0
