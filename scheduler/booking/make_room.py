"""Courses that move somebody else's draft: who asks sees whom, and books only what was shown."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from scheduler.booking.access import BOOKERS, must_be, must_be_randomised, patient_for
from scheduler.booking.board import Board
from scheduler.booking.book import attended, visit_times, written
from scheduler.booking.errors import Refused
from scheduler.booking.find import Ask, Found, wanted_of
from scheduler.booking.hold import open_offer
from scheduler.booking.reschedule import exchange, performed_rules, rewrite, say_why
from scheduler.booking.seating import referee, seated_together
from scheduler.domain.audience import Role
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.plan import PlannedCourse
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import course_from, course_of, course_text, patient_of
from scheduler.persistence.tables import ActivityRow, CourseRow, OfferRow, VisitRow
from scheduler.persistence.unit_of_work import Begin, UnitOfWork
from scheduler.planning.make_room import Other, Room, with_room

MOVERS = frozenset({Role.COORDINATOR, Role.PLANNER})


def find_with_room(begin: Begin, board: Board, patient_id: str, ask: Ask, *, valid_for: timedelta) -> Found:
    """Offers better than any that moves nobody; each moves one other patient's draft and says which visits.

    A coordinator may move and is shown own-site patients only, a planner any. A visit is a draft while it lies beyond
    the patient fence of the policy and the patient has not confirmed it.

    Raises
    ------
    Refused
        As `find.find_offers`; 403 for a role that may not move others.
    """
    with begin(False) as work:
        rooms, versions, facts = _search(work, board, patient_id, ask)
        before = {room.moved.patient: _booked(work, room.moved.patient) for room in rooms}
    with begin(True) as work:
        rows = tuple(_offer(work, facts, one, before[one.moved.patient], versions, valid_for) for one in rooms)
        work.session.add_all(rows)
        work.commit()
    return Found(
        facts, rows, None if rows else "Nobody's draft can be moved so that this patient would be treated sooner."
    )


def _search(work: UnitOfWork, board: Board, patient_id: str, ask: Ask) -> tuple[list[Room], dict[str, int], Facts]:
    must_be(work.principal, MOVERS, "ask for dates that move other patients")
    row = patient_for(work, patient_id)
    if row.status != "registered" or ask.dose is not None:
        raise Refused("already-booked", 409, "Others are moved only for a patient without a course.")
    patient = patient_of(row)
    wanted = wanted_of(work, ask)
    with board.desk(work, registered_on=patient.registered_on) as desk:
        must_be_randomised(desk.facts, patient_id)
        policy = desk.facts.policy
        earliest_at = work.now + timedelta(days=policy.plant_fence_days)
        fence_at = work.now + timedelta(days=policy.patient_fence_days)
        rows = repositories.courses(work.session, site=work.principal.site, after="", limit=10_000)
        booked = [one for one in rows if one.status == "booked" and one.id != patient_id]
        others = _others(work, booked, fence_at)
        rooms = with_room(desk, patient, wanted(earliest_at), others)
    return rooms, {one.id: one.version for one in booked}, desk.facts


def _others(work: UnitOfWork, courses: list[CourseRow], fence_at: datetime) -> list[Other]:
    """Everybody with whole doses that are still drafts."""
    names = [one.id for one in courses]
    activities = repositories.activities_by_course(work.session, names)
    stays = occupancy.stays_by_course(work.session, names)
    confirmed = repositories.confirmed_visits(work.session, names)
    found: list[Other] = []
    for row in courses:
        movable = _drafts(activities.get(row.id, []), fence_at, confirmed)
        waits = any(one.status == "open" for one in activities.get(row.id, []))  # for a time of its own first
        if movable and not waits:
            person = repositories.patient(work.session, row.id)
            assert person is not None
            patient = patient_of(person)
            found.append(Other(patient, course_of(patient, row, activities[row.id]), stays.get(row.id, {}), movable))
    return found


def _drafts(rows: list[ActivityRow], fence_at: datetime, confirmed: frozenset[str]) -> frozenset[str]:
    treatment = [one for one in rows if one.kind != FOLLOW_UP]
    fixed = {one.dose for one in treatment if one.status != "planned" or one.start_at < fence_at or one.id in confirmed}
    return frozenset(one.id for one in treatment if one.dose not in fixed)


def _booked(work: UnitOfWork, name: str) -> dict[str, VisitRow]:
    return {one.id: one for one in repositories.visits_of(work.session, name)}


def _offer(
    work: UnitOfWork,
    facts: Facts,
    room: Room,
    visits: dict[str, VisitRow],
    versions: dict[str, int],
    valid_for: timedelta,
) -> OfferRow:
    moved = room.moved
    changed = {
        one.id: [visits[one.id].start_at.isoformat(), one.start_at.isoformat()]
        for one in attended(facts, moved.activities)
        if one.id in visits and visits[one.id].start_at != one.start_at
    }
    move = {
        "patient": moved.patient,
        "site": moved.site,
        "version": versions[moved.patient],
        "visits": changed,
        "course": course_text(moved),
    }
    return OfferRow(
        id=f"off_{secrets.token_hex(12)}",
        patient=room.proposal.course.patient,
        site=room.proposal.course.site,
        course=course_text(room.proposal.course),
        moves=json.dumps([move]),
        tier=1,
        first_dose_on=room.proposal.on,
        cost=json.dumps(room.proposal.cost),
        made_at=work.now,
        made_by=work.principal.name,
        valid_until=work.now + valid_for,
    )


def visits_moved(offer: OfferRow) -> list[dict[str, Any]]:
    """Whose visits an offer moves, from when to when: ``{patient, visits: {id: [old, new]}}``, nothing of the plant."""
    return [{"patient": move["patient"], "visits": move["visits"]} for move in json.loads(offer.moves)]


def book_with_room(work: UnitOfWork, board: Board, offer_id: str, *, reason: str) -> CourseRow:
    """Book such an offer at once and move the other, together or not at all. The caller commits.

    Raises
    ------
    Refused
        404 unknown or not the actor's to move, 409 when anything it relies on has changed.
    """
    must_be(work.principal, MOVERS & BOOKERS, "move other patients")
    revision = work.lock_board()
    offer = open_offer(work, offer_id)
    if offer.tier != 1:
        raise Refused("offer-needs-hold", 409, "This offer moves nobody. Hold it, then book the hold.")
    (move,) = json.loads(offer.moves)
    person = patient_for(work, offer.patient)
    if person.status != "registered" or repositories.hold_of_patient(work.session, offer.patient, work.now) is not None:
        raise Refused("already-booked", 409, "This patient has a course or a hold already.")
    other = repositories.course(work.session, move["patient"], lock=True)
    if other is None or not work.principal.may_see_site(other.site):
        raise Refused("offer-not-found", 404, "There is no such offer, or it is not yours to see. Check the id.")
    rows = {one.id: one for one in repositories.activities(work.session, other.id)}
    if other.version != move["version"] or other.status != "booked":
        raise Refused("offer-outdated", 409, "What this offer relies on has changed. Look for new offers.")
    mover = repositories.patient(work.session, other.id)
    assert mover is not None
    before = course_of(patient_of(mover), other, rows.values())
    _must_be_drafts(work, board, set(move["visits"]), rows, other.id)
    old = occupancy.stays_of(work.session, other.id)
    with board.desk(work, registered_on=person.registered_on) as desk:
        own = frozenset(one.id for one in old if one.id is not None)
        planned = [course_from(offer.course), course_from(move["course"])]
        (course, stays), (moved, moved_stays) = seated_together(work, board, desk, planned, releasing=own)
        referee(desk.facts, patient_of(person), course)
        referee(desk.facts, patient_of(mover), moved, allowed=performed_rules(rows), before=before)
        exchange(work, {other.id: moved_stays}, revision)
        changes = rewrite(work, desk.facts, moved, before, rows)
        say_why(work, changes, "logistics")
        row = written(work, desk.facts, course)
        occupancy.add_stays(work.session, stays, revision)
        _told(work, desk.facts, offer, row, course, other, changes, reason)
    person.status, person.version = "booked", person.version + 1
    other.version += 1
    offer.status = "booked"
    return row


def _must_be_drafts(work: UnitOfWork, board: Board, visits: set[str], rows: dict[str, ActivityRow], other: str) -> None:
    """Refused when a visit that would move has been confirmed, or come too near, since the offer was made."""
    fence_at = work.now + timedelta(days=board.facts(work).policy.patient_fence_days)
    confirmed = repositories.confirmed_visits(work.session, [other])
    if not visits <= _drafts(list(rows.values()), fence_at, confirmed):
        raise Refused("offer-outdated", 409, "What this offer relies on has changed. Look for new offers.")


def _told(
    work: UnitOfWork,
    facts: Facts,
    offer: OfferRow,
    row: CourseRow,
    course: PlannedCourse,
    other: CourseRow,
    changes: dict[str, tuple[str | None, str]],
    reason: str,
) -> None:
    work.audit("course:booked", row.id, reason=reason, after={"offer": offer.id, "visits": visit_times(facts, course)})
    work.audit(
        "course:rescheduled",
        other.id,
        reason=f"moved to make room: {reason}",
        before={name: old for name, (old, _) in changes.items()},
        after={name: new for name, (_, new) in changes.items()},
    )
