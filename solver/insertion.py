"""Place one course against what the pools have left: the cheapest complete chain, or the fewest doses lost.

This is the constructive half of the planner (first plans, offers, repairs, rounding). Courses see each other only
through the load of the pools. Given dose 1, everything else of a course is searched dose by dose in order of cost, so
the result is the best for the course as long as its own doses do not compete with each other.
"""

from __future__ import annotations

from collections.abc import Mapping

from solver.doses import NO_WISH, Wish
from solver.finder import LEVEL, Finder
from solver.layout import Layout, layouts_of
from solver.loads import Loads
from solver.problem import Course, Placement, Problem


class Inserter:
    """Finds placements for the courses of one problem; holds the loads and changes them on `put` and `take`."""

    def __init__(self, problem: Problem, layouts: list[Layout] | None = None) -> None:
        self.problem = problem
        self.loads = Loads(problem)
        self.layouts = layouts_of(problem) if layouts is None else layouts
        self.finders = [Finder(problem, layout, self.loads) for layout in self.layouts]

    def best(
        self, course: Course, *, earliest: bool = False, wish: Mapping[int, Wish] | None = None
    ) -> tuple[int, Placement]:
        """The cheapest placement of a course on what is left, with its scalar cost (LEVEL x level 1 + level 3).

        With `earliest`, dose 1 as soon as possible comes before everything but the number of doses. A `wish`, per
        template, restricts the days.
        """
        found: list[tuple[int, Placement]] = []
        for number in course.templates:
            if wish is not None and number not in wish:
                continue
            cost, slots, present = self.finders[number].best(course, earliest, wish[number] if wish else NO_WISH)
            found.append((cost, Placement(number, slots, frozenset(present))))
        if not found:
            groups = self.problem.templates[course.templates[0]].groups
            return LEVEL * self.problem.weights.absent * groups, Placement(course.templates[0], {}, frozenset())
        return min(found, key=lambda one: one[0])

    def reset(self) -> None:
        """Forget every placement put so far."""
        self.loads.reset()

    def put(self, placement: Placement) -> None:
        """Take the units a placement needs."""
        for stretch in self.finders[placement.template].occupied(placement.slots):
            self.loads.take(*stretch)

    def take(self, placement: Placement) -> None:
        """Give back the units of a placement."""
        for stretch in self.finders[placement.template].occupied(placement.slots):
            self.loads.free(*stretch)
