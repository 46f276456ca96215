"""Records that are kept as written: triggers that refuse to change, delete or replace their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from alembic import op


@dataclass(frozen=True)
class Guards:
    """The guards of some tables, for a migration.

    `changing` has, by table, the columns that may change after a row was written; rows are never deleted. `keys` has
    the primary keys that are not ``id``, `unique` the columns besides the key whose values may not come twice together.
    """

    changing: Mapping[str, Sequence[str]]
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unique: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def put_up(self) -> None:
        """Write the triggers; PostgreSQL has `refuse_change` from the migration that first guarded a table."""
        for table in self.changing:
            if op.get_bind().dialect.name == "sqlite":
                self._in_sqlite(table)
            else:
                self._in_postgresql(table)

    def take_down(self) -> None:
        """Drop the triggers, in a migration that puts up others in their place."""
        is_sqlite = op.get_bind().dialect.name == "sqlite"
        for table in self.changing:
            for what in ("delete", "update", "replace" if is_sqlite else "truncate"):
                op.execute(f"DROP TRIGGER {table}_kept_from_{what}" + ("" if is_sqlite else f" ON {table}"))

    def _in_sqlite(self, table: str) -> None:
        refuse = f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are kept as written'); END"
        columns = f"OF {', '.join(self._kept(table))} " if self.changing[table] else ""
        # INSERT OR REPLACE deletes the old row without asking the trigger above.
        taken = f"EXISTS (SELECT 1 FROM {table} WHERE {self._is_taken(table)})"
        op.execute(f"CREATE TRIGGER {table}_kept_from_delete BEFORE DELETE ON {table} {refuse}")
        op.execute(f"CREATE TRIGGER {table}_kept_from_update BEFORE UPDATE {columns}ON {table} {refuse}")
        op.execute(f"CREATE TRIGGER {table}_kept_from_replace BEFORE INSERT ON {table} WHEN {taken} {refuse}")

    def _in_postgresql(self, table: str) -> None:
        kept = self._kept(table) if self.changing[table] else []
        same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in kept)
        when = f"WHEN (NOT ({same})) " if same else ""
        do = "EXECUTE FUNCTION refuse_change()"
        op.execute(f"CREATE TRIGGER {table}_kept_from_delete BEFORE DELETE ON {table} FOR EACH ROW {do}")
        op.execute(f"CREATE TRIGGER {table}_kept_from_update BEFORE UPDATE ON {table} FOR EACH ROW {when}{do}")
        op.execute(f"CREATE TRIGGER {table}_kept_from_truncate BEFORE TRUNCATE ON {table} {do}")

    def _kept(self, table: str) -> list[str]:
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
        return [name for name in columns if name not in self.changing[table]]

    def _is_taken(self, table: str) -> str:
        keys = (self.keys.get(table, ("id",)), self.unique.get(table, ()))
        return " OR ".join(f"({_same(columns)})" for columns in keys if columns)


def _same(columns: Sequence[str]) -> str:
    return " AND ".join(f"{name} = NEW.{name}" for name in columns)
