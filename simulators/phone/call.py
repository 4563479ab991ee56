"""One call as the network keeps it: what was asked for, where it is, everything that happened on it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel

Status = Literal["queued", "ringing", "in-progress", "completed", "busy", "no-answer", "failed", "canceled"]
LIVE: frozenset[Status] = frozenset({"queued", "ringing", "in-progress"})


class Act(StrEnum):
    """What somebody does to a call."""

    ANSWER = "answer"
    PRESS = "press"
    HANG_UP = "hang_up"  # the called person
    CUT = "cut"  # the caller, through the provider's API


@dataclass(frozen=True, slots=True)
class Action:
    """`key` for PRESS only."""

    act: Act
    key: str = ""


class Happening(BaseModel):
    """One line of a call's history. `what`: placed, ringing, answered, said, key, ended, document, callback …"""

    at: datetime
    what: str
    detail: str = ""


class CallRecord(BaseModel):
    """A call as the control API shows it."""

    sid: str
    to: str
    name: str
    status: Status
    answered_by: str | None
    attempt_url: str  # the address asked what to say: it holds the attempt's id
    placed_at: datetime
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    said: list[str]
    keys: list[str]
    callbacks_lost: int
    settled: bool
    history: list[Happening]


@dataclass(slots=True, eq=False)
class Call:
    """State of a call. Only its Line changes `status`; others put an Action into `actions`."""

    sid: str
    to: str
    name: str
    from_: str
    url: str
    fallback_url: str | None
    status_callback: str | None
    events: frozenset[str]
    ring_s: float
    limit_s: float
    detects_machines: bool
    placed_at: datetime
    status: Status = "queued"
    answered_by: str | None = None
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    said: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    callbacks_lost: int = 0
    settled: bool = False  # over, and the centre was told or could not be
    history: list[Happening] = field(default_factory=list)
    actions: asyncio.Queue[Action] = field(default_factory=asyncio.Queue)

    @property
    def is_live(self) -> bool:
        """Not over yet."""
        return self.status in LIVE

    def record(self) -> CallRecord:
        """A copy for the control API."""
        return CallRecord(
            sid=self.sid,
            to=self.to,
            name=self.name,
            status=self.status,
            answered_by=self.answered_by,
            attempt_url=self.url,
            placed_at=self.placed_at,
            ringing_at=self.ringing_at,
            answered_at=self.answered_at,
            ended_at=self.ended_at,
            said=list(self.said),
            keys=list(self.keys),
            callbacks_lost=self.callbacks_lost,
            settled=self.settled,
            history=list(self.history),
        )
