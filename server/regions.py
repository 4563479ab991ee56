"""区划: what an account may see. Every query of alarms, residents and homes goes through `visible`."""

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute


def visible(column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None], region: str) -> ColumnElement[bool]:
    """Rows in the subtree of `region`. Rows without a region are everybody's: nobody may overlook an unknown home."""
    return or_(column == region, column.startswith(f"{region}/", autoescape=True), column.is_(None))


def above(region: str) -> list[str]:
    """The region's own path and those of the regions above it, from the top."""
    return [region[:i] for i, c in enumerate(region) if c == "/"] + [region]
