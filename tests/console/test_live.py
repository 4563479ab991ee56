"""The doorbell: rings for every change, beats, and ends when it must."""

import asyncio
import re

import httpx
import pytest

from server.accounts import sessions
from server.alarms.model import UiEvent
from server.console import live
from server.console.live import Doorbell
from tests.console.harness import PASSWORD, Desk, Served


def events(frame: bytes) -> list[str]:
    return re.findall(r"event: ([\w-]+)", frame.decode())


async def token_hash(desk: Desk, username: str = "anna") -> str:
    _, found = await sessions.sign_in(desk.centre, username, PASSWORD)
    return found.token_hash


async def test_rings_on_change_and_says_nothing_of_it(desk: Desk) -> None:
    bell: Doorbell = desk.app.state.doorbell
    stream = bell.stream(await token_hash(desk))
    first = await anext(stream)
    assert first.startswith(b"retry: ")
    await desk.press()
    while "changed" not in events(frame := await anext(stream)):
        pass
    assert re.fullmatch(rb'event: changed\ndata: \{"seq":\d+\}\n\n', frame)
    await stream.aclose()


async def test_every_client_gets_the_same_bytes(desk: Desk) -> None:
    bell: Doorbell = desk.app.state.doorbell
    mine = await token_hash(desk)
    streams = [bell.stream(mine) for _ in range(50)]
    for stream in streams:
        await anext(stream)
    await desk.press()

    async def changed(stream: object) -> bytes:
        while "changed" not in events(frame := await anext(stream)):  # type: ignore[call-overload]
            pass
        return bytes(frame)

    frames = await asyncio.gather(*(changed(stream) for stream in streams))
    assert len(set(frames)) == 1
    for stream in streams:
        await stream.aclose()


async def test_a_slow_client_still_learns_of_the_change(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.0)
    bell: Doorbell = desk.app.state.doorbell
    stream = bell.stream(await token_hash(desk))
    await anext(stream)
    await desk.press()
    await bell._look()
    bell._ring()  # a heartbeat came over it before the client read
    assert events(await anext(stream)) == ["changed"]
    await stream.aclose()


async def test_lower_number_committed_later_rings_too(desk: Desk) -> None:
    """On PostgreSQL numbers are given before the commit, so that 6 may be seen before 5."""
    bell: Doorbell = desk.app.state.doorbell
    now = desk.clock.now()
    for seq in (1006, 1005):
        before = bell._changes
        async with desk.centre.db.write() as session:
            session.add(UiEvent(seq=seq, at=now, region=None, alarm_id=None))
        await bell._look()
        assert bell._changes > before


async def test_signed_out_session_is_told_and_ended(desk: Desk) -> None:
    bell: Doorbell = desk.app.state.doorbell
    mine = await token_hash(desk)
    stream, other = bell.stream(mine), bell.stream(await token_hash(desk, "zuoxi07"))
    await anext(stream)
    await anext(other)
    await sessions.sign_out(desk.centre, mine)
    bell.end_session(mine)
    said = [event for frame in [f async for f in stream] for event in events(frame)]
    assert said[-1] == "signed-out"
    assert mine not in bell._clients
    assert "signed-out" not in events(await anext(other))
    await other.aclose()


async def test_session_that_ended_elsewhere_is_noticed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.0)
    bell: Doorbell = desk.app.state.doorbell
    mine = await token_hash(desk)
    stream = bell.stream(mine)
    await anext(stream)
    await sessions.sign_out(desk.centre, mine)
    desk.centre.wakeup.ring()
    said = [event for frame in [f async for f in stream] for event in events(frame)]
    assert said[-1] == "signed-out"


async def test_close_ends_every_stream(desk: Desk) -> None:
    bell: Doorbell = desk.app.state.doorbell
    streams = [bell.stream(await token_hash(desk)) for _ in range(3)]
    for stream in streams:
        await anext(stream)
    bell.close()
    for stream in streams:
        assert [events(frame) async for frame in stream] == []


async def test_over_http(served: Served) -> None:
    desk = served.desk
    async with httpx.AsyncClient(base_url=served.url) as client:
        answer = await client.post("/api/v1/session", json={"username": "anna", "password": PASSWORD})
        csrf = {"X-CSRF-Token": answer.json()["csrf_token"]}
        async with client.stream("GET", "/api/v1/stream") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.aiter_lines()
            seen: list[str] = []

            async def until(event: str) -> None:
                async for line in lines:
                    if line.startswith("event: "):
                        seen.append(line.removeprefix("event: "))
                        if seen[-1] == event:
                            return

            await until("heartbeat")
            await desk.press()
            await until("changed")
            await client.delete("/api/v1/session", headers=csrf)
            await until("signed-out")
        assert (await client.get("/api/v1/stream")).status_code == 401


async def test_server_stops_although_boards_are_open(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url) as client:
        await client.post("/api/v1/session", json={"username": "anna", "password": PASSWORD})
        async with client.stream("GET", "/api/v1/stream") as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            served.desk.app.state.doorbell.close()
            assert not [line async for line in lines if line.startswith("event: signed-out")]
    await served.stop()
