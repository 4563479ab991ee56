"""Brings a database to this release's shape, or says how they differ. Safe when several processes start at once."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from server.db import Database
from server.tables import load

LOCK = 0x616E6875  # "anhu"


def alembic_config() -> Config:
    """Alembic without a file: the scripts are in the package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


async def upgrade(db: Database) -> None:
    """To the newest revision, in one transaction."""
    async with db.engine.connect() as connection:
        options = {"anhu_write": True}  # SQLite: take the writer's lock first, so that two starters queue up
        await connection.execution_options(**options)
        await connection.run_sync(_upgrade)
        await connection.commit()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def is_current(db: Database) -> bool:
    """Whether the database has this release's revision."""
    async with db.engine.connect() as connection:
        revision = await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    return revision == ScriptDirectory.from_config(alembic_config()).get_current_head()


async def differences(db: Database) -> list[object]:
    """How the migrated database differs from the models; empty when they are equal."""
    async with db.engine.connect() as connection:
        return await connection.run_sync(
            lambda c: list(compare_metadata(MigrationContext.configure(c, opts={"compare_type": True}), load()))
        )
