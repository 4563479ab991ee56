"""The database's shape, one step after the other (Alembic)."""
