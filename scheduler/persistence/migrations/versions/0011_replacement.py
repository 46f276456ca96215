"""What making a dose again would come to, while its units are in quarantine."""

import sqlalchemy as sa
from alembic import op

from scheduler.persistence.guards import Guards

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table, kept as written."""
    op.create_table(
        "replacement",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("logger_file", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("visits", sa.Text(), nullable=False),
        sa.Column("losses", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["logger_file"], ["logger_file.id"], name=op.f("fk_replacement_logger_file")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replacement")),
    )
    op.create_index(op.f("ix_replacement_logger_file"), "replacement", ["logger_file"], unique=False)
    Guards({"replacement": ()}).put_up()
