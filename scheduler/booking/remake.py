"""Remake: something failed, and a dose or a harvest must be made again under its old ids.

What was done goes to the attempts, as it was. The steps that must be done again are ``open`` then: they have no time
and hold nothing, and the plan in force lacks the dose until a repair, or an offer that is taken up, gives them new
times. So are their visits, of which the patient hears that the date told no longer holds. How far back one must go
never depends on the arm: a comparator dose can fail like any other, and has the same consequences for its visits.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.booking.access import course_for, must_be_randomised
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.hindrances import keep_masked
from scheduler.booking.record import DONE, may_record, may_see
from scheduler.booking.weights import TOLERANCE
from scheduler.domain.calendars import local_date, local_instant
from scheduler.domain.course import Facts, StepAt, activity_id, doses_of, steps_of
from scheduler.domain.protocol import Limit, Protocol, StepRef
from scheduler.domain.remake import Cause, WayBack, comes_after, done_again, fits, least_days, way_back
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import UNPLACED
from scheduler.persistence.occupancy import NewStay
from scheduler.persistence.tables import ActivityRow, AttemptRow, CourseRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

DAY = 24 * 60 * 60
NEUTRAL: dict[Cause, str] = {
    "lot_failed": "supply",
    "tap_failed": "patient",
    "harvest_dry": "patient",
    "shipment_lost": "logistics",
}
"""What a visit says of why its date no longer holds, the same whatever a dose contains."""


@dataclass(frozen=True)
class GivenUp:
    """What must be made again.

    `open_steps` and `visits` are the ids of the steps that have no time now, and of those a patient comes for.
    """

    course: CourseRow
    dose: int
    way: WayBack
    open_steps: tuple[str, ...]
    visits: tuple[str, ...]


@dataclass(frozen=True)
class _Case:
    """A course with its rows, the step that failed and the dose it failed for."""

    facts: Facts
    course: CourseRow
    rows: dict[str, ActivityRow]
    failed: StepAt
    dose: int

    @property
    def protocol(self) -> Protocol:
        return self.facts.protocol

    @property
    def row(self) -> ActivityRow | None:
        """The row of the step that failed; a comparator dose of a known arm has none for what handles cells."""
        return self.rows.get(self.id_of(self.failed.step.kind, self.failed.dose))

    @property
    def restarted(self) -> frozenset[int]:
        return frozenset(json.loads(self.course.restarted))

    @property
    def is_first(self) -> bool:
        return self.dose == doses_of(self.protocol, self.facts.arm_of(self.course.id))[0]

    def id_of(self, kind: str, dose: int | None) -> str:
        return activity_id(self.course.id, dose, kind)


def give_up(
    work: UnitOfWork,
    board: Board,
    course_id: str,
    dose: int,
    *,
    cause: Cause,
    failed_activity: str,
    at: datetime,
) -> GivenUp:
    """Say that a dose cannot be made as planned and what failed, so that it is made again. The caller commits.

    Parameters
    ----------
    dose
        The dose that is lost; for a harvest that serves the whole course, the first one.
    failed_activity
        The step at which it showed; it may be recorded already, as failed or as performed.
    at
        When, aware.

    Raises
    ------
    Refused
        404 for a course or step unknown or not the actor's to see, 403 for another's step, 409 when the course has
        ended, the dose was given, the step has no time now, or the course has gone on since, 422 for a dose, cause or
        time that does not fit.
    """
    revision = work.lock_board()
    case = _case(work, board, course_id, dose, failed_activity)
    may_record(work.principal, case.failed.step)
    _must_fit(work, case, cause, at)
    _can_be_given_up(case)
    way = way_back(case.protocol, case.failed.step, is_first=case.is_first, bank_exists=_bank_exists(case, at))
    restarted = _restarted_by(case, way)
    arm = case.facts.arm_of(course_id)
    steps = steps_of(case.protocol, arm, restarted)
    again = {case.id_of(*key) for key in done_again(case.protocol, steps, case.failed.step, dose, way)}
    _must_not_have_gone_on(case, again)
    gone = {case.id_of(one.step.kind, one.dose) for one in steps_of(case.protocol, arm, case.restarted)}
    gone -= {case.id_of(one.step.kind, one.dose) for one in steps}
    _mark_failed(work, case, at)
    before = _archived(work, case, [one for one in case.rows.values() if one.id in again | gone], cause, at)
    free(work, case.course.id, {name: one.attempt for name, one in before.items()}, revision)
    for name in before:
        _reopened(case.rows[name], "open" if name in again else "given_up", work.now)
    _mask(work, case, way, at)
    visits = _visits_opened(work, before, NEUTRAL[cause])
    case.course.restarted = json.dumps(sorted(restarted))
    case.course.version += bool(visits)
    open_steps = tuple(one.id for one in case.rows.values() if one.status == "open" and one.id in again)
    work.audit(
        "dose:given_up",
        failed_activity,
        reason=cause,
        before={name: row.start_at for name, row in before.items()},
        after={"dose": dose, "way": way, "at": at, "open": sorted(open_steps), "restarted": sorted(restarted)},
    )
    work.session.flush()
    return GivenUp(case.course, dose, way, open_steps, tuple(one.id for one in visits))


# --- may it be ----------------------------------------------------------------------------------------------------


def _case(work: UnitOfWork, board: Board, course_id: str, dose: int, failed_activity: str) -> _Case:
    """Refused 404 in the same way for a step that is not the actor's to see and for one there is not.

    The step is looked for among all that a course of any arm may have (docs/domain.md section 4).
    """
    course = course_for(work, course_id, lock=True)
    facts = board.facts(work)
    must_be_randomised(facts, course_id)
    steps = steps_of(facts.protocol, None, frozenset(json.loads(course.restarted)))
    ids = {activity_id(course_id, one.dose, one.step.kind): one for one in steps}
    failed = ids.get(failed_activity)
    if failed is None or not may_see(work.principal, failed.step, course.site):
        raise not_found("step")
    rows = {one.id: one for one in repositories.activities(work.session, course_id)}
    return _Case(facts, course, rows, failed, dose)


def _must_fit(work: UnitOfWork, case: _Case, cause: Cause, at: datetime) -> None:
    doses = doses_of(case.protocol, case.facts.arm_of(case.course.id))
    serves = doses[0] if case.failed.dose is None else case.failed.dose
    if case.dose not in doses or case.dose != serves:
        raise Refused("other-dose", 422, f"This step serves dose {serves}. Name that dose.")
    if cause not in NEUTRAL or not fits(case.protocol, case.failed.step, cause):
        raise Refused("other-cause", 422, "This step cannot fail for this cause. Check the cause and the step.")
    if at > work.now + TOLERANCE:
        raise Refused("not-yet", 422, "What has not happened yet cannot have failed. Check the time.")


def _can_be_given_up(case: _Case) -> None:
    if case.course.status != "booked":
        raise Refused("course-ended", 409, "This course has ended. There is nothing left to make again.")
    given = case.rows.get(case.id_of(case.protocol.administration, case.dose))
    if given is not None and given.status in DONE:
        raise Refused("dose-given", 409, "This dose was given already. There is nothing to make again.")
    if given is not None and given.status == "given_up":
        raise Refused("dose-skipped", 409, "This dose was given up for good. There is nothing to make again.")
    if case.row is not None and case.row.status in UNPLACED:
        raise Refused("open-already", 409, "This step has no time now: it waits to be made again already.")


def _must_not_have_gone_on(case: _Case, again: Collection[str]) -> None:
    """What was taken from the patient cannot have been lost where something was made of it."""
    if case.protocol.step(case.failed.step.kind).side != "site":
        return
    later = comes_after(case.protocol, case.failed.step.kind)
    done = [one.id for one in case.rows.values() if one.id in again and one.kind in later and one.status in DONE]
    if done:
        raise Refused(
            "gone-on",
            409,
            f"{done[0]} was recorded as performed after it. Say at which later step it showed.",
            blinded_sentence="A step after this one was recorded as performed. Ask the planner.",
        )


# --- how far back -------------------------------------------------------------------------------------------------


def _restarted_by(case: _Case, way: WayBack) -> frozenset[int]:
    if way == "bank":
        return case.restarted | {case.dose}
    return case.restarted - {case.dose} if way == "harvest" else case.restarted


def _bank_exists(case: _Case, at: datetime) -> bool:
    """Whether the bank is there: what a restarted dose must keep between it and the harvest has passed by then."""
    if case.dose not in case.protocol.restartable or not case.is_first:
        return False
    kept = (
        limit
        for limit in case.protocol.limits
        if case.dose in case.protocol.step(limit.to_ref.kind).restarts
        and case.protocol.step(limit.from_ref.kind).per == "harvest"
    )
    return case.dose in case.restarted or all(_has_passed(case, limit, at) for limit in kept)


def _has_passed(case: _Case, limit: Limit, at: datetime) -> bool:
    """Whether the least time of a limit has passed since its first edge.

    Where plans are made with the arm, it counts from what every arm has, and from the day after it, so that the answer
    is the same for a comparator, whose course goes without the isolation.
    """
    ref, spare_days = limit.from_ref, 0
    if case.facts.arms is not None:
        while (step := case.protocol.step(ref.kind)).cells and step.after:
            ref, spare_days = StepRef(step.after[-1], "end"), 1
    row = case.rows.get(case.id_of(ref.kind, None))
    if row is None or row.status not in DONE | {"planned"} or case.course.plant is None:
        return False
    since = (row.actual_start_at or row.start_at) if ref.edge == "start" else (row.actual_end_at or row.end_at)
    zone = case.facts.network.place(case.course.plant).zone
    days = (local_date(at, zone) - local_date(since, zone)).days - spare_days
    elapsed = (at - since).total_seconds() / 60 - spare_days * 24 * 60
    return days >= (limit.at_least_days or 0) and elapsed >= (limit.at_least_minutes or 0)


# --- giving up ----------------------------------------------------------------------------------------------------


def _mark_failed(work: UnitOfWork, case: _Case, at: datetime) -> None:
    """What was not recorded yet is on record as failed then."""
    row = case.row
    if row is not None and row.status == "planned":
        row.status, row.recorded_by, row.version = "failed", work.principal.name, row.version + 1
        row.actual_start_at, row.actual_end_at, row.changed_at = min(row.start_at, at), at, work.now


def _mask(work: UnitOfWork, case: _Case, way: WayBack, at: datetime) -> None:
    """Where a masked program is planned with the arm, no dose is made again sooner than one with cells can be."""
    protocol = case.protocol
    days = least_days(protocol, way)
    if case.facts.arms is None or not protocol.blinded or protocol.filled_in is None or case.course.plant is None:
        return
    if days:
        zone = case.facts.network.place(case.course.plant).zone
        begins_on = local_date(at, zone) + timedelta(days=case.facts.policy.plant_fence_days)
        until = local_instant(begins_on + timedelta(days=days), 0, zone)
        reason = "cells of a dose that is made again are not ready sooner"
        keep_masked(work, case.course.id, protocol.filled_in, case.dose, until, reason)


def _archived(
    work: UnitOfWork, case: _Case, rows: Iterable[ActivityRow], cause: Cause, at: datetime
) -> dict[str, AttemptRow]:
    """Keep rows as they are among the attempts; by activity id, those that were not open already."""
    kept = {one.id: _attempt(work, one, cause) for one in rows if one.status not in UNPLACED}
    work.session.add_all(kept.values())
    work.session.flush()
    return kept


def _attempt(work: UnitOfWork, row: ActivityRow, cause: Cause) -> AttemptRow:
    as_it_was = row.model_dump(exclude={"id", "changed_at"})
    return AttemptRow(activity=row.id, why=cause, given_up_at=work.now, given_up_by=work.principal.name, **as_it_was)


def _reopened(row: ActivityRow, status: str, now: datetime) -> None:
    row.status, row.attempt, row.version = status, row.attempt + 1, row.version + 1
    row.actual_start_at = row.actual_end_at = row.recorded_by = None
    row.changed_at = now


def free(work: UnitOfWork, course: str, attempts: Mapping[str, int], revision: int) -> None:
    """All that some activities hold is free at once; what is in use for less than a day more ends as it would have.

    `attempts` has by activity the number of its attempt, under which what was used stays on record.
    """
    now = int(work.now.timestamp())
    held = [one for one in occupancy.stays_of(work.session, course) if one.activity in attempts]
    occupancy.release_stays(work.session, [one.id for one in held if one.id is not None], revision)
    work.session.flush()
    used = [
        NewStay(
            one.unit_id,
            one.begins,
            one.ends if one.ends - now < DAY else now,
            course,
            occupancy.attempt_of(one.activity, attempts[one.activity]),
            one.resource,
        )
        for one in held
        if one.begins < now
    ]
    occupancy.add_stays(work.session, used, revision)


def _visits_opened(work: UnitOfWork, activities: Iterable[str], reason: str) -> list[VisitRow]:
    """The visits among some activities lose their date and say why; nobody has been told of that yet."""
    found = [one for name in activities if (one := repositories.visit(work.session, name)) is not None]
    for one in found:
        one.status, one.reason, one.changed_at, one.version = "open", reason, work.now, one.version + 1
        one.confirmed_at = one.confirmed_by = None
    return sorted(found, key=lambda one: (one.start_at, one.id))
