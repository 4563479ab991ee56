"""A desk per test; browsers where there is a Chromium."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.console.harness import Desk, Served, desk_at

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A centre with its community and console, on SQLite."""
    async with desk_at(f"sqlite+aiosqlite:///{tmp_path / 'centre.db'}") as it:
        yield it


@pytest.fixture
async def served(desk: Desk) -> AsyncIterator[Served]:
    """The same on a real port."""
    it = Served(desk)
    await it.start()
    yield it
    await it.stop()


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A real Chromium without a window."""
    async with async_playwright() as playwright:
        it = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield it
        await it.close()
