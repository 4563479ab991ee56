"""The running centre: one task group owns every part; a part that dies stops the process loudly."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from server.app import create_app, create_centre
from server.centre import Centre
from server.config import Settings
from server.errors import StartError
from server.escalation.worker import Worker
from server.ingest import commands
from server.ingest.ingest import Ingest
from server.ingest.model import Centre as CentreRow
from server.ingest.mqtt import MqttTransport
from server.ingest.rehearsal import rehearse
from server.migrations.upgrade import is_current, upgrade

log = structlog.get_logger()

FINISH_S = 15.0
"""So long may what is in hand take to end: longer than the telephone provider's time-out."""
SHUTDOWN_S = 3
"""Open requests and event streams get so long to end."""


async def serve(settings: Settings, migrate: bool) -> None:
    """Until SIGTERM or SIGINT. Raises StartError when it cannot begin."""
    listening = listen(settings.web.host, settings.web.port)
    centre = create_centre(settings)
    try:
        await prepare(centre, migrate)
        transport = MqttTransport(settings.broker)
        centre.health.broker_connected = lambda: transport.connected
        ingest = Ingest(centre, transport, await epoch(centre))
        app = create_app(centre)
        web = _Web(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=SHUTDOWN_S, ws="none"), app)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, web.stop)
        async with asyncio.TaskGroup() as group:
            connections = [
                group.create_task(transport.run(ingest.receive)),
                group.create_task(centre.wakeup.listen(centre.db)),
                group.create_task(_say_ready(web, transport, settings)),
            ]
            working = [
                group.create_task(ingest.run()),
                group.create_task(commands.run(centre, transport)),
                group.create_task(Worker(centre).run()),
                group.create_task(app.state.doorbell.run()),
            ]
            await web.serve(sockets=[listening])
            centre.wakeup.stop()
            ingest.stop()
            await asyncio.wait(working, timeout=FINISH_S)
            for part in connections + working:
                part.cancel()
    finally:
        await centre.voice.aclose()
        await centre.db.close()
        listening.close()


def listen(host: str, port: int) -> socket.socket:
    """The web port, taken before anything else is done. Raises StartError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP, asyncio turns Nagle's algorithm off; without it each answer would wait some 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise StartError(f"web.host, web.port: cannot listen on {host}:{port}: {error.strerror}") from error
    return listening


async def prepare(centre: Centre, migrate: bool) -> None:
    """The database answers, has this release's shape and takes in a press. Raises StartError."""
    try:
        if migrate:
            await upgrade(centre.db)
        elif not await is_current(centre.db):
            raise StartError("database.url: not migrated to this release: run `anhu-server migrate`")
        await rehearse(centre)
    except (SQLAlchemyError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error)
        raise StartError(f"database.url: {reason}") from error


async def epoch(centre: Centre) -> str:
    """What this centre's acknowledgements are stamped with; a restored centre is given a new one (docs/operate.md)."""
    async with centre.db.write() as session:
        row = centre.db.insert(CentreRow).values(id=1, epoch=str(uuid7()))
        await session.execute(row.on_conflict_do_nothing())
        found = await session.scalar(select(CentreRow.epoch).where(CentreRow.id == 1))
    assert found is not None
    return found


async def _say_ready(web: "_Web", transport: MqttTransport, settings: Settings) -> None:
    await web.up.wait()
    await transport.subscribed.wait()
    log.info("ready", web=settings.web.public_url)


class _Web(uvicorn.Server):
    """uvicorn without signal handlers of its own; says when it serves."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app = app
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, see `serve`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serving from here."""
        await super().startup(sockets)
        self.up.set()

    def stop(self) -> None:
        """Serve what is under way, then end; a second signal ends at once."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self.app.state.doorbell.close()  # boards hold their streams for ever
