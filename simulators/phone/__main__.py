"""`python -m simulators.phone`: the telephone network as a process of its own."""

import argparse
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from simulators.phone.app import create_app
from simulators.phone.network import Account, Network
from simulators.phone.pace import RealPace
from simulators.phone.people import People, PeopleError, load_people


class _Server(uvicorn.Server):
    """Says when it serves, in one line that other programs can wait for."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            print(json.dumps({"event": "ready", "web": f"http://{host}:{port}"}), file=sys.stderr, flush=True)


def main() -> int:
    """0 stopped when asked; 2 the list of people is wrong; 3 the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m simulators.phone", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090, help="0 takes any free one")
    parser.add_argument("--people", type=Path, help="YAML: people: [{number, name, behaviour: {does: answer, …}}]")
    parser.add_argument("--account-sid", default="AC" + "0" * 32)
    parser.add_argument("--auth-token", default=os.environ.get("ANHU_PHONE_AUTH_TOKEN", "simulated"))
    parser.add_argument("--from-number", action="append", help="a number the centre may call from; may be repeated")
    parser.add_argument("--speed", type=float, default=1.0, help="network seconds in a real second")
    options = parser.parse_args()
    if options.speed <= 0:
        parser.error("--speed: more than 0")
    try:
        people = load_people(options.people) if options.people else People()
    except PeopleError as error:
        print(error, file=sys.stderr)
        return 2
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # TCP by name: asyncio then sets NODELAY
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        print(f"{options.host}:{options.port}: {error.strerror}; choose another with --port", file=sys.stderr)
        return 3
    numbers = frozenset(options.from_number or ["+8679700000000"])
    network = Network(Account(options.account_sid, options.auth_token, numbers), people, RealPace(options.speed))
    # uvicorn stops in order and then raises the signal once more, for us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(create_app(network), log_level="warning", ws="none", timeout_graceful_shutdown=2)
    with contextlib.suppress(KeyboardInterrupt):
        _Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
