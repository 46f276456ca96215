"""Events, proposed plans with what they change, and doses that wait for a decision."""

import sqlalchemy as sa
from alembic import op

from scheduler.persistence.guards import Guards

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger()
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Four tables; what happened and what a plan proposed stay as written, a decision changes only by being settled."""
    _events()
    _proposals()
    _visit_changes()
    _decisions()
    settling = ("remake_until", "deviation_until", "settled_at", "settled_by", "outcome", "note", "version")
    keys = {"proposal": ("plan",), "visit_change": ("plan", "visit")}
    Guards({"event": (), "proposal": (), "visit_change": (), "decision": settling}, keys).put_up()


def _events() -> None:
    op.create_table(
        "event",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("patient", sa.String(), nullable=True),
        sa.Column("site", sa.String(), nullable=True),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.Column("reported_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    for column in ("kind", "patient", "reported_at", "site"):
        op.create_index(op.f(f"ix_event_{column}"), "event", [column], unique=False)


def _proposals() -> None:
    op.create_table(
        "proposal",
        sa.Column("plan", BIG_ID, nullable=False),
        sa.Column("run", BIG_ID, nullable=True),
        sa.Column("revises", BIG_ID, nullable=True),
        sa.Column("revision", BIG_ID, nullable=False),
        sa.Column("calendar_revision", BIG_ID, nullable=False),
        sa.Column("changed", sa.Text(), nullable=False),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.Column("losses", sa.Text(), nullable=False),
        sa.Column("visits", sa.Text(), nullable=False),
        sa.Column("diff", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("waits_for", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["plan"], ["plan.id"], name=op.f("fk_proposal_plan")),
        sa.PrimaryKeyConstraint("plan", name=op.f("pk_proposal")),
    )
    op.create_index(op.f("ix_proposal_run"), "proposal", ["run"], unique=False)


def _visit_changes() -> None:
    instants = ("before_start_at", "before_end_at", "after_start_at", "after_end_at")
    op.create_table(
        "visit_change",
        sa.Column("plan", BIG_ID, nullable=False),
        sa.Column("visit", sa.String(), nullable=False),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.Column("patient", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("dose", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("change", sa.String(), nullable=False),
        *(sa.Column(name, INSTANT, nullable=True) for name in instants),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["plan"], ["plan.id"], name=op.f("fk_visit_change_plan")),
        sa.PrimaryKeyConstraint("plan", "visit", name=op.f("pk_visit_change")),
    )
    op.create_index(op.f("ix_visit_change_site"), "visit_change", ["site"], unique=False)


def _decisions() -> None:
    op.create_table(
        "decision",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("course", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("dose", sa.Integer(), nullable=False),
        sa.Column("plan", BIG_ID, nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("neutral", sa.String(), nullable=True),
        sa.Column("raised_at", INSTANT, nullable=False),
        sa.Column("remake_until", INSTANT, nullable=True),
        sa.Column("deviation_until", INSTANT, nullable=True),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("settled_by", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["course"], ["course.id"], name=op.f("fk_decision_course")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    op.create_index(op.f("ix_decision_course"), "decision", ["course"], unique=False)
    op.create_index(op.f("ix_decision_site"), "decision", ["site"], unique=False)
    condition = sa.text("settled_at IS NULL")
    op.create_index(
        "uq_decision_open",
        "decision",
        ["course", "dose"],
        unique=True,
        sqlite_where=condition,
        postgresql_where=condition,
    )
