"""What keeps one patient away for a while, and closures of one unit."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """The table, and the unit of a closure."""
    op.create_table(
        "hindrance",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("patient", sa.String(), nullable=False),
        sa.Column("kinds", sa.String(), nullable=True),
        sa.Column("dose", sa.Integer(), nullable=True),
        sa.Column("start_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("neutral", sa.String(), nullable=False),
        sa.Column("declared_at", INSTANT, nullable=False),
        sa.Column("declared_by", sa.String(), nullable=False),
        sa.Column("withdrawn_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["patient"], ["patient.id"], name=op.f("fk_hindrance_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hindrance")),
    )
    op.create_index(op.f("ix_hindrance_patient"), "hindrance", ["patient"])
    with op.batch_alter_table("closure") as closure:
        closure.add_column(sa.Column("unit", sa.String(), nullable=True))
