"""Two things no test may do: speak to another machine, and block the event loop.

Neither guard measures time, so a busy machine changes nothing.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class StrayConnectionError(AssertionError):
    """Something under test tried to leave this machine."""


class BlockingCallError(AssertionError):
    """A blocking call was made on the event loop: while it lasts, every home of the process waits."""


def is_here(host: object) -> bool:
    """True for loopback addresses, the name localhost, and "any" addresses that a server binds."""
    if host is None:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _in_task() -> bool:
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


@contextmanager
def guards(*, watch_loop: bool) -> Iterator[list[AssertionError]]:
    """Refuses stray connections and, with `watch_loop`, blocking calls made inside a task of the calling thread's loop.

    Yields the list of what was refused: code under test may swallow the exception, the list keeps it.
    """
    refused: list[AssertionError] = []
    connect, connect_ex, sleep, resolve = (
        socket.socket.connect,
        socket.socket.connect_ex,
        time.sleep,
        socket.getaddrinfo,
    )

    def refuse(error: AssertionError) -> None:
        refused.append(error)
        raise error

    def check(sock: socket.socket, address: Any) -> None:
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        if not is_here(address[0]):
            refuse(StrayConnectionError(f"connection to {address[0]}: tests speak to this machine only"))
        if watch_loop and sock.gettimeout() != 0 and _in_task():
            refuse(BlockingCallError(f"blocking connect to port {address[1]} on the event loop"))

    def guarded_connect(sock: socket.socket, address: Any) -> None:
        check(sock, address)
        connect(sock, address)

    def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
        check(sock, address)
        return connect_ex(sock, address)

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_here(host) and not _is_address(host):
            refuse(StrayConnectionError(f"look-up of {host!r}: tests know this machine only"))
        return resolve(host, *args, **kwargs)

    def guarded_sleep(seconds: float) -> None:
        if watch_loop and seconds > 0 and _in_task():
            refuse(BlockingCallError("time.sleep on the event loop"))
        sleep(seconds)

    # Assigned through Any: replacing methods is the point here.
    cls: Any = socket.socket
    modules: list[tuple[Any, str, Any, Any]] = [
        (cls, "connect", connect, guarded_connect),
        (cls, "connect_ex", connect_ex, guarded_connect_ex),
        (socket, "getaddrinfo", resolve, guarded_resolve),
        (time, "sleep", sleep, guarded_sleep),
    ]
    for owner, name, _, guarded in modules:
        setattr(owner, name, guarded)
    try:
        yield refused
    finally:
        for owner, name, original, _ in modules:
            setattr(owner, name, original)


def _is_address(host: object) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return True
