"""An operator at the centre's public API: signs in, keeps the board in view, claims and closes.

Sees what a browser would see (doorbell, then the board) and nothing else of the server.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

Alarm = dict[str, Any]

RECONNECT_S = 0.1
"""A browser waits seconds; here a restarted server must be seen at once."""


class DispatchError(Exception):
    """The centre refused something; the message is its own."""


@dataclass(slots=True)
class Board:
    """All alarms as last fetched, each with signals, attempts and timeline; and when each event first stood there."""

    alarms: dict[str, Alarm] = field(default_factory=dict)
    event_seen_at: dict[str, float] = field(default_factory=dict)  # seconds since 1970 by event id
    doorbells: int = 0

    def alarm_of(self, event_id: str | None) -> Alarm | None:
        """The alarm that an event raised or joined."""
        for alarm in self.alarms.values() if event_id else ():
            if any(signal["event_id"] == event_id for signal in alarm["signals"]):
                return alarm
        return None


class Dispatcher:
    """Use `Dispatcher.at(…)`. `board` is kept up to date by the server's doorbell until the context ends."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.board = Board()
        self._client = client
        self._changed = asyncio.Condition()
        self._doorbell = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, base_url: str, username: str, password: str) -> AsyncIterator["Dispatcher"]:
        """Signed in and watching."""
        async with httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as client:
            dispatcher = cls(client)
            await dispatcher.sign_in(username, password)
            async with asyncio.TaskGroup() as tasks:
                watching = [tasks.create_task(dispatcher._listen()), tasks.create_task(dispatcher._look())]
                try:
                    yield dispatcher
                finally:
                    for task in watching:
                        task.cancel()

    async def sign_in(self, username: str, password: str) -> None:
        """Raises DispatchError when the centre does not know the account."""
        answer = await self._client.post("/api/v1/session", json={"username": username, "password": password})
        self._client.headers["X-CSRF-Token"] = _checked(answer)["csrf_token"]

    async def claim(self, alarm: Alarm) -> Alarm:
        """Takes the alarm; raises DispatchError when somebody else has it."""
        return await self._act(alarm, "claim", {"version": alarm["version"]})

    async def close(self, alarm: Alarm, outcome: str, note: str = "") -> Alarm:
        """Closes it with an outcome code."""
        return await self._act(alarm, "close", {"version": alarm["version"], "outcome": outcome, "note": note})

    async def note(self, alarm: Alarm, text: str) -> None:
        """Writes something down."""
        await self._act(alarm, "notes", {"text": text})

    async def _act(self, alarm: Alarm, what: str, body: dict[str, Any]) -> Alarm:
        answer = await self._client.post(f"/api/v1/alarms/{alarm['id']}/{what}", json=body)
        return _checked(answer)

    async def until(self, seen: Callable[[Board], bool], within_s: float) -> None:
        """Waits until the board shows it, looked at after every fetch. Raises TimeoutError."""
        async with asyncio.timeout(within_s), self._changed:
            await self._changed.wait_for(lambda: seen(self.board))

    async def refresh(self, state: Literal["open", "all"] = "open") -> None:
        """Fetches the board now, doorbell or not. `all` also finds what opened and closed between two looks."""
        listed = _checked(await self._client.get("/api/v1/alarms", params={"state": state}))["alarms"]
        now = time.time()
        rows = {row["id"]: row for row in listed}
        gone = {
            id_: alarm for id_, alarm in self.board.alarms.items() if id_ not in rows and alarm["state"] != "closed"
        }
        for id_ in (*rows, *gone):
            known, row = self.board.alarms.get(id_), rows.get(id_)
            if known is None or known["_row"] != row:
                full = _checked(await self._client.get(f"/api/v1/alarms/{id_}"))
                self.board.alarms[id_] = {**full, "_row": row}
                shown = (s for s in full["signals"] if row is not None and s["received_at"] <= row["last_signal_at"])
                for signal in shown:  # they stood on the board that came with this look, not only on the alarm's page
                    self.board.event_seen_at.setdefault(signal["event_id"], now)
        async with self._changed:
            self._changed.notify_all()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._client.stream("GET", "/api/v1/stream", timeout=httpx.Timeout(10, read=30)) as stream:
                    _raise_for_status(stream)
                    async for line in stream.aiter_lines():
                        if line.startswith("event: "):  # a heartbeat too: the first says that we are listening
                            self.board.doorbells += line.startswith("event: changed")
                            self._doorbell.set()
            except httpx.TransportError:
                await asyncio.sleep(RECONNECT_S)

    async def _look(self) -> None:
        while True:
            await self._doorbell.wait()
            self._doorbell.clear()
            try:
                await self.refresh()
            except httpx.TransportError:  # the server is away; the next connection rings again
                continue


def _raise_for_status(answer: httpx.Response) -> None:
    if answer.is_error:
        raise DispatchError(f"{answer.request.method} {answer.request.url.path}: HTTP {answer.status_code}")


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        where = f"{answer.request.method} {answer.request.url.path}"
        raise DispatchError(f"{where}: HTTP {answer.status_code}: {answer.text[:500]}")
    body: dict[str, Any] = answer.json()
    return body
