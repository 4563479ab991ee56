"""Every story is told on both databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.harness import Story, story


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'centre.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def told(database_url: str) -> AsyncIterator[Story]:
    """A centre with its community, in virtual time."""
    async with story(database_url) as it:
        yield it
