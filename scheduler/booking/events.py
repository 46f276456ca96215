"""Events: what went wrong is taken down, with everything that follows from it; nothing new is planned yet.

Each kind of event is one function here that calls the use case it stands for. What the event makes impossible is found
by the referee afterwards, and put right by a repair (`reoptimise.answer`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import singledispatch

from scheduler.booking import closures, hindrances
from scheduler.booking.access import course_for, must_be, patient_for, visit_for
from scheduler.booking.board import Board
from scheduler.booking.cancel import cancel
from scheduler.booking.errors import Refused, not_found
from scheduler.booking.record import may_record, may_see
from scheduler.booking.remake import GivenUp, give_up
from scheduler.domain.calendars import Closure, local_date, local_instant
from scheduler.domain.closing import half_capacity, holiday
from scheduler.domain.course import FOLLOW_UP, Facts, doses_of
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
from scheduler.domain.hindrances import hindered
from scheduler.domain.intervals import Interval
from scheduler.domain.protocol import Protocol
from scheduler.domain.remake import Cause
from scheduler.persistence import proposals, repositories
from scheduler.persistence.mapping import NOT_YET
from scheduler.persistence.tables import ActivityRow, CourseRow, VisitRow
from scheduler.persistence.tables_plans import EventRow
from scheduler.persistence.unit_of_work import UnitOfWork

FAR = timedelta(days=3650)  # how long "never again" lasts
LONGEST = timedelta(days=366)  # of a site at half capacity


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
    during = _during(event.start_at, event.end_at)
    return _closed(work, board, [Closure(event.where, during, event.reason, event.resource, event.unit)])


@_take_down.register
def _half(event: HalfCapacity, work: UnitOfWork, board: Board) -> _Effect:
    must_be(work.principal, closures.DECLARERS, "declare a closure")
    facts = board.facts(work)
    if event.site not in {one.code for one in facts.network.sites} or not work.principal.may_see_site(event.site):
        raise not_found("site")
    during = _during(event.start_at, event.end_at)
    if during.length > LONGEST:
        raise Refused("too-long", 422, f"This lasts more than {LONGEST.days} days. Report a shorter stretch.")
    return _closed(work, board, half_capacity(facts, event.site, during, event.reason), site=event.site)


@_take_down.register
def _holiday(event: TemporaryHoliday, work: UnitOfWork, board: Board) -> _Effect:
    must_be(work.principal, closures.DECLARERS, "declare a closure")
    network = board.facts(work).network
    known = {one.code: one for one in network.places}
    if event.places is not None and not set(event.places) <= known.keys():
        raise not_found("place")
    homes = [known[code] for code in event.places or known]
    if all(event.on in network.holidays[one.holidays] for one in homes):
        raise Refused("holiday-already", 409, "This day is a public holiday there already. There is nothing to report.")
    return _closed(work, board, holiday(board.facts(work), event.on, event.places, event.name))


def _closed(work: UnitOfWork, board: Board, parts: Sequence[Closure], site: str | None = None) -> _Effect:
    if not parts:
        raise Refused("nothing-closes", 422, "Nothing closes there then. Check the places and the time.")
    left = [one for one in parts if one.during.end_at > work.now]
    if not left:
        raise Refused("in-the-past", 422, "This stretch is over. It must end in the future.")
    return _Effect(closures.declare_together(work, board, left).visits, None, site)


def _during(start_at: datetime, end_at: datetime) -> Interval:
    if end_at <= start_at:
        raise Refused("ends-before-start", 422, "end_at must lie after start_at.")
    return Interval(start_at, end_at)


# --- one patient ------------------------------------------------------------------------------------------------------


@_take_down.register
def _postponed(event: VisitPostponed, work: UnitOfWork, board: Board) -> _Effect:
    """The visit is not before that day, and the patient attends nothing from its old day until then."""
    must_be(work.principal, hindrances.OF_VISITS, "postpone a visit")
    visit = visit_for(work, event.visit)
    zone = board.facts(work).network.place(visit.site).zone
    if visit.status != "planned":
        raise Refused("visit-ended", 409, "This visit is over, was cancelled or has no date. It cannot be postponed.")
    told_on = local_date(visit.start_at, zone)
    if event.not_before <= told_on:
        raise Refused("not-later", 422, "not_before must lie after the date of the visit.")
    until = local_instant(event.not_before, 0, zone)
    if until <= work.now:
        raise Refused("in-the-past", 422, "not_before must lie in the future. Record what became of the visit instead.")
    away = Interval(local_instant(told_on, 0, zone), until)
    found = [_hindered(work, board, visit.course, None, None, away, event.reason)]
    step = repositories.activity(work.session, visit.id)
    assert step is not None, "a visit is that of a step"
    if step.kind != FOLLOW_UP:  # and it does not come sooner instead
        own = Interval(min(work.now, away.start_at), until)
        found.append(_hindered(work, board, visit.course, (step.kind,), step.dose, own, event.reason))
    return _Effect(_all_of(found), visit.course, visit.site)


@_take_down.register
def _read_out(event: CultureReadOut, work: UnitOfWork, board: Board) -> _Effect:
    must_be(work.principal, hindrances.OF_THE_PLANT, "report a read-out")
    facts = board.facts(work)
    filled = facts.protocol.filled_in
    if filled is None:
        raise Refused("nothing-filled", 422, "In this protocol nothing is filled, so nothing can be ready for it.")
    _can_be_read(work, event, filled)
    _contradicts_nothing(work, facts, event, filled)
    forbidden = _forbidden(event, work.now)
    found = [_hindered(work, board, event.patient, (filled,), event.dose, one, event.reason) for one in forbidden]
    return _Effect(_all_of(found), event.patient, patient_for(work, event.patient).site)


def _hindered(
    work: UnitOfWork,
    board: Board,
    patient: str,
    kinds: tuple[str, ...] | None,
    dose: int | None,
    during: Interval,
    reason: str,
) -> hindrances.Declared:
    return hindrances.declare(
        work,
        board,
        patient=patient,
        kinds=kinds,
        dose=dose,
        start_at=during.start_at,
        end_at=during.end_at,
        reason=reason,
    )


def _all_of(found: Iterable[hindrances.Declared]) -> tuple[VisitRow, ...]:
    """The visits that several hindrances hit, each once, by start."""
    visits = {one.id: one for declared in found for one in declared.visits}
    return tuple(sorted(visits.values(), key=lambda one: (one.start_at, one.id)))


def _can_be_read(work: UnitOfWork, event: CultureReadOut, filled: str) -> None:
    if course_for(work, event.patient).status != "booked":
        raise Refused("course-ended", 409, "This course has ended. There is nothing left to fill.")
    if event.ready_from is None and event.ready_until is None:
        raise Refused("read-out-empty", 422, "Say from when, or until when, the cells can be filled.")
    if event.ready_from is not None and event.ready_until is not None and event.ready_until <= event.ready_from:
        raise Refused("contradicts-itself", 422, "ready_until must lie after ready_from.")
    row = repositories.activity(work.session, f"{event.patient}/{event.dose}/{filled}")
    if row is None:
        raise not_found("dose")
    if row.status not in NOT_YET:
        raise Refused("already-recorded", 409, "The fill of this dose is recorded already, or given up for good.")
    if not _forbidden(event, work.now):
        raise Refused("in-the-past", 422, "This read-out forbids nothing any more: ready_from is over. Check it.")


def _contradicts_nothing(work: UnitOfWork, facts: Facts, event: CultureReadOut, filled: str) -> None:
    """Refused 409 when earlier read-outs and this one together leave no moment at which the dose could be filled."""
    known = hindered(facts.hindrances_of(event.patient), filled, event.dose, attended=False)
    ends = work.now
    for one in sorted([*known, *_forbidden(event, work.now)], key=lambda each: each.start_at):
        if one.start_at <= ends:
            ends = max(ends, one.end_at)
    if ends >= work.now + FAR:
        words = "With what was reported before, no moment is left at which this dose could be filled."
        raise Refused("contradicts", 409, f"{words} Withdraw the hindrance that no longer holds, then report this.")


def _forbidden(event: CultureReadOut, now: datetime) -> list[Interval]:
    first, last = event.ready_from, event.ready_until
    found = [] if first is None or first <= now else [Interval(now, first)]
    return found if last is None else [*found, Interval(last, max(last, now) + FAR)]


@_take_down.register
def _late(event: ShipmentLate, work: UnitOfWork, board: Board) -> _Effect:
    """The steps of the dose that wait for it cannot be done before it arrives."""
    course = course_for(work, event.activity.partition("/")[0])
    facts = board.facts(work)
    row = _transit(work, facts.protocol, course, event.activity)
    if row.status != "planned":
        raise Refused("already-recorded", 409, "What became of this shipment is recorded already, or it has no time.")
    if event.arrives_at <= row.end_at:
        raise Refused("not-late", 422, "It would arrive as planned then. Give the time at which it arrives late.")
    if event.arrives_at <= work.now:
        raise Refused("in-the-past", 422, "It has arrived by then. Record it as performed late instead.")
    found = hindrances.enter(
        work,
        facts,
        patient=course.id,
        kinds=tuple(one.kind for one in facts.protocol.steps if row.kind in one.after),
        dose=row.dose,
        during=(min(work.now, row.end_at), event.arrives_at),
        reason=f"{row.id} arrives late",
        neutral="logistics",
    )
    return _Effect(found.visits, course.id, course.site)


def _transit(work: UnitOfWork, protocol: Protocol, course: CourseRow, activity: str) -> ActivityRow:
    """A transit the actor records; Refused 404 in the same way for others and for none."""
    row = next((one for one in repositories.activities(work.session, course.id) if one.id == activity), None)
    step = next((one for one in protocol.steps if row is not None and one.kind == row.kind and one.is_transit), None)
    if row is None or step is None or not may_see(work.principal, step, course.site):
        raise not_found("shipment")
    may_record(work.principal, step)
    return row


@_take_down.register
def _left(event: PatientLeft, work: UnitOfWork, board: Board) -> _Effect:
    course_for(work, event.patient)
    before = repositories.visits_of(work.session, event.patient)
    ahead = [one.id for one in before if one.status in NOT_YET]
    course = cancel(work, event.patient, reason_code=event.reason_code, note=event.note)
    for decision in proposals.open_decisions(work.session, event.patient):
        proposals.settle(decision, "ended", work.principal.name, work.now)
        work.audit("decision:settled", decision.id, after={"outcome": "ended"})
    after = repositories.visits_of(work.session, event.patient)
    return _Effect(tuple(one for one in after if one.id in ahead and one.status not in NOT_YET), course.id, course.site)
