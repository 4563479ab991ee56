"""The heartbeat: that this gateway lives, how much waits, when each device was last heard. Never sent late."""

from devices.envelope import Clock as ClockState
from devices.envelope import Envelope, encode
from devices.events import Heartbeat
from devices.registry import Report
from gateway.clock import Clock, state_of, wait_any
from gateway.local_bus import LocalBus
from gateway.outbox import Outbox
from gateway.stamp import Stamp, moment
from gateway.uplink import Uplink

_DEVICES = 150
"""The most recently heard; a home has a dozen."""

_NAME = 200
"""Characters of a device's name at most, as the centre keeps them."""

_CALM_S = 5.0
"""The home's broker may come and go every second; heartbeats do not."""

_LOCAL_FIRST_S = 1.0
"""At start both brokers are connected at the same time: the first heartbeat should not say that one is missing."""


class Supervision:
    """Knows when each device was heard, and says so every heartbeat."""

    def __init__(self, clock: Clock, outbox: Outbox, interval_s: float, version: str) -> None:
        self._clock = clock
        self._outbox = outbox
        self._interval_s = interval_s
        self._version = version
        self._heard: dict[str, float] = {}
        self._started = clock.mono()
        # Heartbeats are not kept, so they must not leave holes in the numbering of what is.
        self._stamp = Stamp(outbox.stamp.gateway, boot=outbox.stamp.boot)

    def heard(self, device: str, at: float) -> None:
        """The device said something at `at` (monotonic)."""
        if len(device) > _NAME:
            return  # no registered device is called that; a heartbeat must stay small
        self._heard.pop(device, None)
        self._heard[device] = at

    async def heartbeat(self, local_link: bool) -> Envelope:
        """The present state."""
        now = self._clock.mono()
        depth = await self._outbox.depth()
        recent = list(self._heard.items())[-_DEVICES:]
        said = Heartbeat(
            version=self._version,
            outbox_depth=depth.total,
            oldest_unacked_s=round(self._age(depth.oldest), 1) if depth.oldest else 0.0,
            uptime_s=round(now - self._started, 1),
            local_link=local_link,
            interval_s=self._interval_s,
            device_age_s={device: round(now - at, 1) for device, at in recent},
        )
        return self._stamp.envelope(Report(device=self._outbox.stamp.gateway, said=said), moment(self._clock))

    def _age(self, envelope: Envelope) -> float:
        """By the monotonic clock within one boot, else by the wall clock where it was set both times."""
        if envelope.boot == self._stamp.boot:
            return max(0.0, self._clock.mono() - envelope.mono_ms / 1000)
        now = self._clock.now()
        if envelope.clock is not ClockState.UNSET and state_of(now) is not ClockState.UNSET:
            return max(0.0, (now - envelope.wall).total_seconds())
        return self._clock.mono() - self._started

    async def run(self, uplink: Uplink, bus: LocalBus) -> None:
        """One at every interval, on every new connection to the centre, and when the home's broker goes or comes."""
        calm_s = min(self._interval_s, _CALM_S)
        while True:
            await uplink.up.wait()
            await wait_any(self._clock, min(calm_s, _LOCAL_FIRST_S), bus.ready)
            linked = bus.ready.is_set()
            uplink.publish_now(encode(await self.heartbeat(linked)))
            await wait_any(self._clock, calm_s, uplink.down)
            if uplink.up.is_set() and self._interval_s > calm_s:
                change = bus.down if linked else bus.ready
                await wait_any(self._clock, self._interval_s - calm_s, uplink.down, change)
