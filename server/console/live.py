"""The doorbell of every open board: "something changed" and a heartbeat, never what changed. A GET fetches the truth.

One poll for all clients, each message encoded once. Must end at once when the server stops or the session is over.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from time import monotonic

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from server import metrics
from server.accounts import sessions
from server.accounts.access import SignedInDep
from server.alarms.model import UiEvent
from server.centre import Centre

log = structlog.get_logger()

POLL_S = 1.0
HEARTBEAT_S = 10.0
RECENT = 256
"""So many of the latest rings are compared: on PostgreSQL a lower number may be committed after a higher one."""

router = APIRouter(prefix="/api/v1", tags=["live"])


class Doorbell:
    """Made once per process. Somebody must `run` it; `close` ends every stream."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.closed = False
        self._seen: frozenset[int] | None = None
        self._changes = 0  # so that a slow client that missed a ring still learns that there was one
        self._changed = self._beat = _frame("heartbeat", 0)
        self._turn = asyncio.Event()
        self._clients: Counter[str] = Counter()  # by session
        self._ended: set[str] = set()  # sessions that are over while a stream of theirs is open

    async def run(self) -> None:
        """For ever: look each second, or as soon as the wakeup rings."""
        waiter = self.centre.wakeup.subscribe()
        beat_at = monotonic()
        try:
            while not self.closed:
                try:
                    await self._look()
                    if monotonic() >= beat_at:
                        beat_at = monotonic() + HEARTBEAT_S
                        await self._heartbeat()
                except (SQLAlchemyError, OSError) as error:  # no heartbeat meanwhile: every board shouts by itself
                    log.error("the doorbell waits for the database", error=type(error).__name__)
                await self.centre.wakeup.wait(POLL_S, waiter)
        finally:
            self.centre.wakeup.unsubscribe(waiter)
            self.close()

    def close(self) -> None:
        """End every stream, now."""
        self.closed = True
        self._turn.set()

    def end_session(self, token_hash: str) -> None:
        """End the streams of a session that was signed out here; other processes notice at their next heartbeat."""
        if self._clients[token_hash]:
            self._ended.add(token_hash)
            self._ring()

    async def _look(self) -> None:
        async with self.centre.db.read() as session:
            query = select(UiEvent.seq).order_by(UiEvent.seq.desc()).limit(RECENT)
            seen = frozenset(await session.scalars(query))
        seq, first, new = max(seen, default=0), self._seen is None, seen - (self._seen or frozenset())
        self._seen = seen
        self._beat = _frame("heartbeat", seq)
        if new and not first:
            self._changes += 1
            self._changed = _frame("changed", seq)
            self._ring()

    async def _heartbeat(self) -> None:
        here = set(self._clients)
        self._ended |= here - await sessions.still_live(self.centre, here)
        self._ring()

    def _ring(self) -> None:
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    async def stream(self, token_hash: str) -> AsyncIterator[bytes]:
        """One client's bytes. A slow client misses rings in between, which say nothing more than the last."""
        self._clients[token_hash] += 1
        metrics.BOARD_WATCHERS.inc()
        known, turn = self._changes, self._turn
        try:
            yield b"retry: 1000\n\n" + self._beat
            while not self.closed:
                await turn.wait()
                turn = self._turn
                if token_hash in self._ended:
                    yield b"event: signed-out\ndata: {}\n\n"
                    return
                if known != self._changes:
                    known = self._changes
                    yield self._changed
                elif not self.closed:
                    yield self._beat
        finally:
            metrics.BOARD_WATCHERS.dec()
            self._clients[token_hash] -= 1
            if not self._clients[token_hash]:
                del self._clients[token_hash]
                self._ended.discard(token_hash)


def _frame(event: str, seq: int) -> bytes:
    return b'event: %s\ndata: {"seq":%d}\n\n' % (event.encode(), seq)


@router.get(
    "/stream",
    summary="Doorbell (server-sent events)",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def stream(request: Request, found: SignedInDep) -> StreamingResponse:
    """`event: changed` with a number when alarms changed, `event: heartbeat` every 10 s, `event: signed-out` last."""
    doorbell: Doorbell = request.app.state.doorbell
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(doorbell.stream(found.token_hash), media_type="text/event-stream", headers=headers)
