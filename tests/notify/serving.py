"""Applications served over real HTTP on a free port of this machine, for as long as a test needs them."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI


class _Server(uvicorn.Server):
    """Tells when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


def listener() -> socket.socket:
    """A bound socket: its port is ours from now on, so that addresses can be told before anything is served."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def address(bound: socket.socket) -> str:
    """http://127.0.0.1:port"""
    return f"http://127.0.0.1:{bound.getsockname()[1]}"


@asynccontextmanager
async def serving(app: FastAPI, bound: socket.socket | None = None) -> AsyncIterator[str]:
    """The application's address while it is served."""
    bound = bound or listener()
    server = _Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none", lifespan="on"))
    served = asyncio.create_task(server.serve(sockets=[bound]))
    up = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait({served, up}, return_when=asyncio.FIRST_COMPLETED)
        yield address(bound)
    finally:
        up.cancel()
        server.should_exit = True
        await served
        bound.close()
