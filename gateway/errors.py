"""Everything that `gateway` raises, and who has to act on it.

AnhuError (devices.errors)
├── StoreError             the store cannot be opened (whoever runs the gateway acts)
└── StoreFullError         the disk refuses a write just now: shed telemetry, try again (retried by itself)
"""

from pathlib import Path

from devices.errors import AnhuError


class StoreError(AnhuError):
    """The store cannot be used; the message names the file and what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"store.path: {path}: {problem}")


class StoreFullError(AnhuError):
    """The disk refused a write: nothing of the transaction was kept."""
