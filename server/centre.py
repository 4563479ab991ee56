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
    worker_ticked_at: datetime | None = None
    ingest_committed_at: datetime | None = None


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
