"""The base of every table. `import server.tables` and all models are known to `Base.metadata` (see `load`)."""

from importlib import import_module

from sqlalchemy import JSON, MetaData
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

_MODELS = ("residents", "homes", "accounts", "ingest", "alarms", "escalation")


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can name it too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def load() -> MetaData:
    """The metadata with every model imported."""
    for folder in _MODELS:
        import_module(f"server.{folder}.model")
    return Base.metadata
