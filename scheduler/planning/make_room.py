"""Courses that become possible when others' drafts move a little: what is asked for when nothing else is soon enough.

Everything that may move is lifted off the desk to see how well the patient could fare. Those who hold most of what
that would take are then tried one by one: without this one, is there a better course, and does this one find another
place around it, inside every window and on the same day where that can be? Whoever finds none is not moved.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from scheduler.domain.calendars import local_date
from scheduler.domain.course import Patient
from scheduler.domain.plan import PlannedCourse
from scheduler.planning.desk import Desk, Proposal
from scheduler.planning.needs import needs_of
from scheduler.planning.seats import Need, NoSeat, Stay, Unit
from scheduler.planning.wanted import Wanted

MOST_TRIED = 16  # how many others are tried, those most in the way first
TEMPORARY = 2**40  # keys of stays that are only tried out begin here


@dataclass(frozen=True)
class Other:
    """Somebody whose drafts may move: the stays by key with the activity each serves, and what may move."""

    patient: Patient
    course: PlannedCourse
    stays: Mapping[int, str]
    movable: frozenset[str]


@dataclass(frozen=True)
class Room:
    """A course that has room once the other's course is as in `moved`."""

    proposal: Proposal
    moved: PlannedCourse


def with_room(desk: Desk, patient: Patient, wanted: Wanted, others: Sequence[Other]) -> list[Room]:
    """Courses better than any that moves nobody, the cheapest first, each with one other's course as it has to be.

    Moving one person is asked for, never several. The desk is afterwards as it was before.
    """
    one = replace(wanted, count=1)
    plain = desk.find(patient, one)
    with _without(desk, [key for other in others for key in _movable(other)]):
        ideal = desk.find(patient, one)
    if not ideal or (plain and ideal[0].cost >= plain[0].cost):
        return []
    rooms: list[Room] = []
    for other in _nearest(desk, ideal[0], others):
        with _without(desk, _movable(other)):
            found = desk.find(patient, one)
        if found and not (plain and found[0].cost >= plain[0].cost):
            room = _made(desk, found[0], other)
            rooms += [] if room is None else [room]
    rooms.sort(key=lambda room: (room.proposal.cost, room.proposal.on))
    return _apart(rooms, wanted)


def _movable(other: Other) -> list[int]:
    return [key for key, activity in other.stays.items() if activity in other.movable]


def _apart(rooms: Sequence[Room], wanted: Wanted) -> list[Room]:
    """The best rooms whose days are far enough from each other, as many as wanted."""
    kept: list[Room] = []
    for room in rooms:
        if all(abs((room.proposal.on - one.proposal.on).days) >= wanted.apart_days for one in kept):
            kept.append(room)
    return kept[: wanted.count]


@contextmanager
def _without(desk: Desk, keys: Sequence[int]) -> Iterator[None]:
    """The desk as if some stays were not there."""
    gone: list[tuple[Unit, Stay]] = []
    try:
        for key in keys:
            if key in desk.seats:
                gone.append(desk.seats.at(key))
                desk.drop(key)
        yield
    finally:
        for unit, stay in gone:
            desk.put(unit, stay)


def _nearest(desk: Desk, ideal: Proposal, others: Sequence[Other]) -> list[Other]:
    """Those who hold most of what the ideal course would need, the most first."""
    full = [need for need in needs_of(desk.facts, ideal.course) if not _fits(desk, need)]
    counted: list[tuple[int, int]] = []
    for number, other in enumerate(others):
        stays = [desk.seats.at(key) for key in _movable(other) if key in desk.seats]
        meets = sum(any(_meets(unit, stay, need) for unit, stay in stays) for need in full)
        if meets:
            counted.append((-meets, number))
    return [others[number] for _, number in sorted(counted)[:MOST_TRIED]]


def _fits(desk: Desk, need: Need) -> bool:
    try:
        desk.seats.seat([need])
    except NoSeat:
        return False
    return True


def _meets(unit: Unit, stay: Stay, need: Need) -> bool:
    return unit[:2] == (need.place, need.kind) and stay.begins < need.ends and need.begins < stay.ends


def _made(desk: Desk, proposal: Proposal, other: Other) -> Room | None:
    """Put the course down first and the other around it; None when the other finds no place or need not move."""
    with _without(desk, list(other.stays)), _tried(desk) as put:
        try:
            course, _ = desk.seated(proposal.course)
            put(course)
            again = _elsewhere(desk, other)
        except NoSeat:
            return None
    if again is None or again == other.course:
        return None
    return Room(replace(proposal, course=course), again)


@contextmanager
def _tried(desk: Desk) -> Iterator[_Put]:
    """Courses put down for as long as the block lasts."""
    put = _Put(desk)
    try:
        yield put
    finally:
        for key in put.keys:
            desk.drop(key)


class _Put:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.keys: list[int] = []
        self._next = itertools.count(TEMPORARY)

    def __call__(self, course: PlannedCourse) -> None:
        """Take units for everything a course uses; NoSeat when there are none."""
        _, seating = self.desk.seated(course)
        if seating.swaps:
            # What others hold of units is not touched on trial; the swaps are found again when this is booked.
            for swap in seating.swaps:
                _, stay = self.desk.seats.at(swap.key)
                raise NoSeat(Need(swap.old[0], swap.old[1], course.patient, swap.old[1], stay.begins, stay.ends))
        for need, unit in zip(needs_of(self.desk.facts, course), seating.units, strict=True):
            if need.begins < need.ends:
                key = next(self._next)
                self.desk.put(unit, Stay(need.begins, need.ends, key))
                self.keys.append(key)


def _elsewhere(desk: Desk, other: Other) -> PlannedCourse | None:
    """The other's course around what is taken now: as it is, or with as few doses moved as possible.

    A dose keeps its day where it can.
    """
    if _still_fits(desk, other.course):
        return other.course
    course = other.course
    zone = desk.facts.network.place(course.site).zone
    for dose in _doses_in_trouble(desk, other):
        given = course.find(desk.facts.protocol.administration, dose)
        if given is None:
            return None
        moving = frozenset(one.id for one in course.activities if one.id in other.movable and one.dose in (dose, None))
        earliest_at = min(one.start_at for one in course.activities if one.id in moving) if moving else given.start_at
        on = local_date(given.start_at, zone)
        same_day = Wanted(earliest_at, 1, 1, on, on)
        found = desk.find_again(other.patient, course, moving, (), same_day)
        found = found or desk.find_again(other.patient, course, moving, (), Wanted(earliest_at, 1, 1))
        if not found:
            return None
        course = found[0].course
    return course if _still_fits(desk, course) else None


def _still_fits(desk: Desk, course: PlannedCourse) -> bool:
    try:
        desk.seated(course)
    except NoSeat:
        return False
    return True


def _doses_in_trouble(desk: Desk, other: Other) -> list[int]:
    """The doses with an activity that finds no unit now; the first dose stands for what serves the whole course."""
    doses: set[int] = set()
    of = {one.id: one.dose for one in other.course.activities}
    first = min((one.number for one in desk.facts.protocol.doses), default=1)
    for need in needs_of(desk.facts, other.course):
        if not _fits(desk, need):
            doses.add(of.get(need.activity) or first)
    return sorted(doses)
