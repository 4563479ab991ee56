"""A clock that moves when a test says so."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts on a quiet night; `advance` moves it."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 18, 14, 14, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
