"""Donations, lots, units, scans, custody, logger files, dispositions, releases and notices."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from scheduler.persistence.guards import Guards

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Nine tables; every row stays as it was written, but for the acknowledgement of a notice."""
    _made()
    _met()
    _cold()
    _decided()
    acknowledging = ("acknowledged_at", "acknowledged_by")
    kept = ("donation", "lot", "dose_unit", "scan", "custody", "logger_file", "disposition", "lot_release")
    unique = {
        "donation": ("activity", "attempt"),
        "lot": ("activity", "attempt"),
        "custody": ("activity", "attempt", "step"),
        "disposition": ("logger_file",),
        "lot_release": ("lot", "stage"),
    }
    Guards({**dict.fromkeys(kept, ()), "notice": acknowledging}, unique=unique).put_up()


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, INSTANT, nullable=nullable)


def _table(name: str, *columns: sa.Column[Any], refers: dict[str, str], indexed: tuple[str, ...] = ()) -> None:
    """A table with a text for a key, its references and the indexes of single columns."""
    references = [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{name}_{column}"))
        for column, other in refers.items()
    ]
    op.create_table(name, _text("id"), *columns, *references, sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")))
    for column in indexed:
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column], unique=False)


def _made() -> None:
    made = (_instant("made_at"), _text("made_by"))
    refers = {"course": "course", "activity": "activity"}
    _table(
        "donation", _text("course"), _text("activity"), _number("attempt"), *made, refers=refers, indexed=("course",)
    )
    op.create_index("uq_donation_activity_attempt", "donation", ["activity", "attempt"], unique=True)
    made = (_instant("made_at"), _text("made_by"))
    columns = (_text("course"), _number("dose"), _text("activity"), _number("attempt"))
    _table("lot", *columns, *made, refers=refers, indexed=("course",))
    op.create_index("uq_lot_activity_attempt", "lot", ["activity", "attempt"], unique=True)
    _table(
        "dose_unit",
        _text("lot"),
        _text("course"),
        _number("dose"),
        _number("number"),
        _instant("expires_at", nullable=True),
        _instant("made_at"),
        refers={"lot": "lot", "course": "course"},
        indexed=("lot", "course"),
    )


def _met() -> None:
    _table(
        "scan",
        _text("unit"),
        _text("patient"),
        _text("step"),
        _text("place"),
        _text("refused", nullable=True),
        _instant("scanned_at"),
        _text("scanned_by"),
        refers={"patient": "patient"},
        indexed=("unit", "patient"),
    )
    _table(
        "notice",
        _text("kind"),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        _text("role"),
        _text("site", nullable=True),
        _text("patient"),
        _number("dose", nullable=True),
        sa.Column("sentence", sa.Text(), nullable=False),
        _instant("raised_at"),
        _instant("acknowledged_at", nullable=True),
        _text("acknowledged_by", nullable=True),
        refers={},
    )
    op.create_index("ix_notice_role_site", "notice", ["role", "site"], unique=False)


def _cold() -> None:
    _table(
        "custody",
        _text("activity"),
        _number("attempt"),
        _text("lot", nullable=True),
        _text("step"),
        _text("from_holder"),
        _text("to_holder"),
        _text("place"),
        sa.Column("celsius", sa.Float(), nullable=True),
        _instant("happened_at"),
        _instant("recorded_at"),
        _text("recorded_by"),
        refers={"activity": "activity", "lot": "lot"},
        indexed=("lot",),
    )
    op.create_index("uq_custody_activity_attempt_step", "custody", ["activity", "attempt", "step"], unique=True)
    _table(
        "logger_file",
        _text("activity"),
        _number("attempt"),
        _text("lot"),
        _text("verdict"),
        sa.Column("details", sa.Text(), nullable=False),
        _text("proposal"),
        _text("sha256"),
        sa.Column("content", sa.Text(), nullable=False),
        _instant("packed_at"),
        _instant("received_at"),
        _instant("uploaded_at"),
        _text("uploaded_by"),
        refers={"activity": "activity", "lot": "lot"},
        indexed=("activity", "lot"),
    )


def _decided() -> None:
    by = (_text("reason"), _text("signature"), _instant("decided_at"), _text("decided_by"))
    refers = {"logger_file": "logger_file", "signature": "signature"}
    _table("disposition", _text("logger_file"), _text("decision"), *by, refers=refers)
    op.create_index("uq_disposition_logger_file", "disposition", ["logger_file"], unique=True)
    by = (_text("reason"), _text("signature"), _instant("decided_at"), _text("decided_by"))
    passed: sa.Column[Any] = sa.Column("passed", sa.Boolean(), nullable=False)
    _table("lot_release", _text("lot"), _text("stage"), passed, *by, refers={"lot": "lot", "signature": "signature"})
    op.create_index("uq_lot_release_lot_stage", "lot_release", ["lot", "stage"], unique=True)
