"""Alembic's entry: runs the revisions on the connection that `app.storage.migrate` opened, inside its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
