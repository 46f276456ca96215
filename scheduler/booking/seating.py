"""Taking units for a course inside a transaction: seats, swaps, stays, and the referee."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from scheduler.booking.board import Board
from scheduler.booking.errors import Refused
from scheduler.domain.cost import cost_of
from scheduler.domain.course import Facts, Patient
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.domain.rules import Violation, violations
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import units_text
from scheduler.persistence.occupancy import NewStay
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.desk import Desk
from scheduler.planning.needs import needs_of, with_units
from scheduler.planning.seats import Need, NoSeat, Seating

GONE = "Somebody was faster: a time of this offer is taken by now. Look for new offers."


def seated(
    work: UnitOfWork, board: Board, desk: Desk, course: PlannedCourse, *, releasing: frozenset[int] = frozenset()
) -> tuple[PlannedCourse, list[NewStay]]:
    """Give a course its units now; others swap theirs where that makes room. Call with the board locked.

    The stays in `releasing` are taken to be gone. Where somebody swaps units they are released here, since their place
    may be given away; release what is left of them before the new ones are written.

    Raises
    ------
    Refused
        409 ``offer-gone`` when a time is taken.
    """
    try:
        found, seating = desk.seated(course, releasing)
    except NoSeat as problem:
        raise Refused("offer-gone", 409, GONE) from problem
    _swap(work, board, seating, releasing)
    return found, _new_stays(board, course.patient, needs_of(desk.facts, course), seating)


def seated_together(
    work: UnitOfWork, board: Board, desk: Desk, courses: Sequence[PlannedCourse], *, releasing: frozenset[int]
) -> list[tuple[PlannedCourse, list[NewStay]]]:
    """As `seated`, for several courses that must all find room."""
    needs = [needs_of(desk.facts, course) for course in courses]
    try:
        seating = desk.seats.seat((need for listed in needs for need in listed), without=releasing)
    except NoSeat as problem:
        raise Refused("offer-gone", 409, GONE) from problem
    _swap(work, board, seating, releasing)
    found: list[tuple[PlannedCourse, list[NewStay]]] = []
    first = 0
    for course, listed in zip(courses, needs, strict=True):
        part = Seating(seating.units[first : first + len(listed)], ())
        found.append((with_units(course, listed, part), _new_stays(board, course.patient, listed, part)))
        first += len(listed)
    return found


def _swap(work: UnitOfWork, board: Board, seating: Seating, releasing: frozenset[int]) -> None:
    """Others' stays change units, and their activities say so; nobody's times change."""
    if not seating.swaps:
        return
    revision = work.lock_board()
    occupancy.release_stays(work.session, releasing, revision)
    moves = [(swap.key, board.numbers[swap.new]) for swap in seating.swaps]
    for stay in occupancy.change_units(work.session, moves, revision):
        activity = repositories.activity(work.session, stay.activity)
        if activity is not None and stay.hold is None and stay.resource != "lane":
            units = json.loads(activity.units)
            units[stay.resource] = board.units[stay.unit_id][2]
            activity.units, activity.changed_at = units_text(units), work.now


def _new_stays(board: Board, course: str, needs: list[Need], seating: Seating) -> list[NewStay]:
    return [
        NewStay(board.numbers[unit], need.begins, need.ends, course, need.activity, need.resource)
        for need, unit in zip(needs, seating.units, strict=True)
        if need.begins < need.ends
    ]


def referee(
    facts: Facts,
    patient: Patient,
    course: PlannedCourse,
    *,
    allowed: frozenset[str] = frozenset(),
    before: PlannedCourse | None = None,
) -> list[Violation]:
    """Judge a course by every rule, and give the violations of those `allowed` to be broken.

    What was broken `before` in just the same way, such as a visit that a closure hit, forbids no other change. What
    courses can only break together - one unit, one departure place, line clearance, turnaround - the database itself
    excludes, as stays that may not overlap.

    Raises
    ------
    Refused
        409 ``breaks-rule`` naming the first rules broken.
    """
    known = set() if before is None else {one.message for one in violations_alone(facts, patient, before)}
    found = [one for one in violations_alone(facts, patient, course) if one.message not in known]
    refused = [one for one in found if one.rule not in allowed]
    if refused:
        rules = ", ".join(sorted({one.rule for one in refused}))
        raise Refused(
            "breaks-rule",
            409,
            f"This would break {rules}: {refused[0].message}. Look for new offers.",
            blinded_sentence="These times can no longer be kept. Look for new offers.",
        )
    return found


def violations_alone(facts: Facts, patient: Patient, course: PlannedCourse) -> list[Violation]:
    """What a course breaks by itself, whatever others do."""
    alone = replace(facts, patients=(patient,))
    plan = Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, (course,))
    return violations(replace(plan, cost=cost_of(plan, alone)), alone)
