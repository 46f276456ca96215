"""A desk to try things out on: whole courses are put down and taken off, and may change hands of units."""

from __future__ import annotations

import itertools
from dataclasses import replace

from scheduler.domain.plan import PlannedCourse
from scheduler.planning.desk import Desk
from scheduler.planning.needs import LANE, needs_of
from scheduler.planning.seats import Need, NoSeat, Seating, Stay


class Bench:
    """A desk with courses put down, and the keys of the stays of each with the activity and resource they serve."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.stays: dict[str, dict[int, tuple[str, str]]] = {}
        self._needs: dict[int, tuple[PlannedCourse, list[Need]]] = {}
        self._next = itertools.count()

    def put(self, course: PlannedCourse, seating: Seating | None = None, *, as_told: bool = True) -> None:
        """Put a course down, on the units it has where they can be had; NoSeat when there is no room.

        A unit that has gone out of service can still be had `as_told`: what was told so is there until it is moved.
        """
        needs = self._needs_of(course)
        if seating is None:
            seating = self.desk.seats.seat(needs, as_told=as_told)
        for swap in seating.swaps:
            _, stay = self.desk.seats.at(swap.key)
            self.desk.drop(swap.key)
            self.desk.put(swap.new, stay)
        held = self.stays.setdefault(course.patient, {})
        for need, unit in zip(needs, seating.units, strict=True):
            if need.begins < need.ends:
                key = next(self._next)
                self.desk.put(unit, Stay(need.begins, need.ends, key))
                held[key] = (need.activity, need.resource)

    def fits(self, course: PlannedCourse, *, as_told: bool = True) -> bool:
        """Put a course down if there is room for it, and say whether there was."""
        try:
            self.put(course, as_told=as_told)
        except NoSeat:
            return False
        return True

    def _needs_of(self, course: PlannedCourse) -> list[Need]:
        if id(course) not in self._needs:
            self._needs[id(course)] = (course, needs_of(self.desk.facts, course))
        return self._needs[id(course)][1]

    def take(self, patient: str, activities: frozenset[str] | None = None) -> None:
        """Take a course off, or what some of its activities hold."""
        held = self.stays.get(patient, {})
        for key in [one for one, (activity, _) in held.items() if activities is None or activity in activities]:
            self.desk.drop(key)
            del held[key]

    def seen(self, course: PlannedCourse) -> PlannedCourse:
        """A course with the units it has by now: they may have changed hands."""
        units: dict[str, dict[str, str]] = {}
        for key, (activity, resource) in self.stays.get(course.patient, {}).items():
            if resource != LANE:
                units.setdefault(activity, {})[resource] = self.desk.seats.at(key)[0][2]
        listed = (replace(one, units={**one.units, **units.get(one.id, {})}) for one in course.activities)
        return replace(course, activities=tuple(listed))
