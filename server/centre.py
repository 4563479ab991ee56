"""The parts that every use case of the centre is given; made once by app.py."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from server.clock import Clock
from server.config import Settings
from server.db import Database
from server.notify.channel import Channel
from server.rules.engine import Rules
from server.wakeup import Wakeup


@dataclass(slots=True)
class Health:
    """What the running parts last said of themselves."""

    broker_connected: Callable[[], bool] = lambda: False
    listening_since: datetime | None = None  # as the worker noticed; None while the broker is away
    worker_ticked_at: datetime | None = None
    ingest_waits_for: str | None = None  # the error for which nothing can be committed now


@dataclass(slots=True)
class Centre:
    """`voice` is notify/no_voice.py where no telephone provider is configured."""

    settings: Settings
    db: Database
    clock: Clock
    wakeup: Wakeup
    rules: Rules
    voice: Channel
    health: Health = field(default_factory=Health)
