"""Courses booked at a desk as the service books them: stays put, others swapped, what was held before given up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count

from scheduler.domain.course import Facts, Patient
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.domain.rules import Violation, violations
from scheduler.planning.desk import Desk, Proposal
from scheduler.planning.needs import needs_of
from scheduler.planning.seats import Stay
from tests.domain.world import plan_of


@dataclass
class Ledger:
    """Everything booked at one desk."""

    desk: Desk
    courses: dict[str, PlannedCourse] = field(default_factory=dict)
    stays: dict[int, tuple[str, str, str]] = field(default_factory=dict)  # key -> patient, activity, resource
    _keys: count[int] = field(default_factory=lambda: count(1))

    def own(self, patient: str) -> list[int]:
        """The keys of a patient's stays."""
        return [key for key, held in self.stays.items() if held[0] == patient]

    def book(self, proposal: Proposal) -> None:
        """Take up a proposal: first the swaps, then the patient's own stays against the new ones."""
        course = proposal.course
        self.cancel(course.patient)
        for swap in proposal.seating.swaps:
            unit, stay = self.desk.seats.at(swap.key)
            assert unit == swap.old
            self.desk.drop(swap.key)
            self.desk.put(swap.new, stay)
            self._renamed(swap.key, swap.new[2])
        for need, unit in zip(needs_of(self.desk.facts, course), proposal.seating.units, strict=True):
            if need.begins < need.ends:
                key = next(self._keys)
                self.desk.put(unit, Stay(need.begins, need.ends, key))
                self.stays[key] = (course.patient, need.activity, need.resource)
        self.courses[course.patient] = course

    def cancel(self, patient: str) -> None:
        """Give up everything a patient holds."""
        for key in self.own(patient):
            self.desk.drop(key)
            del self.stays[key]
        self.courses.pop(patient, None)

    def _renamed(self, key: int, unit: str) -> None:
        patient, name, resource = self.stays[key]
        if resource == "lane":
            return
        course = self.courses[patient]
        self.courses[patient] = replace(
            course,
            activities=tuple(
                replace(one, units={**one.units, resource: unit}) if one.id == name else one
                for one in course.activities
            ),
        )

    def broken(self, patients: Iterable[Patient], *without: str) -> list[Violation]:
        """What the referee says to everything booked, as one plan of these patients."""
        return broken(self.desk.facts, patients, self.courses.values(), *without)


def broken(
    facts: Facts, patients: Iterable[Patient], courses: Iterable[PlannedCourse], *without: str
) -> list[Violation]:
    """What the referee says to some courses as the plan of these patients."""
    alone = replace(facts, patients=tuple(patients))
    return violations(_plan(alone, courses), alone, frozenset(without))


def _plan(facts: Facts, courses: Iterable[PlannedCourse]) -> Plan:
    return replace(plan_of(facts, *courses), program=facts.program)
