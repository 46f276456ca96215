"""What no table definition can say: units are never taken twice, records are kept as written."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Table -> columns that may change after a row was written. Rows of these tables are never deleted.
KEPT = {
    "audit_entry": (),
    "signature": (),
    "deviation": (),
    "weight": (),
    "plan": ("state", "version"),
    "unblinded_opening": ("alarm_acknowledged_at", "alarm_acknowledged_by"),
}
UNIQUE_BESIDES_ID = {"audit_entry": "hash"}


def upgrade() -> None:
    """Guards of stays and of records, which each database writes in its own way."""
    if op.get_bind().dialect.name == "sqlite":
        _no_overlaps_in_sqlite()
        _keep_records_in_sqlite()
    else:
        _no_overlaps_in_postgresql()
        _keep_records_in_postgresql()


def _no_overlaps_in_postgresql() -> None:
    op.execute(
        "ALTER TABLE stay ADD CONSTRAINT ex_stay_unit_id_during EXCLUDE USING gist ("
        "int8range(unit_id, unit_id, '[]') WITH &&, int8range(begins, ends) WITH &&) WHERE (live)"
    )


def _no_overlaps_in_sqlite() -> None:
    # Live stays of a unit never overlap, so the one that begins last before the new one ends also ends last.
    overlaps = """
        SELECT RAISE(ABORT, 'stay overlaps') WHERE (
            SELECT ends FROM stay
            WHERE unit_id = NEW.unit_id AND live AND begins < NEW.ends {but_not_itself}
            ORDER BY begins DESC LIMIT 1
        ) > NEW.begins;
    """
    op.execute(
        "CREATE TRIGGER stay_no_overlap_on_insert BEFORE INSERT ON stay WHEN NEW.live "
        f"BEGIN {overlaps.format(but_not_itself='')} END"
    )
    op.execute(
        "CREATE TRIGGER stay_no_overlap_on_update BEFORE UPDATE OF unit_id, begins, ends, live ON stay WHEN NEW.live "
        f"BEGIN {overlaps.format(but_not_itself='AND id <> OLD.id')} END"
    )


def _keep_records_in_sqlite() -> None:
    for table, changing in KEPT.items():
        refuse = f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are kept as written'); END"
        op.execute(f"CREATE TRIGGER {table}_kept_from_delete BEFORE DELETE ON {table} {refuse}")
        op.execute(
            f"CREATE TRIGGER {table}_kept_from_update BEFORE UPDATE {_fixed(table, changing)}ON {table} {refuse}"
        )
        # INSERT OR REPLACE deletes the old row without asking the trigger above.
        taken = f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id{_or_unique(table)})"
        op.execute(f"CREATE TRIGGER {table}_kept_from_replace BEFORE INSERT ON {table} WHEN {taken} {refuse}")


def _fixed(table: str, changing: tuple[str, ...]) -> str:
    return f"OF {', '.join(_others(table, changing))} " if changing else ""


def _others(table: str, changing: tuple[str, ...]) -> list[str]:
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
    return [name for name in columns if name not in changing]


def _or_unique(table: str) -> str:
    column = UNIQUE_BESIDES_ID.get(table)
    return f" OR {column} = NEW.{column}" if column else ""


def _keep_records_in_postgresql() -> None:
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are kept as written', TG_TABLE_NAME USING ERRCODE = '23000';
        END $$
    """)
    for table, changing in KEPT.items():
        same = [f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _others(table, changing)] if changing else []
        when = f"WHEN (NOT ({' AND '.join(same)})) " if same else ""
        function = "EXECUTE FUNCTION refuse_change()"
        op.execute(f"CREATE TRIGGER {table}_kept_from_delete BEFORE DELETE ON {table} FOR EACH ROW {function}")
        op.execute(f"CREATE TRIGGER {table}_kept_from_update BEFORE UPDATE ON {table} FOR EACH ROW {when}{function}")
        op.execute(f"CREATE TRIGGER {table}_kept_from_truncate BEFORE TRUNCATE ON {table} {function}")
