"""The three confirmations a person on the floor hears, and the word that it takes longer. Never says one too early."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import structlog

from gateway.clock import Clock, wait_any
from gateway.outbox import Call
from gateway.texts import TONES, Stage, texts

log = structlog.get_logger()

TOPIC = "anhu/home/v1/feedback"
DELAYED_S = 10.0
"""Without the centre's word after this long the resident is told that we keep trying."""


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What the home's speaker or wall unit hears on TOPIC. `tone` is the number of the confirmation."""

    v: int = 1
    stage: str  # stored | centre | person | delayed | say
    id: UUID  # of the event; of the command where stage is "say"
    device: str
    kind: str
    tone: int | None
    language: str  # the one this home prefers; all are sent
    texts: Mapping[str, str]
    at: datetime


class Confirmations:
    """Says each stage once, and watches for the centre's word."""

    def __init__(self, clock: Clock, language: str, publish: Callable[[str, bytes], None]) -> None:
        self._clock = clock
        self._language = language
        self._publish = publish
        self._late_at: dict[UUID, tuple[float, Call]] = {}
        self._changed = asyncio.Event()

    def stored(self, call: Call) -> None:
        """The box has it: it is on the disk."""
        self._late_at[call.id] = (self._clock.mono() + DELAYED_S, call)
        self._changed.set()
        self._say("stored", call)

    def centre(self, calls: Iterable[Call]) -> None:
        """The centre has committed them."""
        for call in calls:
            self._late_at.pop(call.id, None)
            log.info("centre_has", id=str(call.id), kind=call.kind)
            self._say("centre", call)

    def person(self, call: Call, said: Mapping[str, str]) -> bytes:
        """A person has it: the message to publish. The centre's words where it sent some."""
        self._late_at.pop(call.id, None)
        return self._message("person", call, {**texts("person", call.kind), **said})

    def say(self, command: UUID, said: Mapping[str, str]) -> bytes:
        """Words of the centre that confirm nothing: the message to publish."""
        return self._encode("say", Call(command, "", "say"), None, said)

    async def run(self) -> None:
        """Tells the resident of calls that take longer."""
        while True:
            now = self._clock.mono()
            for late_at, call in list(self._late_at.values()):
                if late_at <= now:
                    del self._late_at[call.id]
                    log.warning("centre_silent", id=str(call.id), kind=call.kind, seconds=DELAYED_S)
                    self._say("delayed", call)
            self._changed.clear()
            next_at = min((late_at for late_at, _ in self._late_at.values()), default=None)
            await wait_any(self._clock, None if next_at is None else max(0.0, next_at - now), self._changed)

    def _say(self, stage: Stage, call: Call) -> None:
        self._publish(TOPIC, self._message(stage, call, texts(stage, call.kind)))

    def _message(self, stage: Stage, call: Call, said: Mapping[str, str]) -> bytes:
        return self._encode(stage, call, TONES[stage], said)

    def _encode(self, stage: str, call: Call, tone: int | None, said: Mapping[str, str]) -> bytes:
        return msgspec.json.encode(
            Feedback(
                stage=stage,
                id=call.id,
                device=call.device,
                kind=call.kind,
                tone=tone,
                language=self._language,
                texts=said,
                at=self._clock.now().astimezone(UTC),
            )
        )
