"""Attempts: what was given up of a course and must be made again, kept as it was."""

import sqlalchemy as sa
from alembic import op

from scheduler.persistence.guards import Guards

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """The table with its guards, and what activities and courses say of it."""
    op.add_column("activity", sa.Column("attempt", sa.Integer(), server_default="1", nullable=False))
    op.add_column("course", sa.Column("restarted", sa.String(), server_default="[]", nullable=False))
    _attempts()
    Guards({"attempt": ()}, unique={"attempt": ("activity", "attempt")}).put_up()


def _attempts() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("course", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("dose", sa.Integer(), nullable=True),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("units", sa.String(), nullable=False),
        sa.Column("start_at", INSTANT, nullable=False),
        sa.Column("end_at", INSTANT, nullable=False),
        sa.Column("lane", sa.String(), nullable=True),
        sa.Column("volume_ml", sa.Float(), nullable=True),
        sa.Column("syringes", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("actual_start_at", INSTANT, nullable=True),
        sa.Column("actual_end_at", INSTANT, nullable=True),
        sa.Column("recorded_by", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("given_up_at", INSTANT, nullable=False),
        sa.Column("given_up_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["activity"], ["activity.id"], name=op.f("fk_attempt_activity")),
        sa.ForeignKeyConstraint(["course"], ["course.id"], name=op.f("fk_attempt_course")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index("ix_attempt_course", "attempt", ["course"])
    op.create_index("uq_attempt_activity_attempt", "attempt", ["activity", "attempt"], unique=True)
