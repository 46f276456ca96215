"""Calendar feeds as rows, and the many courses that a feed is made from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, select, update
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from scheduler.persistence.tables import ActivityRow, CourseRow, VisitRow, metadata
from scheduler.persistence.tables_told import CalendarFeedRow


def add(session: Session, row: CalendarFeedRow) -> None:
    """Enter a feed."""
    session.add(row)
    session.flush()


def feed(session: Session, name: str) -> CalendarFeedRow | None:
    """A feed by its id, as it is now."""
    return session.get(CalendarFeedRow, name, populate_existing=True)


def feeds(session: Session) -> list[CalendarFeedRow]:
    """Every feed there ever was, oldest first."""
    query = select_rows(CalendarFeedRow)
    return list(session.exec(query.order_by(col(CalendarFeedRow.made_at), col(CalendarFeedRow.id))))


def note_content(session: Session, name: str, content_hash: str, since: datetime) -> None:
    """Remember what a feed was last served as, and since when."""
    values = {"content_hash": content_hash, "content_since": since}
    session.execute(update(CalendarFeedRow).where(col(CalendarFeedRow.id) == name).values(**values))


def courses_of_site(session: Session, site: str) -> list[CourseRow]:
    """Every course of a site, by its patient's id."""
    return list(session.exec(select_rows(CourseRow).where(CourseRow.site == site).order_by(col(CourseRow.id))))


def visits_by_course(session: Session, names: Sequence[str]) -> dict[str, list[VisitRow]]:
    """The visits of some courses, to read and not to change."""
    query = select(*metadata.tables["visit"].columns).where(col(VisitRow.course).in_(names))
    return _by_course(session, query.order_by(col(VisitRow.course)))


def activities_by_course(
    session: Session, names: Sequence[str], kinds: Collection[str] | None = None
) -> dict[str, list[ActivityRow]]:
    """The activities of some courses, of all kinds or of some, to read and not to change."""
    query = select(*metadata.tables["activity"].columns).where(col(ActivityRow.course).in_(names))
    if kinds is not None:
        query = query.where(col(ActivityRow.kind).in_(kinds))
    return _by_course(session, query.order_by(col(ActivityRow.course)))


def _by_course(session: Session, query: Select[Any]) -> dict[str, list[Any]]:
    """Plain rows of the database, which have the columns of a table's class without a session's care for each.

    A feed reads ten thousand of them at a time, and that care is half of what it takes.
    """
    session.flush()
    rows = session.connection().execute(query)
    return {name: list(own) for name, own in groupby(rows, key=attrgetter("course"))}


def activities_at(session: Session, place: str) -> list[ActivityRow]:
    """The activities at a place, whatever became of them."""
    query = select_rows(ActivityRow).where(ActivityRow.place == place)
    return list(session.exec(query.order_by(col(ActivityRow.start_at), col(ActivityRow.id))))


def activities_on(session: Session, lane: str) -> list[ActivityRow]:
    """The transits of a courier lane, whatever became of them."""
    query = select_rows(ActivityRow).where(ActivityRow.lane == lane)
    return list(session.exec(query.order_by(col(ActivityRow.start_at), col(ActivityRow.id))))


def packed(session: Session, names: Sequence[str]) -> dict[tuple[str, int | None], ActivityRow]:
    """The steps of some courses in which a shipper is packed, by course and dose."""
    query = select_rows(ActivityRow).where(
        col(ActivityRow.course).in_(names), col(ActivityRow.units).contains('"shipper"')
    )
    return {(row.course, row.dose): row for row in session.exec(query)}
