"""anhu-gateway: run, check, outbox. Exit codes: 0 well, 1 failed while running, 2 usage or settings, 3 no start."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

import structlog

from devices.errors import SettingsError
from gateway import logs
from gateway.app import Gateway, installed_version
from gateway.clock import SystemClock
from gateway.config import Settings, load_settings
from gateway.errors import StoreError
from gateway.store import Store

log = structlog.get_logger()

_EPILOG = """\
every setting can also come from the environment: ANHU_GATEWAY_CENTRE__PASSWORD=… is [centre] password
exit codes: 0 well, 1 failed while running, 2 usage or configuration wrong, 3 could not start
"""


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        settings = load_settings(arguments.config)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        match arguments.command:
            case "run":
                return asyncio.run(_run(settings))
            case "outbox":
                return asyncio.run(_outbox(settings))
            case _:
                return _check(settings)
    except StoreError as error:
        print(error, file=sys.stderr)
        return 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anhu-gateway",
        description="The box in one home: hears its devices, keeps every call, brings it to the centre.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"anhu {installed_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help in (
        ("run", "run until SIGTERM or Ctrl-C; JSON log on stderr"),
        ("check", "read the configuration and say what it means"),
        ("outbox", "say how much waits for the centre (JSON)"),
    ):
        command = commands.add_parser(name, help=help, description=help)
        command.add_argument("--config", type=Path, default=Path("gateway.toml"), help="default: %(default)s")
    return parser


async def _run(settings: Settings) -> int:
    logs.configure()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    store = await Store.open(settings.store.path)
    try:
        await Gateway(settings, store).run(stop)
    except ExceptionGroup as failures:
        log.critical("failed", exc_info=failures)
        return 1
    finally:
        await store.close()
    return 0


def _check(settings: Settings) -> int:
    key = "given" if settings.centre.secret() else "NOT given: the centre will refuse this gateway"
    print(f"gateway    {settings.id}")
    print(f"store      {settings.store.path.absolute()}")
    print(f"home       {settings.local.host}:{settings.local.port}")
    print(
        f"centre     {settings.centre.host}:{settings.centre.port}{' (TLS)' if settings.centre.tls else ''}, key {key}"
    )
    for source, base in settings.routes():
        print(f"source     {source} on {base}")
    print(f"heartbeat  every {settings.heartbeat_s:g} s")
    return 0


async def _outbox(settings: Settings) -> int:
    store = await Store.open(settings.store.path, read_only=True)
    try:
        waiting = dict(await store.rows("SELECT priority, count(*) FROM outbox WHERE pending GROUP BY priority"))
        oldest = (await store.rows("SELECT min(stored_at) FROM outbox WHERE pending"))[0][0]
        kept = (await store.rows("SELECT count(*) FROM outbox WHERE NOT pending"))[0][0]
        quarantined = (await store.rows("SELECT count(*) FROM quarantine"))[0][0]
        tries = (await store.rows("SELECT coalesce(max(tries), 0) FROM outbox WHERE pending"))[0][0]
    finally:
        await store.close()
    age = None if oldest is None else round(max(0.0, SystemClock().now().timestamp() - oldest), 1)
    print(
        json.dumps(
            {
                "waiting": {name: waiting.get(name, 0) for name in ("p0", "p1", "p2")},
                "oldest_s": age,
                "most_resends": tries,
                "kept_acknowledged": kept,
                "quarantined": quarantined,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
