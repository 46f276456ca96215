"""Questions to the tables of booking, each one a function of a session; nothing here decides or commits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlmodel import Session, col, select

from scheduler.persistence.mapping import UNPLACED
from scheduler.persistence.tables import (
    ActivityRow,
    AttemptRow,
    ClosureRow,
    CourseRow,
    DeviationRow,
    HindranceRow,
    HoldRow,
    OfferRow,
    PatientRow,
    ProgramRow,
    VisitRow,
    WeightRow,
)
from scheduler.persistence.tables_plans import PlanRow


def program(session: Session) -> ProgramRow | None:
    """The program this database serves, or None before one was imported."""
    return session.get(ProgramRow, 1)


# --- patients, offers, holds ----------------------------------------------------------------------------------------


def patient(session: Session, name: str) -> PatientRow | None:
    """A patient by study id."""
    return session.get(PatientRow, name)


def patients(session: Session, *, site: str | None, after: str, limit: int) -> list[PatientRow]:
    """Patients by id, of one site or of all, those after an id."""
    query = select(PatientRow).where(col(PatientRow.id) > after).order_by(col(PatientRow.id)).limit(limit)
    return list(session.exec(query if site is None else query.where(PatientRow.site == site)))


def all_patients(session: Session) -> list[PatientRow]:
    """Every patient, in the order of registration."""
    return list(session.exec(select(PatientRow).order_by(col(PatientRow.registered_on), col(PatientRow.id))))


def offer(session: Session, name: str) -> OfferRow | None:
    """An offer by its id."""
    return session.get(OfferRow, name)


def offers(session: Session, names: Sequence[str]) -> list[OfferRow]:
    """Those of some offers that exist."""
    return list(session.exec(select(OfferRow).where(col(OfferRow.id).in_(names))))


def hold(session: Session, name: str, *, lock: bool = False) -> HoldRow | None:
    """A hold by its id; `lock` keeps others from changing it meanwhile."""
    return session.get(HoldRow, name, with_for_update=lock or None)


def hold_of_patient(session: Session, name: str, now: datetime) -> HoldRow | None:
    """The hold a patient has now, if any."""
    query = select(HoldRow).where(HoldRow.patient == name, HoldRow.status == "held", col(HoldRow.expires_at) > now)
    return session.exec(query).first()


def holds_of_patient(session: Session, name: str) -> list[HoldRow]:
    """The holds of a patient that were neither booked nor given up, those included that have run out."""
    return list(session.exec(select(HoldRow).where(HoldRow.patient == name, HoldRow.status == "held")))


# --- courses ----------------------------------------------------------------------------------------------------------


def course(session: Session, name: str, *, lock: bool = False) -> CourseRow | None:
    """A booked course by its patient's id."""
    return session.get(CourseRow, name, with_for_update=lock or None)


def courses(session: Session, *, site: str | None, after: str, limit: int) -> list[CourseRow]:
    """Courses by id, of one site or of all, those after an id."""
    query = select(CourseRow).where(col(CourseRow.id) > after).order_by(col(CourseRow.id)).limit(limit)
    return list(session.exec(query if site is None else query.where(CourseRow.site == site)))


def activities(session: Session, course_id: str) -> list[ActivityRow]:
    """The activities of a course, ascending by start."""
    query = select(ActivityRow).where(ActivityRow.course == course_id)
    return list(session.exec(query.order_by(col(ActivityRow.start_at), col(ActivityRow.id))))


def activity(session: Session, name: str) -> ActivityRow | None:
    """An activity by its id."""
    return session.get(ActivityRow, name)


def visits_of(session: Session, course_id: str) -> list[VisitRow]:
    """The visits of a course, ascending by start."""
    query = select(VisitRow).where(VisitRow.course == course_id)
    return list(session.exec(query.order_by(col(VisitRow.start_at), col(VisitRow.id))))


def visit(session: Session, name: str) -> VisitRow | None:
    """A visit by its id."""
    return session.get(VisitRow, name)


def visits(
    session: Session,
    *,
    site: str | None,
    from_on: date | None,
    to_on: date | None,
    after: tuple[str, str] | None,
    limit: int,
) -> list[VisitRow]:
    """Visits by date and id, `from_on` to `to_on` both inclusive, those after a (date, id)."""
    query = select(VisitRow).order_by(col(VisitRow.on_date), col(VisitRow.id)).limit(limit)
    if site is not None:
        query = query.where(VisitRow.site == site)
    if from_on is not None:
        query = query.where(VisitRow.on_date >= from_on)
    if to_on is not None:
        query = query.where(VisitRow.on_date <= to_on)
    if after is not None:
        on = date.fromisoformat(after[0])
        query = query.where(
            (col(VisitRow.on_date) > on) | ((col(VisitRow.on_date) == on) & (col(VisitRow.id) > after[1]))
        )
    return list(session.exec(query))


def latest_weight(session: Session, name: str, until: datetime) -> WeightRow | None:
    """The latest weight of a patient measured up to an instant."""
    query = select(WeightRow).where(WeightRow.patient == name, col(WeightRow.measured_at) <= until)
    return session.exec(query.order_by(col(WeightRow.measured_at).desc(), col(WeightRow.id).desc())).first()


# --- closures and hindrances ------------------------------------------------------------------------------------------


def closures(session: Session) -> list[ClosureRow]:
    """Every closure that was not withdrawn, by start."""
    query = select(ClosureRow).where(col(ClosureRow.withdrawn_at).is_(None))
    return list(session.exec(query.order_by(col(ClosureRow.start_at), col(ClosureRow.id))))


def closure(session: Session, name: str) -> ClosureRow | None:
    """A closure by its id."""
    return session.get(ClosureRow, name)


def hindrances(session: Session) -> list[HindranceRow]:
    """Every hindrance that was not withdrawn, by start."""
    query = select(HindranceRow).where(col(HindranceRow.withdrawn_at).is_(None))
    return list(session.exec(query.order_by(col(HindranceRow.start_at), col(HindranceRow.id))))


def hindrance(session: Session, name: str) -> HindranceRow | None:
    """A hindrance by its id."""
    return session.get(HindranceRow, name)


def activities_between(session: Session, since: datetime, until: datetime) -> list[ActivityRow]:
    """Planned activities that overlap ``[since, until)``."""
    query = select(ActivityRow).where(
        col(ActivityRow.start_at) < until, col(ActivityRow.end_at) > since, ActivityRow.status == "planned"
    )
    return list(session.exec(query.order_by(col(ActivityRow.start_at), col(ActivityRow.id))))


# --- what is added while a program runs -------------------------------------------------------------------------------


def add_weight(session: Session, row: WeightRow) -> None:
    """Enter a measured weight."""
    session.add(row)
    session.flush()


def add_closure(session: Session, row: ClosureRow) -> None:
    """Enter a closure."""
    session.add(row)
    session.flush()


def add_hindrance(session: Session, row: HindranceRow) -> None:
    """Enter a hindrance; its patient is there already."""
    session.add(row)
    session.flush()


def add_deviation(session: Session, row: DeviationRow) -> None:
    """Enter a deviation; its signature is there already."""
    session.add(row)
    session.flush()


def deviations_of(session: Session, course_id: str) -> list[DeviationRow]:
    """The deviations of a course, in the order in which they were made; those of attempts given up since left out."""
    given_up = select(AttemptRow.id).where(
        AttemptRow.activity == DeviationRow.activity, col(AttemptRow.given_up_at) >= DeviationRow.made_at
    )
    query = select(DeviationRow).where(DeviationRow.course == course_id, ~given_up.exists())
    return list(session.exec(query.order_by(col(DeviationRow.made_at), col(DeviationRow.id))))


def attempts_of(session: Session, course_id: str) -> list[AttemptRow]:
    """What was given up of a course, in the order in which it was."""
    return list(session.exec(select(AttemptRow).where(AttemptRow.course == course_id).order_by(col(AttemptRow.id))))


# --- many courses at once ---------------------------------------------------------------------------------------------


def activities_by_course(session: Session, names: Sequence[str]) -> dict[str, list[ActivityRow]]:
    """The activities of some courses."""
    found: dict[str, list[ActivityRow]] = {}
    for row in session.exec(select(ActivityRow).where(col(ActivityRow.course).in_(names))):
        found.setdefault(row.course, []).append(row)
    return found


def confirmed_visits(session: Session, names: Sequence[str]) -> frozenset[str]:
    """The visits of some courses that patients have confirmed."""
    query = select(VisitRow.id).where(col(VisitRow.course).in_(names), col(VisitRow.confirmed_at).is_not(None))
    return frozenset(session.exec(query))


def all_courses(session: Session) -> list[CourseRow]:
    """Every course, by its patient's id."""
    return list(session.exec(select(CourseRow).order_by(col(CourseRow.id))))


# --- views ------------------------------------------------------------------------------------------------------------


def courses_named(session: Session, names: Sequence[str]) -> dict[str, CourseRow]:
    """Those of some courses that exist."""
    return {row.id: row for row in session.exec(select(CourseRow).where(col(CourseRow.id).in_(names)))}


def patients_named(session: Session, names: Sequence[str]) -> dict[str, PatientRow]:
    """Those of some patients that exist."""
    return {row.id: row for row in session.exec(select(PatientRow).where(col(PatientRow.id).in_(names)))}


def activities_of_kinds(session: Session, kinds: Sequence[str], since: datetime, until: datetime) -> list[ActivityRow]:
    """Activities of some kinds that begin in ``[since, until)``, whatever became of them; none without a time."""
    query = select(ActivityRow).where(
        col(ActivityRow.kind).in_(kinds),
        col(ActivityRow.start_at) >= since,
        col(ActivityRow.start_at) < until,
        col(ActivityRow.status).not_in(UNPLACED),
    )
    return list(session.exec(query.order_by(col(ActivityRow.start_at), col(ActivityRow.id))))


def plans(session: Session, *, after: int, limit: int) -> list[PlanRow]:
    """Plan documents by number, those after a number."""
    return list(session.exec(select(PlanRow).where(col(PlanRow.id) > after).order_by(col(PlanRow.id)).limit(limit)))


def plan(session: Session, number: int) -> PlanRow | None:
    """A plan document by its number."""
    return session.get(PlanRow, number)
