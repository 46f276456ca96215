"""Why not on that day, and why so late: what a planner is told in full. Nothing is taken or changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from scheduler.booking.access import must_be, must_be_randomised, patient_for
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused
from scheduler.booking.in_force import plan_in_force, standings
from scheduler.booking.shares import Booked, Share, share_of_booked
from scheduler.booking.why_not_blinded import SiteQuestion
from scheduler.domain.audience import Role
from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts, Patient, activity_id, doses_of, follow_up_id, steps_of
from scheduler.domain.plan import PlannedCourse
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import NOT_YET, UNPLACED, course_of, patient_of
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.repair import Standing
from scheduler.planning.situation import Question, Situation, Taken

AT_SITE = frozenset({Role.COORDINATOR, Role.SITE_STAFF, Role.DOCTOR})
IN_FULL = frozenset({Role.PLANNER, Role.QA, Role.AUDITOR})
MOST_DAYS_AHEAD = 1100  # so far ahead is a date looked at


@dataclass(frozen=True)
class Visit:
    """The visit asked about: a dose (by default its administration), the harvest, or a named follow-up visit."""

    dose: int | None = None
    kind: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """All an answer is made from, read at one instant; no transaction and no lock is needed afterwards.

    `others` has whoever else could move, where that was asked for. What a site asks where plans are made with the arm
    is not `decidable`: it has no arm to decide it by.
    """

    situation: Situation
    question: Question | None
    others: dict[str, Situation] | None = None
    decidable: bool = True


def read(
    work: UnitOfWork, board: Board, patient_id: str, visit: Visit | None, on: date | None, *, others_move: bool = False
) -> Snapshot:
    """Read a question and everything it hangs on.

    Parameters
    ----------
    visit, on
        The visit and the local date of the site; both None to ask why a patient is so late.
    others_move
        Whether others may move as well; for planners only.

    Raises
    ------
    Refused
        403 for a role that may not ask, 404 for an unknown patient or visit, 409 for a patient who has left, a course
        that has ended, a visit that is recorded already or has nothing to count from, 422 for a date that cannot be.
    """
    must_be(work.principal, AT_SITE | IN_FULL, "ask why not")
    if others_move:
        must_be(work.principal, frozenset({Role.PLANNER}), "ask what others could move")
    patient, course, rows = course_read(work, patient_id)
    facts = board.facts(work)
    must_be_randomised(facts, patient_id)
    by_id = {row.id: row for row in rows}
    question = None
    if visit is not None and on is not None:
        question = question_of(work, facts, patient, course, by_id, visit, on)
    if work.principal.role in AT_SITE:
        facts, decidable = replace(facts, arms=None), facts.arms is None
        return Snapshot(_situation(work, board, facts, patient, course, rows), question, decidable=decidable)
    standing = _standings(work, board)
    situation = _situation(work, board, facts, patient, course, rows, standing)
    return Snapshot(situation, question, _others(situation, standing) if others_move else None)


def _situation(
    work: UnitOfWork,
    board: Board,
    facts: Facts,
    patient: Patient,
    course: PlannedCourse | None,
    rows: list[ActivityRow],
    standing: dict[str, Standing] | None = None,
) -> Situation:
    """A patient's course beside everything that is taken; `standing` tells what of it could move."""
    return Situation(
        facts,
        patient,
        course,
        _taken(work, patient.id, standing or {}),
        work.now,
        frozenset(row.id for row in rows if row.status not in NOT_YET | UNPLACED),
        given_on(facts, patient, rows),
    )


def course_read(work: UnitOfWork, patient_id: str) -> tuple[Patient, PlannedCourse | None, list[ActivityRow]]:
    """A patient with the course as booked; Refused for one who has left and for a course that has ended."""
    row = patient_for(work, patient_id)
    if row.status == "withdrawn":
        raise Refused("patient-withdrawn", 409, "This patient has left the program; nothing can be booked any more.")
    patient = patient_of(row)
    booked = repositories.course(work.session, patient_id)
    if booked is None:
        return patient, None, []
    if booked.status != "booked":
        raise Refused("course-ended", 409, "This course has ended; none of its visits can move any more.")
    rows = repositories.activities(work.session, patient_id)
    return patient, course_of(patient, booked, rows), rows


def question_of(
    work: UnitOfWork,
    facts: Facts,
    patient: Patient,
    course: PlannedCourse | None,
    rows: dict[str, ActivityRow],
    visit: Visit,
    on: date,
) -> Question:
    """The question a visit and a date make; Refused where it cannot be asked."""
    _a_date_that_can_be(work, facts, patient, on)
    if visit.name is not None:
        return _of_follow_up(facts, patient, course, rows, visit.name, on)
    protocol = facts.protocol
    kind = visit.kind or (protocol.administration if visit.dose is not None else protocol.registration.step)
    arm = facts.arm_of(patient.id)
    steps = {(at.step.kind, at.dose): at.step for at in steps_of(protocol, arm)}
    if (visit.dose is not None and visit.dose not in doses_of(protocol, arm)) or (kind, visit.dose) not in steps:
        raise Refused("visit-not-found", 404, "This patient's course has no such dose or step. Check dose and step.")
    if not steps[kind, visit.dose].attended:
        raise Refused("not-a-visit", 422, "The patient is not there for this step. Ask about a dose or a visit.")
    _not_recorded(rows.get(activity_id(patient.id, visit.dose, kind)))
    return Question(on, kind, visit.dose)


def _a_date_that_can_be(work: UnitOfWork, facts: Facts, patient: Patient, on: date) -> None:
    today = local_date(work.now, facts.network.place(patient.site).zone)
    if on < today:
        raise Refused("date-past", 422, "This date is over. Ask about today or a later date.")
    if on < patient.registered_on:
        raise Refused("before-registration", 422, "This date lies before the patient's registration. Check it.")
    if on > max(today, patient.registered_on) + timedelta(days=MOST_DAYS_AHEAD):
        raise Refused(
            "date-too-far", 422, f"This date is more than {MOST_DAYS_AHEAD} days ahead. Ask about a nearer one."
        )


def _of_follow_up(
    facts: Facts,
    patient: Patient,
    course: PlannedCourse | None,
    rows: dict[str, ActivityRow],
    name: str,
    on: date,
) -> Question:
    visit = next((one for one in facts.protocol.follow_ups if one.name == name), None)
    if visit is None:
        raise Refused("visit-not-found", 404, "The protocol has no follow-up visit of this name. Check the name.")
    anchored = course is not None and course.find(facts.protocol.administration, visit.anchor) is not None
    if visit.anchor is not None and not anchored:
        words = f"This visit counts its days from dose {visit.anchor}, which is not booked. Book the course first."
        raise Refused("anchor-missing", 409, words)
    _not_recorded(rows.get(follow_up_id(patient.id, name)))
    return Question(on, FOLLOW_UP, None, name)


def _not_recorded(row: ActivityRow | None) -> None:
    if row is not None and row.status not in NOT_YET:
        raise Refused("already-performed", 409, "This visit has been recorded already and cannot be moved.")


def given_on(facts: Facts, patient: Patient, rows: list[ActivityRow]) -> dict[int, date]:
    """The local dates on which doses were really given, where that is recorded."""
    zone = facts.network.place(patient.site).zone
    return {
        row.dose: local_date(row.actual_start_at, zone)
        for row in rows
        if row.kind == facts.protocol.administration and row.dose is not None and row.actual_start_at is not None
    }


# --- a site's question ------------------------------------------------------------------------------------------------


def read_for_site(
    work: UnitOfWork, board: Board, patient_id: str, visit: Visit, on: date
) -> tuple[SiteQuestion, Situation | None]:
    """A question as a site may ask it, with nothing in it that the site may not know; Refused as by `read`.

    With it goes what to decide it by, and None where plans are made with the arm: then calendars alone decide.
    """
    must_be(work.principal, AT_SITE, "ask why not")
    patient, course, rows = course_read(work, patient_id)
    facts = board.facts(work)
    blind = replace(facts, arms=None)
    question = question_of(work, blind, patient, course, {row.id: row for row in rows}, visit, on)
    asked = SiteQuestion(blind, patient, _share(work, blind, patient_id, rows), question, work.now)
    if facts.arms is not None:
        return asked, None
    return asked, _situation(work, board, facts, patient, course, rows)


def _share(work: UnitOfWork, facts: Facts, patient_id: str, rows: list[ActivityRow]) -> Share | None:
    booked, patient = repositories.course(work.session, patient_id), repositories.patient(work.session, patient_id)
    if booked is None or patient is None:
        return None
    return share_of_booked(facts, Booked(patient, booked, rows, repositories.visits_of(work.session, patient_id)))


# --- what others have -----------------------------------------------------------------------------------------------


def _standings(work: UnitOfWork, board: Board) -> dict[str, Standing]:
    plan, facts = plan_in_force(work, board)
    return {one.patient.id: one for one in standings(work, board, plan, facts)}


def _taken(work: UnitOfWork, patient_id: str, standing: dict[str, Standing]) -> tuple[Taken, ...]:
    """What everybody else has, holds that still count included, and whether it could move."""
    state, now = occupancy.board(work.session), int(work.now.timestamp())
    units = occupancy.units(work.session)
    serves = occupancy.stays_by_course(work.session, sorted(standing))

    def movable(course: str, stay: int) -> bool:
        activity = serves.get(course, {}).get(stay)
        return activity is not None and activity in standing[course].movable

    return tuple(
        Taken(units[one.unit_id], one.begins, one.ends, one.course, movable(one.course, one.id))
        for one in occupancy.live_stays(work.session, state.revision)
        if one.course != patient_id and (one.expires is None or one.expires > now)
    )


def _others(situation: Situation, standing: dict[str, Standing]) -> dict[str, Situation]:
    """Everybody else whose course could move, as far as it may; what a patient has confirmed stays."""
    return {
        name: replace(situation, patient=one.patient, course=one.course, done=one.fixed | one.confirmed, given_on={})
        for name, one in standing.items()
        if name != situation.patient.id and one.movable - one.confirmed
    }
