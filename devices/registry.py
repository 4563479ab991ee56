"""The decoders there are. A decoder is data plus pure functions: message and memory in, reports and memory out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import msgspec

from devices.errors import UnknownSourceError
from devices.events import Mode, Said

Memory = Mapping[str, str | int | float | bool | None]
"""What a decoder must remember of one device to see edges and echoes: flat, JSON-able, kept by the caller."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came from an ecosystem's broker."""

    topic: str
    payload: bytes
    retained: bool
    received_s: float  # seconds on any monotonic scale; decoders use differences only


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One event or reading of one device."""

    device: str  # the ecosystem's own name of it
    said: Said
    mode: Mode = Mode.ACTUAL
    id: str | None = None  # the device's own idempotency key, where it has one (UUID)
    cause: str | None = None  # id of the event that began the condition, where the device says
    device_time: datetime | None = None  # aware; where the device says when it happened


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of a message that could not be read while the message as a whole could. `id` is the device's own key."""

    field: str
    problem: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a message meant, and what to remember of the device from now on.

    A message with `problems` was not read in full: its `reports` count, and its bytes belong in quarantine.
    """

    reports: tuple[Report, ...] = ()
    memory: Memory = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    device: str | None = None  # who spoke, where that is finer than `identify`, which names the memory's owner


def _as_it_was(memory: Memory) -> Memory:
    return memory


@dataclass(frozen=True, slots=True)
class Decoder:
    """One ecosystem. `subscriptions` are MQTT filters with `{base}` for its base topic.

    `identify` gives the device (or ecosystem part) a topic speaks of, None for topics that say nothing to us. All
    topics of one device lead to one answer, which is the key of its memory.
    `decode` raises DecodeError and nothing else, whatever the payload, and only when the message holds nothing that
    can be used; what was good beside the damage is returned with `problems`.
    """

    source: str
    title: str
    base: str
    subscriptions: tuple[str, ...]
    identify: Callable[[str, str], str | None]  # (topic, base) -> device
    decode: Callable[[Message, str, Memory], Decoded]  # (message, base, memory)
    rearm: Callable[[Memory], Memory] = _as_it_was
    """The memory after a time in which nobody listened: a condition that may have ended and begun again unheard counts
    again when it is next said. A caller uses it at its start and whenever its subscription was interrupted."""


@cache
def decoders() -> Mapping[str, Decoder]:
    """Every `devices/vendors/*.py` that defines DECODER, by its source name. Files beginning with `_` are templates."""
    import devices.vendors as vendors

    found = (
        import_module(f"devices.vendors.{m.name}").DECODER for m in iter_modules(vendors.__path__) if m.name[0] != "_"
    )
    return {decoder.source: decoder for decoder in sorted(found, key=lambda d: d.source)}


def decoder(source: str) -> Decoder:
    """The decoder of that name; raises UnknownSourceError with the list."""
    try:
        return decoders()[source]
    except KeyError:
        raise UnknownSourceError(source, list(decoders())) from None
