"""Turns what a device said into envelopes: ids, stream, sequence, clocks. Never touches the store or the network."""

import base64
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4, uuid5

from uuid_utils.compat import uuid7

from devices.envelope import Envelope, Raw
from devices.events import Phase, Priority, body_of, kind_of, priority_of
from devices.registry import Report
from gateway.clock import Clock, state_of

RAW_BYTES = 4096
"""As much of the device's own message travels with a p0 event; the whole is never needed to understand it."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks."""

    mono: float
    wall: datetime


def moment(clock: Clock) -> Moment:
    """This instant."""
    return Moment(clock.mono(), clock.now())


def boot_id() -> str:
    """The kernel's id of this boot; where there is none, one that is good for this process."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return str(uuid4())


def new_id() -> UUID:
    """A new UUIDv7."""
    return uuid7()


def raw_of(topic: str, payload: bytes) -> Raw:
    """The device's own message, cut to RAW_BYTES."""
    head = payload[:RAW_BYTES]
    try:
        return Raw(topic, head.decode())
    except UnicodeDecodeError:
        return Raw(topic, base64.b64encode(head).decode(), "base64")


def report_id(report: Report) -> UUID | None:
    """The device's own idempotency key where it is a UUID."""
    return _uuid(report.id)


def id_apart(taken: UUID, device: str) -> UUID:
    """Another id, always the same, for a device that uses an id which belongs to another device's event."""
    return uuid5(taken, device)


def _uuid(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None


class Stamp:
    """The gateway's signature on an event. `seq` may be set back to undo envelopes that were not kept."""

    def __init__(self, gateway: str, *, boot: str | None = None) -> None:
        self.gateway = gateway
        self.stream = str(new_id())
        self.boot = boot or boot_id()
        self.seq = 0

    def envelope(self, report: Report, at: Moment, *, id: UUID | None = None, raw: Raw | None = None) -> Envelope:
        """The next envelope of this stream. `raw` is kept for p0 only."""
        self.seq += 1
        kind = kind_of(report.said)
        return Envelope(
            v=1,
            id=id or new_id(),
            gateway=self.gateway,
            stream=self.stream,
            seq=self.seq,
            boot=self.boot,
            mono_ms=int(at.mono * 1000),
            wall=at.wall,
            clock=state_of(at.wall),
            device=report.device,
            kind=kind,
            phase=Phase(report.said.phase),
            mode=report.mode,
            cause=_uuid(report.cause),
            body=body_of(report.said),
            raw=raw if priority_of(kind) is Priority.P0 else None,
            device_time=report.device_time,
        )
