"""`python -m server.migrations.check`: fails when a fresh, migrated database differs from the models."""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from server.db import Database
from server.migrations.upgrade import differences, upgrade


async def check(url: str) -> list[object]:
    """Migrate the empty database at `url` and compare."""
    db = Database(url)
    try:
        await upgrade(db)
        return await differences(db)
    finally:
        await db.close()


def main() -> int:
    """On a SQLite file of its own; the tests do the same on PostgreSQL."""
    with TemporaryDirectory() as folder:
        found = asyncio.run(check(f"sqlite+aiosqlite:///{Path(folder) / 'check.db'}"))
    for difference in found:
        sys.stderr.write(f"migrations and models differ: {difference}\n")
    if not found:
        sys.stdout.write("migrations equal models\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
