"""Children start, are known to be ready, and never outlive their parent."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.processes import Command, ProcessError, Processes, free_port, json_ready

READY = 'import sys, signal; print(\'{"event": "ready"}\', file=sys.stderr, flush=True); signal.pause()'


def script(name: str, code: str, cwd: Path, *, ready: bool = True) -> Command:
    return Command(name, (sys.executable, "-c", code), cwd, ready=json_ready if ready else None)


async def test_started_means_ready_and_the_way_out_stops_it(tmp_path: Path) -> None:
    async with Processes(tmp_path / "logs") as processes:
        child = await processes.start(script("waits", READY, tmp_path))
        assert processes.running("waits")
    assert not child.running
    assert '"ready"' in (tmp_path / "logs" / "waits.log").read_text()


async def test_a_child_that_ends_before_it_is_ready_tells_its_last_lines(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(ProcessError, match=r"(?s)broken ended with 7.*port is taken"):
            await processes.start(script("broken", "print('port is taken'); raise SystemExit(7)", tmp_path))


async def test_a_command_without_ready_line_is_awaited(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        child = await processes.start(script("once", "print('imported')", tmp_path, ready=False))
        assert "imported" in child.tail()
        with pytest.raises(ProcessError, match="fails ended with 2"):
            await processes.start(script("fails", "raise SystemExit(2)", tmp_path, ready=False))


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        with pytest.raises(ProcessError, match="no-such-broker"):
            await processes.start(Command("broker", ("/no-such-broker",), tmp_path))


async def test_kill_and_start_again(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        first = await processes.start(script("server", READY, tmp_path))
        await first.kill()
        second = await processes.start(first.command)
        assert first.pid != second.pid
        assert second.running


async def test_an_unexpected_end_is_reported(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        child = await processes.start(script("server", READY, tmp_path))
        os.kill(child.pid, signal.SIGKILL)
        assert "server ended with -9" in await asyncio.wait_for(processes.broken(), 10)


async def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    stubborn = READY.replace("signal.pause()", "signal.pause()\nwhile True: signal.pause()").replace(
        "print", "signal.signal(signal.SIGTERM, lambda *_: None); print", 1
    )
    async with Processes(tmp_path) as processes:
        child = await processes.start(script("stubborn", stubborn, tmp_path))
        assert await child.stop(within_s=0.2) == -signal.SIGKILL


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent = f"""
import asyncio, os, signal, sys
from pathlib import Path
from simulators.processes import Command, Processes

async def main():
    async with Processes(Path({str(tmp_path)!r})) as processes:
        child = await processes.start(Command("child", (sys.executable, "-c", {READY!r}), Path({str(tmp_path)!r})))
        print(child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=False)
    child = int(done.stdout)
    try:
        waiting = os.pidfd_open(child)
    except ProcessLookupError:
        return  # gone already
    os.set_blocking(waiting, False)
    with open(waiting, "rb", closefd=True):
        import select

        assert select.select([waiting], [], [], 10)[0], "the child outlived its parent"


def test_a_busy_port_is_replaced_by_a_free_one_below_the_range_of_outgoing_connections() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        other = free_port(busy)
    assert other != busy
    assert 20_000 <= other < 32_000
    assert free_port(other) == other


async def test_settings_meant_for_another_installation_do_not_reach_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANHU_SERVER_DATABASE__URL", "postgresql://production")
    async with Processes(tmp_path) as processes:
        code = "import os; print([n for n in os.environ if n.startswith('ANHU_')])"
        child = await processes.start(script("env", code, tmp_path, ready=False))
        assert child.tail() == "[]"
