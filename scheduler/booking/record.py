"""Record: what was done, when, and with what outcome; the actual times stand beside the planned ones."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from scheduler.booking.access import VISIT_READERS, must_be_randomised, version_is
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.identity import identify
from scheduler.booking.weights import OLDEST, TOLERANCE, weighed
from scheduler.domain.audience import Audience, Principal, Role
from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.protocol import Step
from scheduler.domain.rules_context import JudgedCourse, Occurrence, judged_course
from scheduler.persistence import repositories
from scheduler.persistence.mapping import NOT_YET, course_of, patient_of
from scheduler.persistence.tables import ActivityRow, CourseRow, DeviationRow, PatientRow
from scheduler.persistence.unit_of_work import UnitOfWork

Outcome = Literal["performed", "late", "failed"]
DONE = frozenset({"performed", "late"})
AT_SITE = frozenset({Role.COORDINATOR, Role.SITE_STAFF, Role.DOCTOR, Role.PHARMACIST})
AT_PLANT = frozenset({Role.PLANNER, Role.QA})
ON_THE_ROAD = frozenset({Role.COURIER, Role.PLANNER})
SEE_PLANT = frozenset({Audience.PLANT, Audience.AUDITOR, Audience.ADMIN})
SIGNED = "recorded outside its window"


@dataclass(frozen=True)
class Recorded:
    """What was recorded.

    `open_steps` are the steps of the same dose that are still planned after a failure and that the actor may see;
    `deviation` is the id of the deviation that was written, if any.
    """

    activity: ActivityRow
    open_steps: tuple[str, ...] = ()
    deviation: str | None = None


@dataclass(frozen=True)
class _Case:
    """The step at hand with all that surrounds it."""

    facts: Facts
    patient: PatientRow
    course: CourseRow
    rows: dict[str, ActivityRow]
    judged: JudgedCourse
    row: ActivityRow
    occurrence: Occurrence

    @property
    def step(self) -> Step:
        return self.occurrence.step


def record(
    work: UnitOfWork,
    board: Board,
    activity_id: str,
    *,
    outcome: Outcome,
    start_at: datetime,
    end_at: datetime,
    weight_kg: float | None = None,
    note: str | None = None,
    reason: str | None = None,
    expected_version: int | None = None,
    signed_meaning: str | None = SIGNED,
) -> Recorded:
    """Say what became of a planned step. Nothing that is planned moves by it. The caller commits.

    Parameters
    ----------
    outcome
        ``late`` is performed, but late; ``failed`` was tried and cannot be used.
    start_at, end_at
        The actual, aware times.
    weight_kg
        The patient's weight as measured at this step, for steps at a site.
    reason
        Why a dose was given outside its window; it is then a signed deviation.

    Raises
    ------
    Refused
        404 for a step the actor may not know of, 403 for another's, 409 when it is recorded already, comes before
        steps it must follow, lacks a weight or lies outside its window without a reason, 412 for a stale version,
        422 for times or a weight that cannot be.
    """
    case = _case(work, board, activity_id)
    may_record(work.principal, case.step)
    version_is(case.row, expected_version)
    if case.row.status != "planned":
        raise Refused("already-recorded", 409, "This step is recorded already, or was cancelled.")
    _possible(work, case, start_at, end_at)
    _in_order(case, start_at, outcome)
    if weight_kg is not None:
        _weigh(work, case, weight_kg, start_at)
    if case.row.kind == case.facts.protocol.filled_in and outcome in DONE:
        _dose_by_weight(work, case, start_at)
    before = {"status": case.row.status, "start_at": case.row.start_at, "end_at": case.row.end_at}
    deviation = _deviation(work, case, start_at, reason, signed_meaning) if outcome in DONE else None
    _write(work, case, outcome, start_at, end_at)
    identify(work, case.facts, case.row)
    work.audit(
        "activity:recorded",
        activity_id,
        reason=reason,
        before=before,
        after={"status": outcome, "start_at": start_at, "end_at": end_at, "note": note, "deviation": deviation},
    )
    complete(work, case.facts, case.course, case.patient, case.rows)
    return Recorded(case.row, _still_open(work.principal, case) if outcome == "failed" else (), deviation)


def may_see(principal: Principal, step: Step, site: str) -> bool:
    """Whether a step exists for a reader: those at the plant and on the road do not for the blinded."""
    if step.is_transit:
        return principal.audience in SEE_PLANT or principal.audience is Audience.COURIER
    if step.side == "plant":
        return principal.audience in SEE_PLANT
    return principal.audience in VISIT_READERS and principal.may_see_site(site)


def _case(work: UnitOfWork, board: Board, activity_id: str) -> _Case:
    """Refused 404 for a step that is not the actor's to see by the same way, and so in the same time, as for none.

    That is why the course is found by the first part of the id and not by the step: a step that handles cells is
    there only for some arms (docs/domain.md section 4).
    """
    course = repositories.course(work.session, activity_id.partition("/")[0], lock=True)
    if course is None or not work.principal.may_see_site(course.site):
        raise not_found("step")
    patient = repositories.patient(work.session, course.id)
    assert patient is not None
    rows = {one.id: one for one in repositories.activities(work.session, course.id)}
    facts = board.facts(work)
    must_be_randomised(facts, course.id)
    plain = patient_of(patient)
    judged = judged_course(course_of(plain, course, rows.values()), plain, facts)
    occurrence = next((one for one in judged.occurrences if one.id == activity_id), None)
    if occurrence is None or not may_see(work.principal, occurrence.step, course.site):
        raise not_found("step")
    return _Case(facts, patient, course, rows, judged, rows[activity_id], occurrence)


def may_record(principal: Principal, step: Step) -> None:
    """Refused 403 where a step is recorded by others."""
    allowed = ON_THE_ROAD if step.is_transit else AT_PLANT if step.side == "plant" else AT_SITE
    if principal.role not in allowed:
        names = ", ".join(sorted(role.value.replace("_", " ") for role in allowed))
        raise Refused("not-your-step", 403, f"This step is recorded by others. Ask a {names}.")


def _possible(work: UnitOfWork, case: _Case, start_at: datetime, end_at: datetime) -> None:
    if end_at < start_at:
        raise Refused("ends-before-start", 422, "end_at lies before start_at. Check both times.")
    if max(start_at, end_at) > work.now + TOLERANCE:
        raise Refused("not-yet", 422, "What has not happened yet cannot be recorded. Check both times.")
    if _on(case, start_at) < case.patient.registered_on:
        raise Refused("before-registration", 422, "start_at lies before the patient's registration. Check it.")


def _in_order(case: _Case, start_at: datetime, outcome: Outcome) -> None:
    """Refused 409 while a step that must come before has not been performed, or ended later than this began."""
    before = [case.judged.find(kind, case.occurrence.serves) for kind in case.step.after]
    rows = [case.rows[one.id] for one in before if one is not None]
    neutral = "A step that comes before this one is not recorded as performed yet. Record it first, or ask the planner."
    missing = [one.id for one in rows if one.status not in DONE]
    if missing and outcome != "failed":  # what could not take place has failed, whatever came before
        words = f"{', '.join(missing)} must be recorded as performed first."
        raise Refused("step-before-missing", 409, words, blinded_sentence=neutral)
    late = [one.id for one in rows if one.actual_end_at is not None and one.actual_end_at > start_at]
    if late:
        words = f"{', '.join(late)} ended after this step began. Check the times."
        raise Refused(
            "out-of-order",
            409,
            words,
            blinded_sentence="A step before this one ended after this one began. Check the times.",
        )


def _weigh(work: UnitOfWork, case: _Case, weight_kg: float, measured_at: datetime) -> None:
    if case.step.side != "site" or case.step.is_transit:
        raise Refused("weight-elsewhere", 422, "A weight is taken where the patient is. Leave weight_kg out here.")
    weighed(work, case.facts, case.patient.id, weight_kg, measured_at, case.row.id)


def _dose_by_weight(work: UnitOfWork, case: _Case, start_at: datetime) -> None:
    """What is filled is what the latest weight asks for, if it is recent enough."""
    found = repositories.latest_weight(work.session, case.patient.id, start_at)
    if found is None or found.measured_at < start_at - OLDEST:
        raise Refused(
            "weight-missing",
            409,
            f"No weight was measured in the {OLDEST.days} days before this fill. Ask the site to record one first.",
        )
    product = case.facts.protocol.product
    case.row.volume_ml, case.row.syringes = product.volume_ml(found.weight_kg), product.syringes(found.weight_kg)


def _deviation(
    work: UnitOfWork, case: _Case, start_at: datetime, reason: str | None, signed_meaning: str | None
) -> str | None:
    """The deviation of a dose given outside its window, signed; None inside it, or where it was overridden before."""
    rule = _window_missed(case, start_at)
    known = repositories.deviations_of(work.session, case.course.id)
    as_overridden = _on(case, start_at) == _on(case, case.row.start_at)
    if rule is None or (as_overridden and any((one.activity, one.rule) == (case.row.id, rule) for one in known)):
        return None
    if reason is None or not reason.strip() or signed_meaning is None:
        raise Refused("outside-window", 409, "This date is outside the window of the dose. Give a reason and sign.")
    return write_deviation(work, case.course.id, case.row.id, rule, reason, signed_meaning, {"start_at": start_at})


def write_deviation(
    work: UnitOfWork, course: str, activity: str, rule: str, reason: str, meaning: str, content: dict[str, object]
) -> str:
    """Sign and write a deviation from a rule; its id."""
    name = f"dev_{secrets.token_hex(10)}"
    signed = {"deviation": name, "course": course, "activity": activity, "rule": rule, "reason": reason, **content}
    signature = work.sign(f"deviation/{name}", signed, meaning=meaning)
    row = DeviationRow(
        id=name, course=course, activity=activity, rule=rule, reason=reason, signature=signature, made_at=work.now
    )
    repositories.add_deviation(work.session, row)
    work.audit("deviation:recorded", activity, reason=reason, after={"signature": signature, "signed": signed})
    return name


def _window_missed(case: _Case, start_at: datetime) -> str | None:
    protocol = case.facts.protocol
    if case.row.kind != protocol.administration or case.row.dose is None:
        return None
    dose = protocol.dose(case.row.dose)
    anchor = None if dose.anchor is None else case.judged.find(protocol.administration, dose.anchor)
    if dose.window is None or anchor is None:
        return None
    given = case.rows[anchor.id]
    if dose.window.allows(_on(case, given.actual_start_at or given.start_at), _on(case, start_at)):
        return None
    return f"{dose.role}_window"


def _on(case: _Case, instant: datetime) -> date:
    return local_date(instant, case.facts.network.place(case.course.site).zone)


def _write(work: UnitOfWork, case: _Case, outcome: Outcome, start_at: datetime, end_at: datetime) -> None:
    row = case.row
    row.status, row.actual_start_at, row.actual_end_at = outcome, start_at, end_at
    row.recorded_by, row.changed_at, row.version = work.principal.name, work.now, row.version + 1
    visit = repositories.visit(work.session, row.id)
    if visit is not None:
        visit.status, visit.changed_at, visit.version = outcome, work.now, visit.version + 1
    if case.step.side == "site" and not case.step.is_transit:
        # Only then: a count that rose with the plant's work would tell a site how much of it there is.
        case.course.version += 1


def complete(
    work: UnitOfWork, facts: Facts, course: CourseRow, patient: PatientRow, rows: dict[str, ActivityRow]
) -> None:
    """A course of which every dose and follow-up visit is recorded is over."""
    last = {facts.protocol.administration, FOLLOW_UP}
    if course.status != "booked" or any(one.status in NOT_YET for one in rows.values() if one.kind in last):
        return
    course.status, patient.status = "completed", "completed"
    patient.version += 1
    work.audit("course:completed", course.id)


def _still_open(principal: Principal, case: _Case) -> tuple[str, ...]:
    """The planned steps of the dose that failed, those the actor may see; of all doses for a harvest they share."""
    serves = case.row.dose
    return tuple(
        one.id
        for one in case.judged.occurrences
        if case.rows[one.id].status == "planned"
        and (serves is None or one.activity.dose == serves)
        and one.start_at >= case.row.start_at
        and may_see(principal, one.step, case.course.site)
    )
