"""From bytes to items: each envelope by itself, cleaned of what a database cannot hold, good beside bad."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from devices.envelope import Envelope, decode_envelopes
from devices.errors import DecodeError, EnvelopeError
from devices.events import Mode, Priority, Said
from server.ingest.quarantine import Poison, marks_in

_MAX_BIGINT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message as it came."""

    topic: str
    payload: bytes
    gateway: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class Good:
    """An envelope that can be read."""

    arrival: Arrival
    envelope: Envelope
    said: Said

    @property
    def gateway(self) -> str:
        """Whose it is."""
        return self.arrival.gateway

    @property
    def ids(self) -> tuple[UUID, ...]:
        """What is acknowledged once it is committed."""
        return (self.envelope.id,)

    def poisoned(self, problem: str) -> Poison:
        """The same, as something that could not be stored: with its own id and mode."""
        return _poison(self.arrival, problem, (self.envelope.id,), self.envelope.mode)


Item = Good | Poison


def read(group: list[Arrival]) -> list[Item]:
    """One wrong envelope of a batch does not take the others with it."""
    items: list[Item] = []
    for arrival in group:
        try:
            envelopes = decode_envelopes(arrival.payload)
        except EnvelopeError as error:
            items.append(_poison(arrival, error.problem, *marks_in(arrival.payload)))
            continue
        items.extend(_item(arrival, envelope) for envelope in envelopes)
    return items


def _item(arrival: Arrival, envelope: Envelope) -> Item:
    if envelope.gateway != arrival.gateway:
        problem = f"gateway: says {envelope.gateway[:80]!r}, came on the topic of {arrival.gateway!r}"
        return _poison(arrival, problem, (envelope.id,), envelope.mode)
    try:
        return Good(arrival, clean(envelope), envelope.said())
    except DecodeError as error:
        return _poison(arrival, str(error), (envelope.id,), envelope.mode)


def _poison(arrival: Arrival, problem: str, ids: tuple[UUID, ...], mode: Mode) -> Poison:
    return Poison(arrival.gateway, arrival.topic, arrival.priority, arrival.payload, problem, ids, mode)


def clean(envelope: Envelope) -> Envelope:
    """Fits our columns: no NUL (PostgreSQL refuses it), names cut, numbers in 64 bits. An SOS stays an SOS."""
    return msgspec.structs.replace(
        envelope,
        device=_text(envelope.device)[:200],
        boot=_text(envelope.boot)[:64],
        stream=_text(envelope.stream)[:64],
        seq=max(-_MAX_BIGINT, min(_MAX_BIGINT, envelope.seq)),
        body=_value(envelope.body),
        raw=msgspec.structs.replace(envelope.raw, topic=_text(envelope.raw.topic), data=_text(envelope.raw.data))
        if envelope.raw
        else None,
    )


def _text(text: str) -> str:
    return text.replace("\0", "�")


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(str(key)): _value(inner) for key, inner in value.items()}
    return [_value(inner) for inner in value] if isinstance(value, list) else value
