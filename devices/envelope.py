"""The delivery messages between a gateway and the centre (docs/protocol.md). Both sides meet here and nowhere else."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import msgspec

from devices.errors import EnvelopeError
from devices.events import Mode, Phase, Priority, Said, said_from

MAX_PAYLOAD = 256 * 1024
"""Bytes of one delivery message; more is refused unread. A p2 batch keeps far below (see gateway/uplink.py)."""


class Clock(StrEnum):
    """What the gateway knew of the time when it wrote `wall`."""

    SYNCED = "synced"
    HOLDOVER = "holdover"  # was synced in this boot, is not now
    UNSET = "unset"


class Raw(msgspec.Struct, frozen=True, omit_defaults=True):
    """The device's own message, kept beside p0 events. `data` is text, or base64 where `encoding` says so."""

    topic: str
    data: str
    encoding: Literal["utf-8", "base64"] = "utf-8"


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event on its way. Unknown members are passed over: an older centre must not silence a newer gateway."""

    v: Literal[1]
    id: UUID  # UUIDv7; the idempotency key, for ever
    gateway: str
    stream: str  # new at every process start
    seq: int  # counts in `stream`; finds gaps, never duplicates
    boot: str
    mono_ms: int
    wall: datetime
    clock: Clock
    device: str
    kind: str
    phase: Phase
    mode: Mode = Mode.ACTUAL
    cause: UUID | None = None
    body: dict[str, Any] = {}
    raw: Raw | None = None
    device_time: datetime | None = None  # when the device itself says that it happened (stored while offline)

    def said(self) -> Said:
        """The typed event or reading; raises DecodeError."""
        return said_from(self.kind, self.phase, self.body)


class Ack(msgspec.Struct, frozen=True):
    """dn/ack: what the centre has committed. `epoch` changes when the centre was restored from a backup."""

    v: Literal[1]
    epoch: str
    ids: list[UUID]


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """dn/cmd: say, sound, call, test, locate … `ttl_s` counts from the gateway's receipt: its clock may be unset."""

    v: Literal[1]
    id: UUID
    kind: str
    ttl_s: float
    cause: UUID | None = None  # the event that this answers
    body: dict[str, Any] = {}


_envelopes = msgspec.json.Decoder(Envelope | list[Envelope])
_acks = msgspec.json.Decoder(Ack)
_commands = msgspec.json.Decoder(Command)
_encoder = msgspec.json.Encoder()


def encode(message: Envelope | list[Envelope] | Ack | Command) -> bytes:
    """The message's bytes on the wire."""
    return _encoder.encode(message)


def decode_envelopes(payload: bytes) -> list[Envelope]:
    """The envelopes of an `up` message, one or a batch. Raises EnvelopeError; never anything else."""
    if len(payload) > MAX_PAYLOAD:
        raise EnvelopeError(f"payload: {len(payload)} bytes, at most {MAX_PAYLOAD}")
    try:
        decoded = _envelopes.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeError(f"payload: {error}") from error
    envelopes = decoded if isinstance(decoded, list) else [decoded]
    for envelope in envelopes:
        for name, moment in (("wall", envelope.wall), ("device_time", envelope.device_time)):
            if moment is not None and moment.tzinfo is None:
                raise EnvelopeError(f"{name}: needs an offset, for example 2026-03-01T08:00:00+08:00")
    return envelopes


def decode_ack(payload: bytes) -> Ack:
    """Raises EnvelopeError."""
    try:
        return _acks.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeError(f"dn/ack: {error}") from error


def decode_command(payload: bytes) -> Command:
    """Raises EnvelopeError."""
    try:
        return _commands.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeError(f"dn/cmd: {error}") from error


def up_topic(gateway: str, priority: Priority) -> str:
    """`anhu/v1/{gateway}/up/p0` and so on."""
    return f"anhu/v1/{gateway}/up/{priority.value}"


def down_topic(gateway: str, what: Literal["ack", "cmd", "cfg"]) -> str:
    """`anhu/v1/{gateway}/dn/ack` and so on."""
    return f"anhu/v1/{gateway}/dn/{what}"


def parse_up_topic(topic: str) -> tuple[str, Priority]:
    """Gateway id and priority of an `up` topic. Raises EnvelopeError."""
    parts = topic.split("/")
    if len(parts) != 5 or parts[:2] != ["anhu", "v1"] or parts[3] != "up" or parts[4] not in list(Priority):
        raise EnvelopeError(f"topic: {topic!r} is not anhu/v1/{{gateway}}/up/p0|p1|p2")
    return parts[2], Priority(parts[4])
