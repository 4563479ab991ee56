"""What the ingest needs of a broker, so that a cell's broker is a matter of configuration."""

from collections.abc import Callable
from typing import Protocol

Receive = Callable[[str, bytes], None]
"""Called in the event loop with topic and payload; must not block."""


class Transport(Protocol):
    """A connection that is kept up for ever. Delivery never hangs on it: acknowledgements are end to end."""

    async def run(self, receive: Receive) -> None:
        """Connect, subscribe to every gateway's `up` topics, receive, reconnect; until cancelled."""
        ...

    def publish(self, topic: str, payload: bytes) -> None:
        """Send if connected, else drop: what matters is sent again by its own rows."""
        ...

    @property
    def connected(self) -> bool:
        """Subscribed, as far as is known."""
        ...
