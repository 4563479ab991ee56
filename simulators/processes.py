"""Child processes of a demonstration or a test: started as a user would, known to be ready, and none left behind.

Readiness is a line of the child's own log; nothing here sleeps and looks again.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import random
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

READY_WITHIN_S = 60.0
"""A slow machine migrates and starts the server in a few seconds; past this something hangs."""

STOP_WITHIN_S = 10.0
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class ProcessError(Exception):
    """A child did not start, or ended by itself; the message carries the last lines of its log."""


def json_ready(line: str) -> bool:
    """The line that gateway, server and the simulators log once they serve: {"event": "ready", …}."""
    if '"ready"' not in line:
        return False
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.get("event") == "ready"


@dataclass(frozen=True, slots=True)
class Command:
    """What to start. `ready` recognises the log line that says so; None where the end of the process is awaited."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[str], bool] | None = json_ready


def python(name: str, module: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Command:
    """`python -m module arguments…` with this very interpreter."""
    return Command(name, (sys.executable, "-m", module, *arguments), cwd, env or {})


class Child:
    """One running process, in a group of its own, its log in a file."""

    def __init__(self, command: Command, process: asyncio.subprocess.Process, log: Path) -> None:
        self.command = command
        self.log = log
        self.expected_to_end = False
        self._process = process
        self._tail: deque[str] = deque(maxlen=30)
        self._ready = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read(), name=f"log of {command.name}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def _read(self) -> None:
        output = self._process.stdout
        assert output is not None
        with self.log.open("ab", buffering=0) as file:
            async for raw in output:
                file.write(raw)
                line = raw.decode("utf-8", "replace").rstrip()
                self._tail.append(line)
                if not self._ready.done() and self.command.ready is not None and self.command.ready(line):
                    self._ready.set_result(None)

    async def wait_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Until the ready line; raises ProcessError when the process ends before it or the time is over."""
        ended = asyncio.create_task(self.wait())
        try:
            done, _ = await asyncio.wait({self._ready, ended}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if self._ready in done:
            return
        if ended in done:
            raise ProcessError(f"{self.command.name} ended with {self._process.returncode}:\n{self.tail()}")
        raise ProcessError(f"{self.command.name} was not ready within {within_s:.0f} s:\n{self.tail()}")

    async def wait(self) -> int:
        """The exit code, once everything the process said is in its log."""
        code = await self._process.wait()
        await asyncio.shield(self._reader)
        return code

    def tail(self) -> str:
        """The last lines of the log."""
        return "\n".join(self._tail)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    async def kill(self) -> None:
        """SIGKILL, as a power cut would; returns when it is gone."""
        self.expected_to_end = True
        if self.running:
            self._signal(signal.SIGKILL)
        await self.wait()

    async def stop(self, within_s: float = STOP_WITHIN_S) -> int:
        """SIGTERM, and SIGKILL for one that does not listen; the exit code."""
        self.expected_to_end = True
        if self.running:
            self._signal(signal.SIGTERM)
            try:
                return await asyncio.wait_for(self.wait(), within_s)
            except TimeoutError:
                self._signal(signal.SIGKILL)
        return await self.wait()


class Processes:
    """All children of one run, stopped in reverse order on the way out, however that is."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: dict[str, Child] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._broken: asyncio.Future[str] | None = None

    async def __aenter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        self._broken = asyncio.get_running_loop().create_future()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(self._stop_all())

    async def _stop_all(self) -> None:
        for child in reversed(self._children.values()):
            await child.stop()
        for watch in self._watches:
            watch.cancel()

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    def running(self, name: str) -> bool:
        """Whether a child of that name was started and has not ended."""
        return name in self._children and self._children[name].running

    async def start(self, command: Command) -> Child:
        """Starts and waits until it is ready (or, for a command without ready line, until it ended well)."""
        child = await self._spawn(command)
        if command.ready is None:
            child.expected_to_end = True
            if code := await child.wait():
                raise ProcessError(f"{command.name} ended with {code}:\n{child.tail()}")
        else:
            await child.wait_ready()
            watch = asyncio.create_task(self._watch(child), name=f"watch of {command.name}")
            self._watches.add(watch)
            watch.add_done_callback(self._watches.discard)
        return child

    async def restart(self, name: str) -> Child:
        """Stops what still runs under that name and starts the same command again."""
        await self._children[name].stop()
        return await self.start(self._children[name].command)

    async def broken(self) -> str:
        """Returns, with the reason, when a child ends that nobody stopped."""
        assert self._broken is not None
        return await asyncio.shield(self._broken)

    async def _watch(self, child: Child) -> None:
        code = await child.wait()
        if not child.expected_to_end and self._broken is not None and not self._broken.done():
            self._broken.set_result(f"{child.command.name} ended with {code}:\n{child.tail()}")

    async def _spawn(self, command: Command) -> Child:
        try:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                cwd=command.cwd,
                env=_environment(command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=2**20,
                process_group=0,
                preexec_fn=_die_with(os.getpid()),
            )
        except OSError as error:
            raise ProcessError(f"{command.name}: cannot start {command.argv[0]}: {error.strerror}") from error
        child = Child(command, process, self._logs / f"{command.name}.log")
        self._children[command.name] = child
        return child


def _environment(command: Command) -> dict[str, str]:
    """Ours, without settings meant for another installation on this machine, and with our packages importable."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANHU_")}
    packages = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, (packages, kept.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **command.env}


def _die_with(parent: int) -> Callable[[], None]:
    """What a child does between fork and exec: ask the kernel for SIGKILL when its parent is gone."""

    def ask() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before we asked
            os._exit(1)

    return ask


def free_port(preferred: int | None = None, host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on: the preferred one where it is free.

    Others come from below the range that the kernel hands out for outgoing connections: a port chosen there could be
    taken by a client that keeps reconnecting to it while its server is down (a connection to itself).
    """
    if preferred is not None and _is_free(preferred, host):
        return preferred
    for port in random.sample(range(20_000, 32_000), 200):
        if _is_free(port, host):
            return port
    raise ProcessError(f"no free TCP port on {host}")


def _is_free(port: int, host: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
