"""Closures: what does not work for a while, and the visits that it hits. Declaring one moves nobody."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from scheduler.booking.access import must_be, version_is
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.record import SEE_PLANT
from scheduler.domain.audience import Audience, Principal, Role
from scheduler.domain.calendars import Closure
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.domain.rules_context import Judged
from scheduler.domain.rules_courier import arrival_open, departure
from scheduler.domain.rules_time import closure as closed
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import closure_of, course_of, patient_of
from scheduler.persistence.tables import ClosureRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

DECLARERS = frozenset({Role.PLANNER, Role.COORDINATOR, Role.SITE_STAFF})
BROKEN_BY_CLOSURES = (closed, departure, arrival_open)


@dataclass(frozen=True)
class Declared:
    """A closure and the planned visits that cannot stay as they are; the actor may see all of them."""

    closure: ClosureRow
    visits: tuple[VisitRow, ...]


def declare(
    work: UnitOfWork,
    board: Board,
    *,
    where: str,
    resource: str | None,
    start_at: datetime,
    end_at: datetime,
    reason: str,
) -> Declared:
    """Declare that a place, one of its resources or a courier lane does not work in ``[start_at, end_at)``.

    From then on nothing is offered there. The caller commits.

    Raises
    ------
    Refused
        403 for other roles, 404 for a place or lane unknown or not the actor's, 422 for a stretch that is over or
        none, an unknown resource or no reason.
    """
    must_be(work.principal, DECLARERS, "declare a closure")
    facts = board.facts(work)
    _known(facts, work.principal, where, resource)
    if end_at <= start_at:
        raise Refused("ends-before-start", 422, "end_at must lie after start_at.")
    if end_at <= work.now:
        raise Refused("in-the-past", 422, "This stretch is over. A closure must end in the future.")
    if not reason.strip():
        raise Refused("reason-missing", 422, "A closure needs a reason.")
    row = ClosureRow(
        id=f"clo_{secrets.token_hex(10)}",
        where=where,
        resource=resource,
        start_at=start_at,
        end_at=end_at,
        reason=reason,
        declared_at=work.now,
        declared_by=work.principal.name,
    )
    occupancy.count_up_calendar(work.session)  # takes the board: no booking comes in between
    visits = hits(work, facts, closure_of(row))
    repositories.add_closure(work.session, row)
    stretch = {"where": where, "resource": resource, "start_at": start_at, "end_at": end_at}
    work.audit("closure:declared", row.id, reason=reason, after={**stretch, "visits": [one.id for one in visits]})
    return Declared(row, tuple(visits))


def withdraw(work: UnitOfWork, closure_id: str, *, expected_version: int | None = None) -> ClosureRow:
    """Take a closure back: from now on it is as if it had never been declared. The caller commits.

    Raises
    ------
    Refused
        403 for other roles, 404 unknown or not the actor's, 409 when withdrawn before, 412 for a stale version.
    """
    must_be(work.principal, DECLARERS, "withdraw a closure")
    occupancy.count_up_calendar(work.session)
    row = shown(work, closure_id)
    version_is(row, expected_version)
    if row.withdrawn_at is not None:
        raise Refused("already-withdrawn", 409, "This closure was withdrawn before. There is nothing left to do.")
    row.withdrawn_at, row.version = work.now, row.version + 1
    work.audit("closure:withdrawn", closure_id)
    return row


def shown(work: UnitOfWork, closure_id: str) -> ClosureRow:
    """A closure the actor may see; Refused 404 otherwise."""
    row = repositories.closure(work.session, closure_id)
    if row is None or not _may_see(work, row):
        raise not_found("closure")
    return row


def listed(work: UnitOfWork) -> list[ClosureRow]:
    """The closures declared and not withdrawn that the actor may see, by start."""
    return [row for row in repositories.closures(work.session) if _may_see(work, row)]


def _may_see(work: UnitOfWork, row: ClosureRow) -> bool:
    """The plant's side sees all; everybody at a site its own and no more."""
    return work.principal.audience in SEE_PLANT or (
        work.principal.site is not None and work.principal.site == row.where
    )


def _known(facts: Facts, principal: Principal, where: str, resource: str | None) -> None:
    place = next((one for one in facts.network.places if one.code == where), None)
    lane = any(one.code == where for one in facts.network.lanes)
    own = principal.audience is Audience.PLANT or where == principal.site
    if (place is None and not lane) or not own:
        raise not_found("place")
    if resource is not None and (place is None or all(one.kind != resource for one in place.resources)):
        raise Refused("unknown-resource", 422, "There is no such resource here. Leave it out to close the whole.")


def hits(work: UnitOfWork, facts: Facts, closure: Closure) -> list[VisitRow]:
    """The planned visits that a further closure hits and the actor may see, by start.

    A visit is hit when its own step cannot be done then, or when a step of its dose cannot; steps that serve a whole
    course hit every visit of it that is still planned.
    """
    rows = repositories.activities_between(work.session, closure.during.start_at, closure.during.end_at)
    found: dict[str, VisitRow] = {}
    for name in sorted({one.course for one in rows}):
        struck = _struck(work, facts, closure, name)
        for visit in repositories.visits_of(work.session, name) if struck else []:
            if visit.status == "planned" and work.principal.may_see_site(visit.site) and _is_hit(visit, struck):
                found[visit.id] = visit
    return sorted(found.values(), key=lambda one: (one.start_at, one.id))


def _struck(work: UnitOfWork, facts: Facts, closure: Closure, name: str) -> set[tuple[str, int | None, str]]:
    """Id, dose and kind of the planned activities of a course that the closure alone forbids."""
    row, patient_row = repositories.course(work.session, name), repositories.patient(work.session, name)
    assert row is not None and patient_row is not None
    patient = patient_of(patient_row)
    activities = [one for one in repositories.activities(work.session, name) if one.status == "planned"]
    course = course_of(patient, row, activities)
    alone = replace(facts, patients=(patient,))
    shut = replace(alone, network=alone.network.with_closures(closure))
    broken = _broken(course, shut) - _broken(course, alone)
    return {(one.id, one.dose, one.kind) for one in course.activities if one.id in broken}


def _broken(course: PlannedCourse, facts: Facts) -> set[str]:
    plan = Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, (course,))
    judged = Judged.of(plan, facts)
    # The first activity a violation names is the one that cannot be done.
    return {one.activities[0] for rule in BROKEN_BY_CLOSURES for one in rule(judged) if one.activities}


def _is_hit(visit: VisitRow, struck: set[tuple[str, int | None, str]]) -> bool:
    for name, dose, kind in struck:
        own_only = kind == "follow_up"
        if visit.id == name:
            return True
        if not own_only and (dose is None or visit.id.startswith(f"{visit.course}/{dose}/")):
            return True
    return False
