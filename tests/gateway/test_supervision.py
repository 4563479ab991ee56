"""The heartbeat, in virtual time."""

import asyncio
from datetime import UTC, datetime
from typing import cast

import msgspec

from devices.envelope import Envelope
from devices.events import Heartbeat, Sos
from devices.registry import Report
from gateway.local_bus import LocalBus
from gateway.outbox import Outbox
from gateway.stamp import Moment, Stamp
from gateway.store import Store
from gateway.supervision import Supervision
from gateway.uplink import Uplink
from tests.gateway.virtual import VirtualClock, disk_idle


class Link:
    """Either connection: up or down, and what was sent."""

    def __init__(self, time: VirtualClock) -> None:
        self.up, self.down, self.ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.down.set()
        self._time = time
        self._began = time.mono()
        self.sent: list[tuple[float, Heartbeat]] = []

    def connect(self, there: bool = True) -> None:
        for event, state in ((self.up, there), (self.ready, there), (self.down, not there)):
            event.set() if state else event.clear()

    def publish_now(self, payload: bytes) -> bool:
        said = msgspec.json.decode(payload, type=Envelope).said()
        assert isinstance(said, Heartbeat)
        self.sent.append((self._time.mono() - self._began, said))
        return True


def beat(envelope: Envelope) -> Heartbeat:
    said = envelope.said()
    assert isinstance(said, Heartbeat)
    return said


async def test_ages_are_in_seconds(outbox: Outbox, time: VirtualClock) -> None:
    supervision = Supervision(time, outbox, 60, "1.2.3")
    supervision.heard("band", time.mono())
    time.jump(90)
    supervision.heard("pull", time.mono())
    time.jump(10)
    envelope = await supervision.heartbeat(local_link=True)
    said = beat(envelope)
    assert said.device_age_s == {"band": 100.0, "pull": 10.0}
    assert (said.version, said.uptime_s, said.outbox_depth, said.oldest_unacked_s) == ("1.2.3", 100.0, 0, 0.0)
    assert envelope.device == "gw-0001"
    assert envelope.stream != outbox.stamp.stream
    assert outbox.stamp.seq == 0, "heartbeats leave no holes in the numbering of events"


async def test_how_long_the_oldest_waits(outbox: Outbox, time: VirtualClock) -> None:
    supervision = Supervision(time, outbox, 60, "1")

    async def store(stamp: Stamp, at: Moment) -> None:
        async with outbox.transaction() as db:
            await outbox.add(db, stamp.envelope(Report(device="d", said=Sos()), at))

    await store(outbox.stamp, Moment(time.mono(), datetime(1970, 1, 1, tzinfo=UTC)))
    time.jump(30)
    assert beat(await supervision.heartbeat(True)).oldest_unacked_s == 30.0, "whatever the wall clock said"
    async with outbox.transaction() as db:
        await db.execute("DELETE FROM outbox")
    await store(Stamp("gw-0001", boot="an earlier boot"), Moment(7.0, datetime(2026, 3, 1, 18, 0, tzinfo=UTC)))
    said = beat(await supervision.heartbeat(True))
    assert said.oldest_unacked_s == round((time.now() - datetime(2026, 3, 1, 18, 0, tzinfo=UTC)).total_seconds(), 1)
    assert said.outbox_depth == 1


async def test_when_it_is_sent(store: Store, outbox: Outbox, time: VirtualClock) -> None:
    link = Link(time)
    supervision = Supervision(time, outbox, 60, "1")
    task = asyncio.create_task(supervision.run(cast(Uplink, link), cast(LocalBus, link)))

    async def until(seconds: float) -> None:
        for _ in range(int(seconds)):
            await disk_idle(store)
            await time.advance(1)
            await disk_idle(store)

    await until(100)
    assert link.sent == [], "never stored, never late"
    link.connect()
    await until(121)
    assert [round(at) for at, _ in link.sent] == [100, 160, 220]
    link.connect(False)
    await until(30)
    link.connect()
    await until(1)
    assert round(link.sent[-1][0]) == 251, "at once on a new connection"
    task.cancel()


async def test_a_house_full_of_devices_stays_small(outbox: Outbox, time: VirtualClock) -> None:
    supervision = Supervision(time, outbox, 60, "1")
    for number in range(1000):
        supervision.heard(f"device-{number}", time.mono())
    said = beat(await supervision.heartbeat(True))
    assert len(said.device_age_s) == 150
    assert "device-999" in said.device_age_s
