"""A store on a temporary disk, and the real brokers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.outbox import Outbox
from gateway.stamp import Stamp
from gateway.store import Store
from tests.gateway.rig import Centre, Home, Rig, rig
from tests.gateway.virtual import VirtualClock


@pytest.fixture
def time() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "gateway.db")
    yield opened
    await opened.close()


@pytest.fixture
async def outbox(store: Store, time: VirtualClock) -> Outbox:
    return Outbox(store, Stamp("gw-0001", boot="boot-1"), time)


@pytest.fixture
async def brokers(mosquitto: str, tmp_path: Path) -> AsyncIterator[Rig]:
    """The home's and the centre's broker, running; `mosquitto` says why when it is not installed."""
    async with rig(tmp_path) as running:
        yield running


@pytest.fixture
async def home(brokers: Rig) -> AsyncIterator[Home]:
    async with Home(brokers.home_port).connected() as connected:
        yield connected


@pytest.fixture
async def centre(brokers: Rig) -> AsyncIterator[Centre]:
    async with Centre(brokers.centre_port).connected() as connected:
        yield connected
