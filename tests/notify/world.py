"""A centre's telephone side, a telephone network and the real channel between them, over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from fastapi import FastAPI

from devices.events import Mode
from server.notify import callbacks
from server.notify.channel import AnswerContext, CallState, CallUpdate, KeyOutcome, KeyResult, OutgoingCall
from server.notify.signature import Callbacks
from server.notify.voice_twilio import TwilioVoice
from server.web import tell_problems
from simulators.phone.app import create_app
from simulators.phone.call import Call
from simulators.phone.network import Account, Network
from simulators.phone.pace import Pace
from simulators.phone.people import BEHAVIOUR, Behaviour, People, Person
from tests.notify.serving import address, listener, serving

SID = "AC0123456789abcdef0123456789abcdef"
TOKEN = "a-token-of-the-tests"
CENTRE = "+8679700000000"
WANG = "+8613900000001"
LI = "+8613900000002"


class Instant:
    """A pace at which every wait is over at once."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Stopped:
    """A pace at which no wait ever ends: only people and programs make things happen."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


@dataclass
class FakeCalls:
    """An escalation engine that remembers and answers by the book."""

    context: AnswerContext | None = field(
        default_factory=lambda: AnswerContext("zh-CN", "王桂兰", "sos", Mode.ACTUAL, minutes=0)
    )
    taken_by: str | None = None
    updates: list[CallUpdate] = field(default_factory=list)
    keys: list[tuple[UUID, str, str]] = field(default_factory=list)

    async def call_update(self, update: CallUpdate) -> None:
        self.updates.append(update)

    async def answer_context(self, attempt_id: UUID) -> AnswerContext | None:
        return self.context

    async def key_pressed(self, attempt_id: UUID, provider_id: str, digit: str) -> KeyResult:
        self.keys.append((attempt_id, provider_id, digit))
        if self.context is not None and self.context.over:
            return KeyResult(KeyOutcome.OVER)
        if digit == "1" and self.taken_by is not None:
            return KeyResult(KeyOutcome.TAKEN, self.taken_by)
        known = {"1": KeyOutcome.ACCEPTED, "2": KeyOutcome.DECLINED, "3": KeyOutcome.REPEAT}
        return KeyResult(known.get(digit, KeyOutcome.UNKNOWN))

    @property
    def states(self) -> list[CallState]:
        """What the status callbacks said, in the provider's order; the answer itself may overtake the first of them."""
        told = {update.seq: update.state for update in self.updates if update.seq is not None}
        return [told[seq] for seq in sorted(told)]


def centre_app(calls: FakeCalls, known: Callbacks | None) -> FastAPI:
    """The part of the centre that the provider sees."""
    app = FastAPI()
    tell_problems(app)
    app.include_router(callbacks.router)
    app.state.calls = calls
    app.state.callbacks = known
    return app


@dataclass
class World:
    """Everything a test looks at."""

    network: Network
    provider: str
    calls: FakeCalls
    callbacks: Callbacks
    voice: TwilioVoice

    def channel(self, **changes: object) -> TwilioVoice:
        """Another channel to the same provider. The caller closes it."""
        options = {
            "account_sid": SID,
            "auth_token": TOKEN,
            "from_number": CENTRE,
            "callbacks": self.callbacks,
            "api_url": self.provider,
        }
        return TwilioVoice(**{**options, **changes})  # type: ignore[arg-type]

    async def over(self, provider_id: str) -> Call:
        """The call, once it is over and the centre was told or could not be."""
        call = self.network.calls[provider_id]
        await self.network.until(lambda: call.settled)
        return call


def behaviour(**members: object) -> Behaviour:
    """From its fields, as a YAML file would give them."""
    return BEHAVIOUR.validate_python(members)


def outgoing(to: str = WANG, **changes: object) -> OutgoingCall:
    """A call of a new attempt."""
    return OutgoingCall(**{"attempt_id": uuid4(), "to": to, "language": "zh-CN", **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def world(pace: Pace | None = None, **does: object) -> AsyncIterator[World]:
    """Wang behaves as said (answers and presses 1 by default); Li answers and presses 1."""
    wang = Person(number=WANG, name="王芳", behaviour=behaviour(**{"does": "answer", **does}))
    people = People(people=(wang, Person(number=LI, name="李强")))
    network = Network(Account(SID, TOKEN, frozenset({CENTRE})), people, pace or Instant())
    bound = listener()
    known = Callbacks(address(bound), TOKEN)
    calls = FakeCalls()
    async with serving(centre_app(calls, known), bound), serving(create_app(network)) as provider:
        voice = TwilioVoice(account_sid=SID, auth_token=TOKEN, from_number=CENTRE, callbacks=known, api_url=provider)
        try:
            yield World(network, provider, calls, known, voice)
        finally:
            await voice.aclose()
