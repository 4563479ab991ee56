"""From a message of the home's broker to what it means: routes, decoder memory, poison. Pure: no network, no store.

Whatever a payload holds, the outcome is reports or a problem, never an exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from devices.errors import DecodeError
from devices.events import Fault, Priority, Unknown, kind_of, priority_of
from devices.registry import Decoded, Decoder, Memory, Message, Problem, Report, decoder

SAID_LENGTH = 200
RATE_S = 60.0
"""A broken device raises one event a minute, however much it sends; every message is quarantined all the same."""

_NOT_DEVICES = frozenset({"bridge"})
"""Parts of an ecosystem that nobody can press: unreadable, they are a fault and no call."""

MemoryKey = tuple[str, str, str]
"""source, base topic, device."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What one message meant."""

    source: str
    device: str
    reports: tuple[Report, ...] = ()
    memory: Mapping[MemoryKey, Memory] = field(default_factory=dict)  # what changed
    problems: tuple[Problem, ...] = ()
    ack_topic: str | None = None  # where the device waits for an answer

    @property
    def damaged(self) -> bool:
        """True: the message's bytes belong in quarantine."""
        return bool(self.problems)


class Understanding:
    """Decoders with what they remember. Memory moves on with each call; the caller stores the changes."""

    def __init__(self, routes: list[tuple[str, str]], memory: dict[MemoryKey, Memory]) -> None:
        self._routes: list[tuple[Decoder, str]] = [(decoder(source), base) for source, base in routes]
        self._memory = memory
        self._said_at: dict[tuple[str, str], float] = {}

    @property
    def subscriptions(self) -> list[str]:
        """The MQTT filters of all sources."""
        return [s.format(base=base) for one, base in self._routes for s in one.subscriptions]

    def rearm(self) -> None:
        """Nobody listened for a while: what may have ended and begun again unheard counts again when next said."""
        for one, base in self._routes:
            for key in [key for key in self._memory if key[:2] == (one.source, base)]:
                self._memory[key] = one.rearm(self._memory[key])

    def read(self, message: Message) -> Understood | None:
        """None for topics that say nothing to us."""
        for one, base in self._routes:
            device = one.identify(message.topic, base)
            if device is not None:
                return self._read(one, base, device, message)
        return None

    def _read(self, one: Decoder, base: str, device: str, message: Message) -> Understood:
        key = (one.source, base, device)
        before = self._memory.get(key, {})
        answer = f"{base}/{device}/ack" if one.source == "native" else None
        try:
            decoded = _decoded(one, message, base, before)
        except DecodeError as error:
            problem = Problem(error.field, error.problem)
            return Understood(
                one.source, device, self._poison(device, problem, message), problems=(problem,), ack_topic=answer
            )
        changed = {}
        if decoded.memory != before:
            self._memory[key] = decoded.memory
            changed[key] = decoded.memory
        speaker = decoded.device or device
        reports = decoded.reports
        if decoded.problems and not any(priority_of(kind_of(r.said)) is Priority.P0 for r in reports):
            reports += self._fault(speaker, decoded.problems[0], message.received_s)
        return Understood(one.source, speaker, reports, changed, decoded.problems, answer)

    def _poison(self, device: str, problem: Problem, message: Message) -> tuple[Report, ...]:
        """Nothing of the message could be used: it may have been a call."""
        if device in _NOT_DEVICES or message.retained:
            return self._fault(device, problem, message.received_s)
        if self._too_soon("unknown", device, message.received_s):
            return ()
        return (Report(device=device, said=Unknown(said=_said(problem))),)

    def _fault(self, device: str, problem: Problem, at: float) -> tuple[Report, ...]:
        if self._too_soon("fault", device, at):
            return ()
        return (Report(device=device, said=Fault(said=_said(problem))),)

    def _too_soon(self, kind: str, device: str, at: float) -> bool:
        last = self._said_at.get((kind, device))
        if last is not None and at - last < RATE_S:
            return True
        self._said_at[kind, device] = at
        return False


def _said(problem: Problem) -> str:
    return f"{problem.field}: {problem.problem}"[:SAID_LENGTH]


def _decoded(one: Decoder, message: Message, base: str, memory: Memory) -> Decoded:
    try:
        return one.decode(message, base, memory)
    except DecodeError:
        raise
    except Exception as error:
        # A mistake in one vendor's decoder must not end the process that carries everybody else's calls: the message
        # would be delivered again after every restart.
        raise DecodeError("decoder", f"{one.source} failed with {type(error).__name__}: {error}") from error
