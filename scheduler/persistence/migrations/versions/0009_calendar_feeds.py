"""Calendar feeds, and when a step of a course last changed."""

import sqlalchemy as sa
from alembic import op

from scheduler.persistence.guards import Guards

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """One table, whose rows change only by being revoked and by what was served last; one column."""
    op.create_table(
        "calendar_feed",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("audience", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=True),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("content_hash", sa.String(), nullable=True),
        sa.Column("content_since", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feed")),
    )
    op.create_index(op.f("ix_calendar_feed_site"), "calendar_feed", ["site"], unique=False)
    op.add_column("activity", sa.Column("changed_at", INSTANT, nullable=True))
    Guards({"calendar_feed": ("revoked_at", "content_hash", "content_since")}).put_up()
