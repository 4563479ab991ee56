"""The network itself: an account, people with telephones, and every call and message there was."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import httpx
from pydantic import BaseModel, ConfigDict, Field

from simulators.phone.call import Action, Call
from simulators.phone.line import Line
from simulators.phone.pace import Pace, RealPace
from simulators.phone.people import Behaviour, People, Person
from simulators.phone.webhooks import TIMEOUT_S, Webhooks


class Trouble(BaseModel):
    """What goes wrong with the next request that would place a call."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    status: Annotated[int, Field(ge=400, le=599)] | None = None  # answer with this error
    retry_after_s: Annotated[int, Field(ge=0)] | None = None
    hold_s: Annotated[float, Field(ge=0)] = 0.0  # answer this late, or never where the caller hangs up first
    placed: bool = False  # the call is placed all the same


@dataclass(frozen=True, slots=True)
class Account:
    """Who may use the network, and the numbers it may call from."""

    sid: str
    token: str = field(repr=False)
    numbers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Message:
    """A stored SMS."""

    sid: str
    to: str
    from_: str
    body: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Placement:
    """What is asked of the network when a call is placed."""

    to: str
    from_: str
    url: str
    fallback_url: str | None = None
    status_callback: str | None = None
    events: frozenset[str] = frozenset({"completed"})
    ring_s: float = 60.0
    limit_s: float = 4 * 3600.0
    detects_machines: bool = False


class Network:
    """Calls live in tasks of `running()`; outside it nothing can be placed."""

    def __init__(self, account: Account, people: People, pace: Pace | None = None) -> None:
        self.account = account
        self.people: dict[str, Person] = {person.number: person for person in people.people}
        self.pace: Pace = pace or RealPace()
        self.calls: dict[str, Call] = {}
        self.messages: list[Message] = []
        self.troubles: deque[Trouble] = deque()
        self._group: asyncio.TaskGroup | None = None
        self._webhooks: Webhooks | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._pulse = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Owns every call's task; calls that are live at the end are dropped as in a power cut."""
        # Nothing of the environment: a proxy set there is no part of this network.
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client, asyncio.TaskGroup() as group:
            self._webhooks = Webhooks(self.account.token, self.pace, client)
            self._group = group
            try:
                yield
            finally:
                self._group = None
                for line in self._lines:
                    line.cancel()

    @property
    def callbacks_lost(self) -> int:
        """Status callbacks that the centre never took."""
        return sum(call.callbacks_lost for call in self.calls.values())

    def place(self, wanted: Placement) -> Call:
        """A new call, already on its way."""
        assert self._group is not None, "the network is not running"
        assert self._webhooks is not None
        person = self.people.get(wanted.to)
        call = Call(
            sid=f"CA{secrets.token_hex(16)}",
            to=wanted.to,
            name=person.name if person else "",
            from_=wanted.from_,
            url=wanted.url,
            fallback_url=wanted.fallback_url,
            status_callback=wanted.status_callback,
            events=wanted.events,
            ring_s=wanted.ring_s,
            limit_s=wanted.limit_s,
            detects_machines=wanted.detects_machines,
            placed_at=self.pace.now(),
        )
        self.calls[call.sid] = call
        line = Line(
            call,
            person.behaviour if person else None,
            lambda: any(c is not call and c.to == call.to and c.is_live and c.ringing_at for c in self.calls.values()),
            account_sid=self.account.sid,
            webhooks=self._webhooks,
            pace=self.pace,
            changed=self._changed,
        )
        task = self._group.create_task(line.run(), name=f"call {call.sid}")
        self._lines.add(task)
        task.add_done_callback(self._lines.discard)
        return call

    def act(self, call: Call, action: Action) -> bool:
        """Somebody does something to a live call; False when it is over."""
        if call.is_live:
            call.actions.put_nowait(action)
        return call.is_live

    def behave(self, number: str, behaviour: Behaviour) -> Person:
        """From the next call on. A number that nobody had gets a telephone."""
        known = self.people.get(number) or Person(number=number)
        self.people[number] = known.model_copy(update={"behaviour": behaviour})
        self._changed()
        return self.people[number]

    def store(self, to: str, from_: str, body: str) -> Message:
        """An SMS, which arrives at once."""
        message = Message(f"SM{secrets.token_hex(16)}", to, from_, body, self.pace.now())
        self.messages.append(message)
        self._changed()
        return message

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns when something happened on a call that made the condition true."""
        while not condition():
            await self._pulse.wait()

    def _changed(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()
