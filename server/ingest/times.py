"""When an event happened, as well as can be known. Deadlines never use this: they count from the centre's receipt.

Total: whatever a gateway claims, an answer comes back; what cannot be true counts as not said.
"""

from datetime import UTC, datetime, timedelta

from devices.envelope import Clock, Envelope
from server.homes.model import Gateway

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAUSIBLE = timedelta(days=366)
"""An event older than this has a clock that was never set."""
UPTIME = timedelta(days=3660)
"""A gateway that says it has been up for longer does not know."""


def learn_boot(gateway: Gateway, envelope: Envelope, now: datetime) -> None:
    """Where the gateway's monotonic zero lies on our clock: the smallest (receipt - mono) has the least delay in it.

    Only a heartbeat, which is never stored and resent, may tell of a new boot.
    """
    zero = (now - _EPOCH) // timedelta(microseconds=1) - envelope.mono_ms * 1000
    if _moment(zero, now, UPTIME) is None:
        return
    known = gateway.boot_zero_us is not None and _moment(gateway.boot_zero_us, now, UPTIME) is not None
    if envelope.boot == gateway.boot and known:
        gateway.boot_zero_us = min(gateway.boot_zero_us or zero, zero)
    elif envelope.kind == "heartbeat" or gateway.boot is None or envelope.boot == gateway.boot:
        gateway.boot, gateway.boot_zero_us = envelope.boot, zero


def event_time(gateway: Gateway | None, envelope: Envelope, now: datetime) -> tuple[datetime, str]:
    """(moment, how it is known): `device`, `mono`, or the state of the gateway's clock. Never later than `now`."""
    if (said := _plausible(envelope.device_time, now)) is not None:
        return said, "device"
    if gateway is not None and envelope.boot == gateway.boot and gateway.boot_zero_us is not None:
        moment = _moment(gateway.boot_zero_us + envelope.mono_ms * 1000, now, PLAUSIBLE)
        if moment is not None:
            return moment, "mono"
    wall = _plausible(envelope.wall, now)
    if envelope.clock is Clock.UNSET or wall is None:
        return now, Clock.UNSET.value
    return wall, envelope.clock.value


def _moment(microseconds: int, now: datetime, span: timedelta) -> datetime | None:
    """Of microseconds since 1970; None where that is further back than `span`. The future counts as now."""
    try:
        return _plausible(_EPOCH + timedelta(microseconds=microseconds), now, span)
    except OverflowError:
        return None


def _plausible(moment: datetime | None, now: datetime, span: timedelta = PLAUSIBLE) -> datetime | None:
    try:
        utc = moment.astimezone(UTC) if moment is not None else None
    except OverflowError:
        return None
    return min(utc, now) if utc is not None and utc > now - span else None
