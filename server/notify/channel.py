"""What the escalation engine and a telephone channel say to each other.

A channel holds no database and no clock: whatever it cannot know is an outcome of its own, never a guess. Numbers are
kept out of every repr, because reprs end up in logs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from devices.events import Mode
from server.errors import CentreError


class CallState(StrEnum):
    """Where a call is at the provider. None of these accepts anything: only a key press does."""

    PLACED = "placed"  # queued or being dialled
    RINGING = "ringing"
    ANSWERED = "answered"  # picked up, by whom or what `AnsweredBy` says
    COMPLETED = "completed"  # was answered and has ended
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"  # the network could not connect it
    CANCELED = "canceled"  # we hung up before it was answered

    @property
    def is_over(self) -> bool:
        """Nothing more will happen on this call."""
        return self not in (CallState.PLACED, CallState.RINGING, CallState.ANSWERED)


class AnsweredBy(StrEnum):
    """The provider's guess. `machine` may be wrong: a key pressed by a "machine" counts."""

    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


class Why(StrEnum):
    """The reason beside an outcome: a code for the timeline, free of personal data."""

    RATE_LIMITED = "rate_limited"  # the provider asks to wait
    PROVIDER_DOWN = "provider_down"  # it says that it cannot work now
    UNREACHABLE = "unreachable"  # no connection; nothing was sent
    TIMED_OUT = "timed_out"
    BROKEN_OFF = "broken_off"  # the connection ended without an answer
    PROVIDER_ERROR = "provider_error"  # it failed in a way that leaves open what it did
    UNREADABLE_ANSWER = "unreadable_answer"  # it agreed, but we cannot read to what
    NUMBER_REFUSED = "number_refused"  # not a number, or not one that can be called: the contact needs correcting
    CREDENTIALS_REFUSED = "credentials_refused"  # the configuration needs correcting
    REQUEST_REFUSED = "request_refused"  # any other refusal; `detail` carries the provider's code
    NOT_CONFIGURED = "not_configured"  # this centre has no telephone


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call to make. The attempt's id goes into the callback addresses; the provider stops ringing after `ring_s`."""

    attempt_id: UUID
    to: str = field(repr=False)  # E.164
    language: str
    ring_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Placed:
    """The provider has the call, under this id."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Certainly not placed; may be tried again after so long."""

    reason: Why
    after_s: float


@dataclass(frozen=True, slots=True)
class Unsure:
    """The request left, no answer came: it may ring already. Ask with `find` first; place again only if not found."""

    reason: Why


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Certainly not placed, and trying again cannot help. `detail` is the provider's own code, e.g. `21211`."""

    reason: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The call is over: ended now, or `already` before. Its last state comes by callback or `fetch`."""

    already: bool = False


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """A call as the provider's books show it. `created_at` is by the provider's clock, in whole seconds."""

    provider_id: str
    state: CallState
    answered_by: AnsweredBy
    created_at: datetime | None
    to: str = field(repr=False)


class ProviderUnavailableError(CentreError):
    """The telephone provider cannot be asked now: nothing is known, ask again after `after_s`."""

    def __init__(self, reason: Why, after_s: float, detail: str = "") -> None:
        super().__init__(f"telephone provider: {reason}{f' ({detail})' if detail else ''}")
        self.reason = reason
        self.after_s = after_s


class Channel(Protocol):
    """One way to call a person. Safe to use from many tasks; every method ends within the configured time-out."""

    async def place(self, call: OutgoingCall) -> Placed | Retry | Unsure | GiveUp:
        """Make the call. Never raises for what the provider or the network does."""
        ...

    async def find(self, to: str, since: datetime) -> list[ProviderCall]:
        """Our calls to that number made since then, oldest first; some slack covers clocks that differ.

        An empty list means that there are none. Raises ProviderUnavailableError when that cannot be said.
        """
        ...

    async def fetch(self, provider_id: str) -> ProviderCall | None:
        """That call now; None when the provider knows no such call. Raises ProviderUnavailableError."""
        ...

    async def hang_up(self, provider_id: str) -> HungUp | Retry:
        """End the call, ringing or answered. A call that is over or unknown counts as hung up."""
        ...

    async def check(self) -> None:
        """Ask the provider for our account: raises ProviderUnavailableError unless calls can be made."""
        ...

    async def aclose(self) -> None:
        """Give back connections."""
        ...


def ours(found: Sequence[ProviderCall], known: Collection[str]) -> ProviderCall | None:
    """Which of `found` (from `find`) is the call that an attempt is unsure of: the oldest that no attempt has.

    `known` are the provider ids of every attempt to that number. One call at a time goes to a number, so at most one
    is unclaimed; providers do not tell the callback address of a call that is under way.
    """
    return next((call for call in found if call.provider_id not in known), None)


@dataclass(frozen=True, slots=True)
class CallUpdate:
    """What a signed callback says. Callbacks come twice, late and out of order: the engine decides what counts.

    `seq` rises with the provider's knowledge of one call; None where the callback has none (the answer itself).
    """

    attempt_id: UUID
    provider_id: str
    state: CallState
    answered_by: AnsweredBy
    seq: int | None


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """What the called person is told. `over` when nobody is needed any more; `minutes` since the resident called."""

    language: str
    resident_name: str | None = field(repr=False)
    kind: str
    mode: Mode
    minutes: int
    over: bool = False


class KeyOutcome(StrEnum):
    """What a key press did."""

    ACCEPTED = "accepted"  # also when the same person presses again
    DECLINED = "declined"
    TAKEN = "taken"  # somebody else accepted before
    OVER = "over"  # the alarm is closed
    REPEAT = "repeat"  # wants to hear it again
    UNKNOWN = "unknown"  # a key without meaning


@dataclass(frozen=True, slots=True)
class KeyResult:
    """The engine's answer to a key; `taken_by` is a name to say, where it may be said."""

    outcome: KeyOutcome
    taken_by: str | None = field(default=None, repr=False)


class Calls(Protocol):
    """What the callbacks need of the escalation engine; found at `app.state.calls`."""

    async def call_update(self, update: CallUpdate) -> None:
        """Take in one callback. An unknown attempt is no error: it is noted and passed over."""
        ...

    async def answer_context(self, attempt_id: UUID) -> AnswerContext | None:
        """What to say to whoever answered; None for an attempt that never was."""
        ...

    async def key_pressed(self, attempt_id: UUID, provider_id: str, digit: str) -> KeyResult:
        """`digit` is one of 0-9, * and #. Returns after the commit, for the caller says aloud what it did."""
        ...
