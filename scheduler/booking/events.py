"""Events: what went wrong is taken down, with everything that follows from it; nothing new is planned yet.

Each kind of event is one function here that calls the use case it stands for. What the event makes impossible is found
by the referee afterwards, and put right by a repair (`reoptimise.answer`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import singledispatch

from scheduler.booking import closures, hindrances
from scheduler.booking.access import course_for, patient_for, visit_for
from scheduler.booking.board import Board
from scheduler.booking.cancel import cancel
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.remake import GivenUp, give_up
from scheduler.domain.calendars import Closure, local_date, local_instant
from scheduler.domain.closing import half_capacity, holiday
from scheduler.domain.course import Facts, doses_of
from scheduler.domain.events import (
    KINDS,
    CultureReadOut,
    Event,
    HalfCapacity,
    HarvestDry,
    LotFailed,
    OutOfService,
    PatientLeft,
    ShipmentLate,
    ShipmentLost,
    TapFailed,
    TemporaryHoliday,
    VisitPostponed,
)
from scheduler.domain.intervals import Interval
from scheduler.domain.remake import Cause
from scheduler.persistence import proposals, repositories
from scheduler.persistence.tables import EventRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

FAR = timedelta(days=3650)  # how long "never again" lasts


@dataclass(frozen=True)
class Happened:
    """An event as it was taken down.

    `patient` and `site` are set where it concerns one; `visits` are those that cannot stay as they were told and that
    the actor may see.
    """

    event: EventRow
    visits: tuple[VisitRow, ...]


@dataclass(frozen=True)
class _Effect:
    visits: tuple[VisitRow, ...]
    patient: str | None = None
    site: str | None = None


def report(work: UnitOfWork, board: Board, event: Event) -> Happened:
    """Take an event down with all that follows from it by itself. The caller commits.

    Raises
    ------
    Refused
        As the use case it stands for: 403 for other roles, 404 for what is unknown or not the actor's, 409 for what is
        over, was given or was recorded otherwise, 422 for times that cannot be or contradict each other.
    """
    effect = _take_down(event, work, board)
    row = EventRow(
        id=f"evt_{secrets.token_hex(10)}",
        kind=KINDS[type(event)],
        details=json.dumps(asdict(event), default=_plain, sort_keys=True),
        patient=effect.patient,
        site=effect.site,
        reported_at=work.now,
        reported_by=work.principal.name,
    )
    proposals.add_event(work.session, row)
    told = {"kind": row.kind, "event": json.loads(row.details), "visits": [one.id for one in effect.visits]}
    work.audit("event:reported", row.id, after=told)
    return Happened(row, effect.visits)


def _plain(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@singledispatch
def _take_down(event: Event, work: UnitOfWork, board: Board) -> _Effect:
    raise TypeError(f"no use case for {event!r}")


# --- something failed -------------------------------------------------------------------------------------------------


@_take_down.register
def _lot(event: LotFailed, work: UnitOfWork, board: Board) -> _Effect:
    return _failed(work, board, event.activity, "lot_failed", event.at)


@_take_down.register
def _harvest(event: HarvestDry, work: UnitOfWork, board: Board) -> _Effect:
    return _failed(work, board, event.activity, "harvest_dry", event.at)


@_take_down.register
def _tap(event: TapFailed, work: UnitOfWork, board: Board) -> _Effect:
    return _failed(work, board, event.activity, "tap_failed", event.at)


@_take_down.register
def _lost(event: ShipmentLost, work: UnitOfWork, board: Board) -> _Effect:
    return _failed(work, board, event.activity, "shipment_lost", event.at)


def _failed(work: UnitOfWork, board: Board, activity: str, cause: Cause, at: datetime) -> _Effect:
    course = course_for(work, activity.partition("/")[0])
    found = give_up(
        work,
        board,
        course.id,
        _dose_of(board.facts(work), course.id, activity),
        cause=cause,
        failed_activity=activity,
        at=at,
    )
    return _Effect(_visits(work, found), course.id, course.site)


def _dose_of(facts: Facts, course: str, activity: str) -> int:
    """The dose a step serves: its own, or the first where it belongs to none."""
    parts = activity.split("/")
    if len(parts) == 3:
        if not parts[1].isdigit():
            raise not_found("step")
        return int(parts[1])
    return doses_of(facts.protocol, facts.arm_of(course))[0]


def _visits(work: UnitOfWork, found: GivenUp) -> tuple[VisitRow, ...]:
    rows = (repositories.visit(work.session, name) for name in found.visits)
    return tuple(one for one in rows if one is not None)


# --- something does not work for a while ------------------------------------------------------------------------------


@_take_down.register
def _out(event: OutOfService, work: UnitOfWork, board: Board) -> _Effect:
    closure = Closure(event.where, _during(event.start_at, event.end_at), event.reason, event.resource, event.unit)
    return _closed(work, board, [closure])


@_take_down.register
def _half(event: HalfCapacity, work: UnitOfWork, board: Board) -> _Effect:
    facts = board.facts(work)
    if event.site not in {one.code for one in facts.network.sites}:
        raise not_found("place")
    parts = half_capacity(facts, event.site, _during(event.start_at, event.end_at), event.reason)
    return _closed(work, board, parts, site=event.site)


@_take_down.register
def _holiday(event: TemporaryHoliday, work: UnitOfWork, board: Board) -> _Effect:
    facts = board.facts(work)
    if event.places is not None and not set(event.places) <= {one.code for one in facts.network.places}:
        raise not_found("place")
    return _closed(work, board, holiday(facts, event.on, event.places, event.name))


def _closed(work: UnitOfWork, board: Board, parts: Iterable[Closure], site: str | None = None) -> _Effect:
    visits: dict[str, VisitRow] = {}
    declared = 0
    for one in parts:
        if one.during.end_at <= work.now:
            continue
        found = closures.declare(
            work,
            board,
            where=one.where,
            resource=one.resource,
            unit=one.unit,
            start_at=one.during.start_at,
            end_at=one.during.end_at,
            reason=one.reason,
        )
        declared += 1
        visits |= {each.id: each for each in found.visits}
    if not declared:
        raise Refused("in-the-past", 422, "This is over, or nothing is open then. It must end in the future.")
    return _Effect(tuple(sorted(visits.values(), key=lambda one: (one.start_at, one.id))), None, site)


def _during(start_at: datetime, end_at: datetime) -> Interval:
    if end_at <= start_at:
        raise Refused("ends-before-start", 422, "end_at must lie after start_at.")
    return Interval(start_at, end_at)


# --- one patient ------------------------------------------------------------------------------------------------------


@_take_down.register
def _postponed(event: VisitPostponed, work: UnitOfWork, board: Board) -> _Effect:
    visit = visit_for(work, event.visit)
    zone = board.facts(work).network.place(visit.site).zone
    if visit.status != "planned":
        raise Refused("visit-ended", 409, "This visit is over, was cancelled or has no date. It cannot be postponed.")
    if event.not_before <= local_date(visit.start_at, zone):
        raise Refused("not-later", 422, "not_before must lie after the date of the visit.")
    until = local_instant(event.not_before, 0, zone)
    return _hindered(work, board, visit.course, None, None, Interval(work.now, until), event.reason)


@_take_down.register
def _read_out(event: CultureReadOut, work: UnitOfWork, board: Board) -> _Effect:
    facts = board.facts(work)
    filled = facts.protocol.filled_in
    if filled is None:
        raise Refused("nothing-filled", 422, "In this protocol nothing is filled, so nothing can be ready for it.")
    first, last = event.ready_from, event.ready_until
    if first is None and last is None:
        raise Refused("read-out-empty", 422, "Say from when, or until when, the cells can be filled.")
    if first is not None and last is not None and last <= first:
        raise Refused("contradicts-itself", 422, "ready_until must lie after ready_from.")
    row = repositories.activity(work.session, f"{event.patient}/{event.dose}/{filled}")
    if row is not None and row.status not in ("planned", "open"):
        raise Refused(
            "already-recorded", 409, "The fill of this dose is recorded already. There is nothing to read out."
        )
    stretches = [] if first is None else [Interval(work.now, first)]
    stretches += [] if last is None else [Interval(last, last + FAR)]
    effects = [
        _hindered(work, board, event.patient, (filled,), event.dose, one, event.reason)
        for one in stretches
        if one.start_at < one.end_at and one.end_at > work.now
    ]
    if not effects:
        raise Refused("in-the-past", 422, "These times are over and forbid nothing. Check them.")
    visits = {one.id: one for effect in effects for one in effect.visits}
    return _Effect(tuple(visits.values()), effects[0].patient, effects[0].site)


def _hindered(
    work: UnitOfWork,
    board: Board,
    patient: str,
    kinds: tuple[str, ...] | None,
    dose: int | None,
    during: Interval,
    reason: str,
) -> _Effect:
    row = patient_for(work, patient)
    found = hindrances.declare(
        work,
        board,
        patient=patient,
        kinds=kinds,
        dose=dose,
        start_at=during.start_at,
        end_at=during.end_at,
        reason=reason,
    )
    return _Effect(found.visits, patient, row.site)


@_take_down.register
def _left(event: PatientLeft, work: UnitOfWork, board: Board) -> _Effect:
    course = cancel(work, event.patient, reason_code=event.reason_code, note=event.note)
    for decision in proposals.open_decisions(work.session, event.patient):
        proposals.settle(decision, "ended", work.principal.name, work.now)
        work.audit("decision:settled", decision.id, after={"outcome": "ended"})
    return _Effect((), course.id, course.site)


@_take_down.register
def _late(event: ShipmentLate, work: UnitOfWork, board: Board) -> _Effect:
    """The steps of the dose that wait for it cannot be done before it arrives."""
    course = course_for(work, event.activity.partition("/")[0])
    rows = {one.id: one for one in repositories.activities(work.session, course.id)}
    row = rows.get(event.activity)
    protocol = board.facts(work).protocol
    steps = {one.kind: one for one in protocol.steps}
    if row is None or row.kind not in steps or not steps[row.kind].is_transit or row.status == "given_up":
        raise not_found("shipment")
    if row.status != "planned":
        raise Refused("already-recorded", 409, "What became of this shipment is recorded already.")
    if event.arrives_at <= row.end_at:
        raise Refused("not-late", 422, "It would arrive as planned then. Give the time at which it arrives late.")
    waiting = tuple(one.kind for one in protocol.steps if row.kind in one.after)
    during = Interval(min(work.now, row.end_at), event.arrives_at)
    reason = f"{row.id} arrives late"
    return _hindered(work, board, course.id, waiting, row.dose, during, reason)
