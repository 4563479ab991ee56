"""`anhu-server`: run the centre, and prepare what it runs on.

Exit codes: 0 ok, 1 failed while running, 2 usage or configuration wrong, 3 could not start.
"""

import argparse
import asyncio
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from uuid_utils.compat import uuid7

from devices.errors import AnhuError, SettingsError
from server import logs
from server.accounts.model import Account
from server.accounts.passwords import hash_password
from server.app import create_app, create_centre
from server.centre import Centre
from server.config import PREFIX, Settings, load_settings
from server.errors import CentreError, ImportFileError, StartError
from server.homes.broker_accounts import account_lines
from server.process import prepare, serve
from server.residents.community import AccountEntry
from server.residents.importer import hash_secrets, import_community, parse_community
from server.residents.model import Region

Command = Callable[[Settings, argparse.Namespace], Awaitable[None]]


def parser() -> argparse.ArgumentParser:
    """All commands; each knows --config."""
    main = argparse.ArgumentParser(
        prog="anhu-server",
        description="The centre: takes in what gateways send, raises alarms, gets people moving, serves the console.",
        epilog=f"Every key of the file can be given as a variable: {PREFIX}WEB__PORT=8081. "
        "Exit codes: 0 ok, 1 failed while running, 2 usage or configuration wrong, 3 could not start.",
    )
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, what: str, act: Command) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=what, description=what)
        sub.add_argument("--config", type=Path, metavar="FILE", help="TOML file (default: built-in settings)")
        sub.set_defaults(act=act)
        return sub

    run = command("run", "serve until stopped", _run)
    run.add_argument("--no-migrate", action="store_true", help="refuse to start on a database of another release")
    command("check", "read the configuration, say what it means, and try the database", _check)
    command("migrate", "bring the database to this release", _migrate)
    imports = command("import", "import a community document (YAML or JSON)", _import)
    imports.add_argument("file", type=Path)
    imports.add_argument("--dry-run", action="store_true", help="check everything, change nothing")
    account = command("account", "add or change an account; the password is asked for, or read from a pipe", _account)
    account.add_argument("action", choices=["add"])
    account.add_argument("username")
    account.add_argument("--name", required=True, help="as others see it")
    account.add_argument("--role", required=True, help="operator, supervisor, engineer, viewer …")
    account.add_argument("--region", required=True, help="path of the region it may see")
    account.add_argument("--language", default="zh-CN", choices=["zh-CN", "en"])
    broker = command("broker-accounts", "write the broker's account file (mosquitto password_file)", _broker_accounts)
    broker.add_argument("--out", type=Path, required=True, metavar="FILE")
    command("openapi", "print the API's OpenAPI description", _openapi)
    return main


def main() -> None:
    """The command `anhu-server`."""
    arguments = parser().parse_args()
    logs.configure()
    try:
        settings = load_settings(arguments.config)
        asyncio.run(arguments.act(settings, arguments))
    except KeyboardInterrupt:
        sys.exit(0)
    except (SettingsError, ImportFileError, StartError, CentreError) as error:
        where = f"{arguments.config}: " if arguments.config and isinstance(error, SettingsError) else ""
        for line in str(error).splitlines():
            print(f"anhu-server: {where}{line}", file=sys.stderr)
        sys.exit(3 if isinstance(error, StartError) else 2)
    except (AnhuError, SQLAlchemyError, OSError) as error:
        print(f"anhu-server: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)


async def _run(settings: Settings, arguments: argparse.Namespace) -> None:
    await serve(settings, migrate=not arguments.no_migrate)


async def _with_database(settings: Settings, act: Callable[[Centre], Awaitable[None]]) -> None:
    centre = create_centre(settings)
    try:
        await prepare(centre, migrate=True)
        await act(centre)
    finally:
        await centre.voice.aclose()
        await centre.db.close()


async def _check(settings: Settings, arguments: argparse.Namespace) -> None:
    centre = create_centre(settings)
    try:
        async with centre.db.engine.connect():
            pass
    except (SQLAlchemyError, OSError) as error:
        raise StartError(f"database.url: {getattr(error, 'orig', None) or error}") from error
    finally:
        await centre.voice.aclose()
        await centre.db.close()
    print(settings.model_dump_json(indent=2))


async def _migrate(settings: Settings, arguments: argparse.Namespace) -> None:
    async def nothing_more(centre: Centre) -> None:
        print("database is at this release")

    await _with_database(settings, nothing_more)


async def _import(settings: Settings, arguments: argparse.Namespace) -> None:
    try:
        community = parse_community(arguments.file.read_text())
    except OSError as error:
        raise ImportFileError(f"{arguments.file}: {error.strerror}") from error
    hashed = await asyncio.to_thread(hash_secrets, community)

    async def act(centre: Centre) -> None:
        counts = await import_community(centre.db, community, hashed, arguments.dry_run)
        done = "would import" if arguments.dry_run else "imported"
        print(f"{done}: {', '.join(f'{number} {name}' for name, number in counts.items())}")

    await _with_database(settings, act)


async def _account(settings: Settings, arguments: argparse.Namespace) -> None:
    password = await asyncio.to_thread(_ask_password)
    try:
        entry = AccountEntry(
            username=arguments.username,
            display_name=arguments.name,
            role=arguments.role,
            region=arguments.region,
            language=arguments.language,
            password=password,
        )
    except ValidationError as error:
        raise ImportFileError("\n".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors())) from error

    async def act(centre: Centre) -> None:
        async with centre.db.write() as session:
            if await session.get(Region, entry.region) is None:
                raise ImportFileError(f"region: there is no region {entry.region!r}: import it first")
            account = await session.scalar(select(Account).where(Account.username == entry.username))
            account = account or Account(id=uuid7(), username=entry.username)
            account.display_name, account.role = entry.display_name, entry.role
            account.region, account.language = entry.region, entry.language
            account.password_hash = hash_password(password)
            session.add(account)
        print(f"account {entry.username} is ready")

    await _with_database(settings, act)


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    return getpass.getpass("Password (at least 10 characters): ")


async def _broker_accounts(settings: Settings, arguments: argparse.Namespace) -> None:
    async def act(centre: Centre) -> None:
        async with centre.db.read() as session:
            lines = await account_lines(session, settings.broker)
        await asyncio.to_thread(_write_private, arguments.out, "".join(f"{line}\n" for line in lines))
        print(f"{len(lines)} accounts written to {arguments.out}; have the broker read it again (SIGHUP)")

    await _with_database(settings, act)


def _write_private(file: Path, text: str) -> None:
    """Replaced in one step; readable by its owner only."""
    new = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    new.replace(file)


async def _openapi(settings: Settings, arguments: argparse.Namespace) -> None:
    centre = create_centre(settings)
    print(json.dumps(create_app(centre).openapi(), indent=2, ensure_ascii=False, sort_keys=True))
    await centre.voice.aclose()


if __name__ == "__main__":
    main()
