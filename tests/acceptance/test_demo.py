"""The demonstration as a newcomer meets it: read the address, sign in, see the alarm, claim, close, Ctrl-C."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulators.dispatch import Dispatcher

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 60.0
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="missing: /proc, where children are counted"
)


@asynccontextmanager
async def demo(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", "demo", *options, cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def said_until(process: asyncio.subprocess.Process, marker: str) -> str:
    assert process.stdout is not None
    text = ""
    async with asyncio.timeout(WITHIN_S):
        while marker not in text:
            line = await process.stdout.readline()
            assert line, f"ended with {await process.wait()}:\n{text}"
            text += line.decode()
    return text


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@needs_proc
async def test_sign_in_see_the_alarm_claim_close_and_stop() -> None:
    async with demo("--once", "--pace", "10") as process:
        told = await said_until(process, "Please sign in")
        address = re.search(r"board\s+(http://127\.0\.0\.1:\d+)/", told)
        account = re.search(r"sign in\s+(\w+)\s+(\S+)", told)
        assert address, told
        assert account, told
        async with Dispatcher.at(address[1], account[1], account[2]) as desk:
            await desk.until(lambda board: any(a["kind"] == "sos" for a in board.alarms.values()), WITHIN_S)
            (alarm,) = desk.board.alarms.values()
            assert alarm["resident"]["name"] == "王桂兰"
            await desk.claim(alarm)
            await desk.until(lambda board: all(a["accepted_at"] for a in board.alarms.values()), WITHIN_S)
            (alarm,) = desk.board.alarms.values()
            assert [a["relation"] for a in alarm["attempts"] if a["state"] == "accepted"] == ["daughter"]
            closed = await desk.close(alarm, "assistance")
            assert closed["state"] == "closed"
        parts = children(process.pid)
        assert len(parts) == 5  # two brokers, telephones, server, gateway
        process.send_signal(signal.SIGINT)
        await said_until(process, "Run it again")
        assert await process.wait() == 0
        assert not alive(parts)


async def test_ctrl_c_while_it_starts_stops_it() -> None:
    async with demo("--once") as process:
        await said_until(process, "Starting")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(WITHIN_S):
            assert await process.wait() == 0


@needs_proc
async def test_a_part_that_dies_is_told_and_ends_it() -> None:
    async with demo("--once") as process:
        await said_until(process, "Please sign in")
        for part in children(process.pid):
            if b"gateway" in Path(f"/proc/{part}/cmdline").read_bytes():  # noqa: ASYNC240 - a file of the kernel
                os.kill(part, signal.SIGKILL)
        assert "gateway ended with -9" in await said_until(process, "Run it again")
        assert await process.wait() == 1
