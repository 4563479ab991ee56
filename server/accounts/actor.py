"""Whoever does something to an alarm: a signed-in person, or the system itself."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in account. `region` is the path whose subtree it may see."""

    account_id: UUID
    username: str
    display_name: str
    role: str
    region: str
    language: str
