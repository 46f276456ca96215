"""Who asks for what beside what: a patient, the course as booked, what others have taken, and a visit on a date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from scheduler.domain.course import Facts, Patient, doses_of
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import PlannedCourse
from scheduler.planning.needs import needs_of, unit_names, with_units
from scheduler.planning.seats import NoSeat, Seats, Stay, Unit


@dataclass(frozen=True)
class Taken:
    """A unit somebody else has over the seconds ``[begins, ends)`` since 1970, and whether that could still move."""

    unit: Unit
    begins: int
    ends: int
    patient: str
    movable: bool = True

    @property
    def during(self) -> Interval:
        """The same as instants."""
        return Interval(datetime.fromtimestamp(self.begins, UTC), datetime.fromtimestamp(self.ends, UTC))


@dataclass(frozen=True)
class Situation:
    """A patient, the course as booked (None without one), and everything that is taken by others, at an instant.

    The activities in `done` are recorded, or shall stay for another reason; `given_on` has the local dates on which
    doses were really given.
    """

    facts: Facts
    patient: Patient
    course: PlannedCourse | None
    taken: tuple[Taken, ...]
    now: datetime
    done: frozenset[str] = frozenset()
    given_on: Mapping[int, date] = field(default_factory=dict)

    @property
    def doses(self) -> tuple[int, ...]:
        """The doses the course should have: those booked, or all of a patient's without a course."""
        every = doses_of(self.facts.protocol, self.facts.arm_of(self.patient.id))
        if self.course is None:
            return every
        administration = self.facts.protocol.administration
        return tuple(dose for dose in every if self.course.find(administration, dose) is not None)

    @property
    def fence_at(self) -> datetime:
        """Nothing new begins before this instant unless somebody signs for it."""
        return self.now + timedelta(days=self.facts.policy.plant_fence_days)


@dataclass(frozen=True)
class Question:
    """A visit and the local date of the site on which it should fall: a step of the course, or a named follow-up.

    With `or_before` any date up to that one will do.
    """

    on: date
    kind: str
    dose: int | None = None
    name: str | None = None
    or_before: bool = False


def seated(situation: Situation, facts: Facts, course: PlannedCourse) -> PlannedCourse | None:
    """The course with a free unit for everything it uses, its present ones where that can be; None without a seat."""
    seats = Seats(unit_names(facts))
    for key, one in enumerate(situation.taken):
        seats.put(one.unit, Stay(one.begins, one.ends, key))
    there = {} if situation.course is None else {one.id: one.units for one in situation.course.activities}
    listed = tuple(replace(one, units=there.get(one.id, one.units)) for one in course.activities)
    course = replace(course, activities=listed)
    needs = needs_of(facts, course)
    try:
        return with_units(course, needs, seats.seat(needs))
    except NoSeat:
        return None


def taken_by(facts: Facts, course: PlannedCourse, patient: str) -> tuple[Taken, ...]:
    """What a course with units holds, so that others see it; places on courier runs are counted, not told apart."""
    units = {one.id: one.units for one in course.activities}
    return tuple(
        Taken(
            (need.place, need.kind, units[need.activity].get(need.resource, f"place of {need.activity}")),
            need.begins,
            need.ends,
            patient,
            movable=False,
        )
        for need in needs_of(facts, course)
        if need.begins < need.ends
    )
