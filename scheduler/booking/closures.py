"""Closures: what does not work for a while, and the visits that it hits. Declaring one moves nobody."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scheduler.booking.access import must_be, version_is
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.hits import visits_hit
from scheduler.booking.record import SEE_PLANT
from scheduler.domain.audience import Audience, Principal, Role
from scheduler.domain.calendars import Closure
from scheduler.domain.course import Facts
from scheduler.domain.intervals import Interval
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.tables import ClosureRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

WAITS = timedelta(days=8)  # no dose waits longer in a unit between two of its steps
DECLARERS = frozenset({Role.PLANNER, Role.COORDINATOR, Role.SITE_STAFF})


MOST_PARTS = 1000  # closures declared as one


@dataclass(frozen=True)
class Declared:
    """A closure and the planned visits that cannot stay as they are; the actor may see all of them."""

    closure: ClosureRow
    visits: tuple[VisitRow, ...]


@dataclass(frozen=True)
class Together:
    """Closures that were declared as one, and the planned visits that they hit."""

    closures: tuple[ClosureRow, ...]
    visits: tuple[VisitRow, ...]


def declare(
    work: UnitOfWork,
    board: Board,
    *,
    where: str,
    resource: str | None,
    unit: str | None = None,
    start_at: datetime,
    end_at: datetime,
    reason: str,
) -> Declared:
    """Declare that a place, a resource, one unit of it or a courier lane does not work in ``[start_at, end_at)``.

    From then on nothing is offered there. The caller commits.

    Raises
    ------
    Refused
        403 for other roles, 404 for a place or lane unknown or not the actor's, 422 for a stretch that is over or
        none, an unknown resource or unit, or no reason.
    """
    if end_at <= start_at:
        must_be(work.principal, DECLARERS, "declare a closure")
        raise Refused("ends-before-start", 422, "end_at must lie after start_at.")
    closure = Closure(where, Interval(start_at, end_at), reason, resource, unit)
    found = declare_together(work, board, [closure])
    return Declared(found.closures[0], found.visits)


def declare_together(work: UnitOfWork, board: Board, parts: Sequence[Closure]) -> Together:
    """Declare closures that belong together, all or none; Refused as `declare`. The caller commits."""
    must_be(work.principal, DECLARERS, "declare a closure")
    facts = board.facts(work)
    if len(parts) > MOST_PARTS:
        raise Refused("too-long", 422, f"This would be more than {MOST_PARTS} closures. Declare a shorter stretch.")
    for one in parts:
        _usable(work, facts, one)
    rows = tuple(_row(work, one) for one in parts)
    occupancy.count_up_calendar(work.session)  # takes the board: no booking comes in between
    visits = tuple(visits_hit(work, facts, _shut(facts, parts), _courses_near(work, parts)))
    for row in rows:
        repositories.add_closure(work.session, row)
        stretch = {name: getattr(row, name) for name in ("where", "resource", "unit", "start_at", "end_at")}
        told = {**stretch, "visits": [one.id for one in visits]}
        work.audit("closure:declared", row.id, reason=row.reason, after=told)
    return Together(rows, visits)


def _usable(work: UnitOfWork, facts: Facts, one: Closure) -> None:
    _known(facts, work.principal, one.where, one.resource, one.unit)
    if one.during.end_at <= work.now:
        raise Refused("in-the-past", 422, "This stretch is over. A closure must end in the future.")
    if not one.reason.strip():
        raise Refused("reason-missing", 422, "A closure needs a reason.")


def _shut(facts: Facts, parts: Sequence[Closure]) -> Facts:
    return replace(facts, network=facts.network.with_closures(*parts))


def _courses_near(work: UnitOfWork, parts: Sequence[Closure]) -> set[str]:
    since, until = min(one.during.start_at for one in parts), max(one.during.end_at for one in parts)
    planned = repositories.activities_between(work.session, since - WAITS, until + WAITS)
    return {one.course for one in planned}


def _row(work: UnitOfWork, one: Closure) -> ClosureRow:
    return ClosureRow(
        id=f"clo_{secrets.token_hex(10)}",
        where=one.where,
        resource=one.resource,
        unit=one.unit,
        start_at=one.during.start_at,
        end_at=one.during.end_at,
        reason=one.reason,
        declared_at=work.now,
        declared_by=work.principal.name,
    )


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


def _known(facts: Facts, principal: Principal, where: str, resource: str | None, unit: str | None) -> None:
    place = next((one for one in facts.network.places if one.code == where), None)
    lane = any(one.code == where for one in facts.network.lanes)
    own = principal.audience is Audience.PLANT or where == principal.site
    if (place is None and not lane) or not own:
        raise not_found("place")
    if resource is not None and (place is None or all(one.kind != resource for one in place.resources)):
        raise Refused("unknown-resource", 422, "There is no such resource here. Leave it out to close the whole.")
    if unit is not None and (place is None or resource is None):
        raise Refused("unit-without-resource", 422, "A unit is one of a resource: name that, too.")
    if unit is not None and place is not None and unit not in place.resource(resource or "").units:
        raise Refused("unknown-unit", 422, "This resource has no such unit. Leave it out to close all of them.")
