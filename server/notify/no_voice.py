"""The telephone of a centre that has none configured: every attempt gives up at once, so that a person sees it."""

from datetime import datetime

from server.notify.channel import GiveUp, HungUp, OutgoingCall, ProviderCall, ProviderUnavailableError, Why


class NoVoice:
    """A Channel that never calls."""

    async def place(self, call: OutgoingCall) -> GiveUp:
        """Nobody can be called."""
        return GiveUp(Why.NOT_CONFIGURED)

    async def find(self, to: str, since: datetime) -> list[ProviderCall]:
        """No call was ever made."""
        return []

    async def fetch(self, provider_id: str) -> None:
        """There is no such call."""

    async def hang_up(self, provider_id: str) -> HungUp:
        """Nothing rings."""
        return HungUp(already=True)

    async def check(self) -> None:
        """Says that there is no provider."""
        raise ProviderUnavailableError(Why.NOT_CONFIGURED, after_s=60.0)

    async def aclose(self) -> None:
        """Nothing is open."""
