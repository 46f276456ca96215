"""What every table is made of: names of constraints, numbers of rows, aware instants, and the base of all rows."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, MetaData, TypeDecorator
from sqlalchemy import DateTime as SqlDateTime
from sqlmodel import SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)
BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant; naive ones are refused on the way in and UTC on the way out."""

    impl = SqlDateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """UTC, whatever the zone it came in."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError("an instant needs its UTC offset")
        return value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """UTC, straight from what the driver gives: SQLite text without a zone, others an aware instant.

        Feeds and plans read tens of thousands of them at a time.
        """
        return _from_text if dialect.name == "sqlite" else _from_instant


def _from_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _from_instant(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


class Row(SQLModel):
    """Base of every table."""

    metadata = metadata
