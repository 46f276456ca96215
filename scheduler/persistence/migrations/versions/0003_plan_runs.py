"""Runs that keep the plan true: a night of a scope happens once, and one run at most waits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """The table and what the database itself refuses in it."""
    op.create_table(
        "plan_run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=True),
        sa.Column("asked_at", INSTANT, nullable=True),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("heartbeat_at", INSTANT, nullable=True),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("base_revision", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_run")),
    )
    _only_one("uq_plan_run_night", ["scope", "local_date"], "kind = 'nightly'")
    _only_one("uq_plan_run_waiting", ["scope"], "status = 'waiting'")


def _only_one(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "plan_run", columns, unique=True, sqlite_where=condition, postgresql_where=condition)
