"""When the next attempt to reach the centre is made, in virtual time."""

import asyncio

import pytest

from devices.events import Sos
from devices.registry import Report
from gateway import uplink
from gateway.config import CentreSettings
from gateway.outbox import Acknowledged, Outbox
from gateway.schedule import Schedule
from gateway.stamp import moment
from gateway.store import Store
from gateway.uplink import Uplink
from tests.gateway.virtual import VirtualClock, disk_idle


class Nobody:
    """Hears nothing."""

    def acknowledged(self, result: Acknowledged) -> None: ...

    def commanded(self, payload: bytes) -> None: ...


@pytest.fixture
async def away(outbox: Outbox, time: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Uplink:
    """An uplink whose luck with jitter is always bad."""

    def longest(attempt: int, *, longest_s: float, urgent: bool) -> float:
        return min(longest_s, 2.0**attempt, 5.0 if urgent else longest_s)

    monkeypatch.setattr(uplink, "reconnect_delay", longest)
    return Uplink(time, CentreSettings(url="mqtt://127.0.0.1:9"), "gw-0001", outbox, Schedule(5), Nobody())


async def paused(away: Uplink, store: Store, attempt: int) -> asyncio.Task[None]:
    task = asyncio.create_task(away._pause(attempt))
    await disk_idle(store)
    return task


async def test_with_nothing_urgent_it_takes_its_time(away: Uplink, store: Store, time: VirtualClock) -> None:
    pause = await paused(away, store, 10)
    await time.advance(59)
    assert not pause.done()
    away.wake(urgent=False)
    await time.advance(0.5)
    assert not pause.done()
    await time.advance(1)
    assert pause.done()


async def test_a_waiting_call_shortens_it(away: Uplink, store: Store, outbox: Outbox, time: VirtualClock) -> None:
    async with outbox.transaction() as db:
        await outbox.add(db, outbox.stamp.envelope(Report(device="d", said=Sos()), moment(time)))
    pause = await paused(away, store, 10)
    await time.advance(5)
    assert pause.done()


async def test_a_new_call_ends_it(away: Uplink, store: Store, time: VirtualClock) -> None:
    pause = await paused(away, store, 10)
    await time.advance(0.2)
    away.wake(urgent=True)
    await time.advance(0.7)
    assert not pause.done(), "attempts keep a distance of a second"
    await time.advance(0.2)
    assert pause.done()


async def test_without_a_connection_nothing_is_sent(away: Uplink) -> None:
    assert not away.publish_now(b"{}")
