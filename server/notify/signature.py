"""The public addresses of our callbacks, and the proof that the provider called them.

The address is configured, never guessed from the request: behind a TLS proxy the request shows another one, and a
guess would let whoever sends a Host header choose what is signed.
"""

from enum import StrEnum
from uuid import UUID

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

HEADER: str = SIGNATURE_HEADER
PREFIX = "/telephony/voice"


class Hook(StrEnum):
    """The last part of a callback's address."""

    ANSWER = "answer"  # somebody picked up: what shall be said?
    KEYS = "keys"  # a key was pressed, or none in time
    STATUS = "status"  # the call went on


class Callbacks:
    """Where the provider reaches us (`base`, e.g. `https://anhu.example.cn`), and the token it signs with."""

    def __init__(self, base: str, auth_token: str) -> None:
        self._base = base.rstrip("/")
        self._validator = RequestValidator(auth_token)  # type: ignore[no-untyped-call]

    def url(self, attempt_id: UUID | str, hook: Hook, query: str = "") -> str:
        """The public address of one callback of one attempt."""
        address = f"{self._base}{PREFIX}/{attempt_id}/{hook}"
        return f"{address}?{query}" if query else address

    def is_signed(self, url: str, form: ImmutableMultiDict[str, str], signature: str) -> bool:
        """Whether the provider signed exactly this form for exactly this address."""
        return bool(self._validator.validate(url, form, signature))  # type: ignore[no-untyped-call]
