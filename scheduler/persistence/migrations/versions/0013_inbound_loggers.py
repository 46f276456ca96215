"""A logger's file may be of what goes to the plant, which is no lot yet."""

from alembic import op

from scheduler.persistence.guards import Guards

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column may be empty; SQLite makes the table anew for that, without its guards."""
    with op.batch_alter_table("logger_file") as table:
        table.alter_column("lot", nullable=True)
    if op.get_bind().dialect.name == "sqlite":
        Guards({"logger_file": ()}).put_up()
