"""What no table definition can say: units are never taken twice, records are kept as written."""

from alembic import op

from scheduler.persistence.guards import Guards

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
UNIQUE_BESIDES_ID = {"audit_entry": ("hash",)}


def upgrade() -> None:
    """Guards of stays and of records, which each database writes in its own way."""
    if op.get_bind().dialect.name == "sqlite":
        _no_overlaps_in_sqlite()
    else:
        _no_overlaps_in_postgresql()
        _refuse_change_in_postgresql()
    Guards(KEPT, unique=UNIQUE_BESIDES_ID).put_up()


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


def _refuse_change_in_postgresql() -> None:
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % are kept as written', TG_TABLE_NAME USING ERRCODE = '23000';
        END $$
    """)
