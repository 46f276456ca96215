"""Webhooks, and the messages that wait for them."""

import sqlalchemy as sa
from alembic import op

from scheduler.persistence.guards import Guards

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Two tables; what a message says and to whom stays as written."""
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=True),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index(op.f("ix_webhook_site"), "webhook", ["site"], unique=False)
    op.create_table(
        "webhook_message",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("webhook", sa.String(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", INSTANT, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("delivered", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["webhook"], ["webhook.id"], name=op.f("fk_webhook_message_webhook")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_message")),
    )
    op.create_index("uq_webhook_message_webhook_sequence", "webhook_message", ["webhook", "sequence"], unique=True)
    waits = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_webhook_message_waiting",
        "webhook_message",
        ["webhook"],
        unique=False,
        sqlite_where=waits,
        postgresql_where=waits,
    )
    sending = ("attempts", "next_at", "last_status", "ended_at", "delivered")
    Guards(
        {"webhook": ("revoked_at", "sequence"), "webhook_message": sending},
        unique={"webhook_message": ("webhook", "sequence")},
    ).put_up()
