"""Run by Alembic, always with a connection that upgrade.py opened."""

from alembic import context

from server.tables import load

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=load(),
    compare_type=True,
    render_as_batch=False,
    user_module_prefix="",
)
with context.begin_transaction():
    context.run_migrations()
