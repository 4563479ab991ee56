"""When an event happened, as well as can be known. Deadlines never use this: they count from the centre's receipt."""

from datetime import UTC, datetime, timedelta

from devices.envelope import Clock, Envelope
from server.homes.model import Gateway

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def learn_boot(gateway: Gateway, envelope: Envelope, now: datetime) -> None:
    """Where the gateway's monotonic zero lies on our clock: the smallest (receipt - mono) has the least delay in it.

    Only a heartbeat, which is never stored and resent, may tell of a new boot.
    """
    zero = (now - _EPOCH) // timedelta(microseconds=1) - envelope.mono_ms * 1000
    if envelope.boot == gateway.boot and gateway.boot_zero_us is not None:
        gateway.boot_zero_us = min(gateway.boot_zero_us, zero)
    elif envelope.kind == "heartbeat" or gateway.boot is None:
        gateway.boot, gateway.boot_zero_us = envelope.boot, zero


def event_time(gateway: Gateway | None, envelope: Envelope, now: datetime) -> tuple[datetime, str]:
    """(moment, how it is known): `device`, `mono`, or the state of the gateway's clock. Never later than `now`."""
    if envelope.device_time is not None:
        return min(envelope.device_time.astimezone(UTC), now), "device"
    if gateway is not None and envelope.boot == gateway.boot and gateway.boot_zero_us is not None:
        moment = _EPOCH + timedelta(microseconds=gateway.boot_zero_us + envelope.mono_ms * 1000)
        return min(moment, now), "mono"
    if envelope.clock is Clock.UNSET:
        return now, Clock.UNSET.value
    return min(envelope.wall.astimezone(UTC), now), envelope.clock.value
