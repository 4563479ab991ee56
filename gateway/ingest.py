"""From the home's broker into the outbox: what arrived while the last commit ran goes into the next, no timer.

Tells nobody anything (broker, device, resident, centre) before the commit; loses nothing to a commit that fails.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import msgspec
import structlog

from devices.events import Priority, priority_of
from devices.registry import Message
from gateway.clock import Clock
from gateway.journal import Came, Done, Journal, Plan
from gateway.mqtt import Arrival, Token
from gateway.outbox import Call
from gateway.scale import Scale
from gateway.stamp import moment
from gateway.taken import Taken, digest_of
from gateway.understand import Understanding

log = structlog.get_logger()

_BATCH = 256
_WAITING = 20_000
"""Messages in memory. QoS 1 never comes near it: the broker stops at its own window of unacknowledged ones."""


class Confirms(Protocol):
    """Who is told after a commit."""

    def stored(self, call: Call) -> None: ...

    def answer(self, topic: str, payload: bytes) -> None: ...

    def wake(self, urgent: bool) -> None: ...

    def heard(self, device: str, at: float) -> None: ...


@dataclass(frozen=True, slots=True)
class _Session:
    """A connection began; `present`: the broker still knows what it sent to us."""

    present: bool


@dataclass(frozen=True, slots=True)
class _Proof:
    """The broker has read our acknowledgements of these."""

    mids: dict[int, bytes]


class Ingest:
    """One task: takes everything that arrived, understands it, commits it, confirms it."""

    def __init__(
        self,
        clock: Clock,
        understanding: Understanding,
        taken: Taken,
        journal: Journal,
        scale: Scale,
        confirms: Confirms,
    ) -> None:
        self._clock = clock
        self._understanding = understanding
        self._taken = taken
        self._journal = journal
        self._scale = scale
        self._confirms = confirms
        self._queue: asyncio.Queue[Came | _Session | _Proof] = asyncio.Queue()
        self._acked: dict[int, bytes] = {}
        self._dropped = 0
        self._damaged = 0

    # --- called by the local bus, in the order in which the broker spoke ---
    def arrived(self, arrival: Arrival) -> None:
        if arrival.token is None and self._queue.qsize() >= _WAITING:
            self._dropped += 1
            if self._dropped % 1000 == 1:
                log.error("flood", dropped=self._dropped, hint="something in the home publishes without pause")
            return
        at = moment(self._clock)
        self._queue.put_nowait(Came(arrival, at, self._scale(at.mono)))

    def session(self, present: bool) -> None:
        self._scale.resume(self._clock.mono())
        self._queue.put_nowait(_Session(present))

    def acknowledged(self) -> dict[int, bytes]:
        """Messages whose PUBACK was sent since the last call."""
        acked, self._acked = self._acked, {}
        return acked

    def proved(self, mids: dict[int, bytes]) -> None:
        """The broker has read the PUBACKs of these."""
        self._queue.put_nowait(_Proof(mids))

    # --- the task ---
    async def run(self) -> None:
        while True:
            await self.handle_next()

    async def handle_next(self) -> None:
        """Everything that is there, or the next that comes."""
        batch = [await self._queue.get()]
        while len(batch) < _BATCH and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        plan = Plan()
        tokens: list[tuple[Token, bytes]] = []
        for item in batch:
            if isinstance(item, Came):
                self._read(item, plan, tokens)
            elif isinstance(item, _Proof):
                self._taken.proved(item.mids)
            else:
                self._understanding.rearm()
                if not item.present:
                    self._taken.session_lost()
        done = await self._journal.commit(plan)
        self._confirm(plan, done, tokens)

    def _read(self, came: Came, plan: Plan, tokens: list[tuple[Token, bytes]]) -> None:
        arrival = came.arrival
        if arrival.token is not None:
            digest = digest_of(arrival.topic, arrival.payload)
            tokens.append((arrival.token, digest))
            if arrival.dup and self._taken.holds(arrival.token.mid, digest):
                log.info("redelivered", mid=arrival.token.mid)
                return
            self._taken.put(arrival.token.mid, digest)
        message = Message(arrival.topic, arrival.payload, arrival.retained, came.received_s)
        understood = self._understanding.read(message)
        if understood is None:
            return
        if not arrival.retained:
            self._confirms.heard(understood.device, came.at.mono)
        plan.memory.update(understood.memory)
        plan.understood.append((came, understood))

    def _confirm(self, plan: Plan, done: Done, tokens: list[tuple[Token, bytes]]) -> None:
        if done.envelopes:
            self._confirms.wake(any(priority_of(e.kind) is Priority.P0 for e in done.envelopes))
        for call in done.calls:
            self._confirms.stored(call)
        for topic, ack in done.acks:
            self._confirms.answer(topic, msgspec.json.encode(ack))
        for token, digest in tokens:
            if token.ack():
                self._acked[token.mid] = digest
        for envelope in done.envelopes:
            if priority_of(envelope.kind) is not Priority.P2:
                log.info("stored", id=str(envelope.id), kind=envelope.kind, phase=envelope.phase, mode=envelope.mode)
        for _, understood in plan.understood:
            if understood.damaged:
                self._damaged += 1
                if understood.reports or self._damaged % 1000 == 0:  # those without are the rest of a storm
                    log.warning("quarantined", source=understood.source, since_start=self._damaged)
