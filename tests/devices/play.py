"""Feeds messages to a decoder in order, with the memory of each device, as a gateway does."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from devices.__main__ import line_of
from devices.errors import DecodeError
from devices.events import kind_of
from devices.recording import RecordedMessage
from devices.registry import Decoded, Decoder, Memory, Message, Report, decoder


@dataclass
class Player:
    """One gateway's view of one source."""

    decoder: Decoder
    base: str
    memory: dict[str, Memory] = field(default_factory=dict)
    now_s: float = 1000.0

    def say(self, topic: str, payload: str | bytes, *, retained: bool = False, after_s: float = 0.0) -> Decoded:
        """Raises DecodeError as the decoder does. What it remembers must survive a file, as JSON."""
        self.now_s += after_s
        device = self.decoder.identify(topic, self.base)
        if device is None:
            return Decoded()
        body = payload.encode() if isinstance(payload, str) else payload
        message = Message(topic, body, retained, self.now_s)
        decoded = self.decoder.decode(message, self.base, self.memory.get(device, {}))
        self.memory[device] = json.loads(json.dumps(dict(decoded.memory)))
        return decoded

    def record(self, message: RecordedMessage) -> tuple[list[dict[str, Any]], list[str]]:
        """Reports and fields complained of."""
        try:
            decoded = self.say(message.topic, message.payload, retained=message.retained, after_s=message.after_s)
        except DecodeError as error:
            return [], [error.field]
        return [shown(report) for report in decoded.reports], [problem.field for problem in decoded.problems]


def player(source: str, base: str | None = None) -> Player:
    chosen = decoder(source)
    return Player(chosen, base or chosen.base)


def shown(report: Report) -> dict[str, Any]:
    """The report as the command line shows it."""
    line: dict[str, Any] = json.loads(line_of(report))
    return line


def kinds(decoded: Decoded | Iterable[Decoded]) -> list[str]:
    """Kinds that were raised, readings and states left out."""
    several = [decoded] if isinstance(decoded, Decoded) else decoded
    return [kind_of(r.said) for d in several for r in d.reports if r.said.phase == "raise"]
