"""What Alembic runs for every command: on the connection that `schema` gives it, inside the transaction begun there."""

import sqlmodel  # noqa: F401  generated scripts name its types
from alembic import context

from scheduler.persistence.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
