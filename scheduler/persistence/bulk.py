"""Many rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, insert
from sqlmodel import Session

from scheduler.persistence.columns import Row


def add_rows(session: Session, kind: type[Row], values: Sequence[Mapping[str, Any]]) -> None:
    """Write new rows of a table from the values of their columns; they do not become part of the session."""
    if values:
        table: Table = kind.__table__  # type: ignore[attr-defined]
        # Past the object mapper: it would look at every row on its own, at several times the cost.
        session.connection().execute(insert(table), [dict(one) for one in values])
