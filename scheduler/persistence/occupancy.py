"""Who has which unit when: units, stays and the board's revisions, as questions and changes of a session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import update
from sqlmodel import Session, col, select

from scheduler.persistence.bulk import add_rows
from scheduler.persistence.tables import BoardRow, ProgramRow, StayRow, UnitRow

_ATTEMPT = "#"  # stands in no study id and in no kind of step
_OF_NOW = col(StayRow.activity).not_like(f"%{_ATTEMPT}%")


class NewStay(NamedTuple):
    """A stay to be written."""

    unit_id: int
    begins: int
    ends: int
    course: str
    activity: str
    resource: str


class Changed(NamedTuple):
    """A stay as it is now."""

    id: int
    unit_id: int
    begins: int
    ends: int
    course: str
    expires: int | None
    live: bool


class BoardState(NamedTuple):
    """What must be the same for a board in memory to be in step: both only ever count up."""

    revision: int
    calendars: int
    program: str | None


def board(session: Session) -> BoardState:
    """Revision of the stays, revision of the calendars, and the hash of the program; None before one was imported."""
    program = select(ProgramRow.sha256).scalar_subquery()
    row = session.execute(select(BoardRow.revision, BoardRow.calendar_revision, program)).one()
    return BoardState(int(row[0]), int(row[1]), row[2])


def count_up_calendar(session: Session) -> None:
    """Say that closures or hindrances changed, so that every process reads its calendars again."""
    session.execute(update(BoardRow).values(calendar_revision=BoardRow.calendar_revision + 1))
    session.info["calendar_changed"] = True


def calendar_changed(session: Session) -> bool:
    """Whether this very session has changed closures or hindrances: until its commit nobody else may believe them."""
    return bool(session.info.get("calendar_changed"))


def units(session: Session) -> dict[int, tuple[str, str, str]]:
    """Place, kind and name of every unit by its number."""
    rows = session.execute(select(UnitRow.id, UnitRow.place, UnitRow.kind, UnitRow.name)).all()
    return {int(row[0]): (row[1], row[2], row[3]) for row in rows}


def add_units(session: Session, names: Iterable[tuple[str, str, str]]) -> None:
    """Enter units that are not there yet."""
    known = set(units(session).values())
    for place, kind, name in names:
        if (place, kind, name) not in known:
            session.add(UnitRow(place=place, kind=kind, name=name))
    session.flush()


_STAY = (StayRow.id, StayRow.unit_id, StayRow.begins, StayRow.ends, StayRow.course, StayRow.expires, StayRow.live)


def live_stays(session: Session, until: int) -> list[Changed]:
    """Every stay that is not released, of those written up to a revision inclusive."""
    query = select(*_STAY).where(  # type: ignore[call-overload]
        col(StayRow.live), col(StayRow.changed_revision) <= until
    )
    return _changed(session.execute(query).all())


def stays_changed_since(session: Session, revision: int, until: int) -> list[Changed]:
    """Every stay written or released after a revision, up to another one inclusive."""
    query = select(*_STAY).where(  # type: ignore[call-overload]
        col(StayRow.changed_revision) > revision, col(StayRow.changed_revision) <= until
    )
    return _changed(session.execute(query).all())


def _changed(rows: Sequence[Sequence[object]]) -> list[Changed]:
    return [Changed(*row) for row in rows]  # type: ignore[arg-type]


def attempt_of(activity: str, attempt: int) -> str:
    """Whom a stay serves that an attempt given up has used: it is history, and no change of the course touches it."""
    return f"{activity}{_ATTEMPT}{attempt}"


def stays_of(session: Session, course: str, *, hold: str | None = None) -> list[StayRow]:
    """The live stays of a course (or of one of its holds), in the order in which they were written.

    What attempts given up have used is left out.
    """
    query = select(StayRow).where(StayRow.course == course, col(StayRow.live), StayRow.hold == hold, _OF_NOW)
    return list(session.exec(query.order_by(col(StayRow.id))))


def add_stays(
    session: Session, stays: Sequence[NewStay], revision: int, *, hold: str | None = None, expires: int | None = None
) -> None:
    """Write stays; the database refuses any that overlaps a live one of its unit (`Overlap`)."""
    shared = {"hold": hold, "expires": expires, "live": True, "changed_revision": revision}
    add_rows(session, StayRow, [{**one._asdict(), **shared} for one in stays])


def release_stays(session: Session, ids: Iterable[int], revision: int) -> None:
    """Stays end being live; their rows remain."""
    listed = list(ids)
    if listed:
        change = update(StayRow).where(col(StayRow.id).in_(listed)).values(live=False, changed_revision=revision)
        session.execute(change, execution_options={"synchronize_session": False})


def keep_stays(session: Session, hold: str, revision: int) -> int:
    """A hold's stays no longer expire; how many those are."""
    change = (
        update(StayRow)
        .where(col(StayRow.hold) == hold, col(StayRow.live))
        .values(hold=None, expires=None, changed_revision=revision)
        .returning(col(StayRow.id))
    )
    return len(session.execute(change, execution_options={"synchronize_session": False}).all())


def release_hold(session: Session, hold: str, revision: int) -> None:
    """All stays of a hold end being live."""
    change = (
        update(StayRow)
        .where(col(StayRow.hold) == hold, col(StayRow.live))
        .values(live=False, changed_revision=revision)
    )
    session.execute(change, execution_options={"synchronize_session": False})


def change_units(session: Session, moves: Sequence[tuple[int, int]], revision: int) -> list[StayRow]:
    """Put stays on other units, (stay, unit) each, all at once; the new rows."""
    old = {row.id: row for row in session.exec(select(StayRow).where(col(StayRow.id).in_([one for one, _ in moves])))}
    for row in old.values():
        row.live, row.changed_revision = False, revision
    session.flush()
    new = [
        StayRow(
            unit_id=unit,
            begins=old[stay].begins,
            ends=old[stay].ends,
            course=old[stay].course,
            activity=old[stay].activity,
            resource=old[stay].resource,
            hold=old[stay].hold,
            expires=old[stay].expires,
            changed_revision=revision,
        )
        for stay, unit in moves
    ]
    session.add_all(new)
    session.flush()
    return new


def taken_between(session: Session, units_of: Sequence[int], since: int, until: int) -> list[StayRow]:
    """The live stays of some units that overlap ``[since, until)``, by unit and begin."""
    query = select(StayRow).where(
        col(StayRow.live), col(StayRow.unit_id).in_(units_of), col(StayRow.begins) < until, col(StayRow.ends) > since
    )
    return list(session.exec(query.order_by(col(StayRow.unit_id), col(StayRow.begins))))


def stays_by_course(session: Session, names: Sequence[str]) -> dict[str, dict[int, str]]:
    """The live stays of some courses and the activity each serves, those of holds left out."""
    query = select(StayRow.course, StayRow.id, StayRow.activity).where(
        col(StayRow.course).in_(names), col(StayRow.live), col(StayRow.hold).is_(None), _OF_NOW
    )
    found: dict[str, dict[int, str]] = {}
    for course_id, stay_id, activity_id in session.execute(query):
        found.setdefault(course_id, {})[stay_id] = activity_id
    return found
