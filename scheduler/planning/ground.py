"""What one search for one patient goes on, and what was told before that it should keep."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from scheduler.domain.calendars import local_date
from scheduler.domain.course import Facts, Patient
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import PlannedCourse
from scheduler.planning.build import Shape
from scheduler.planning.timegrid import TimeGrid
from solver.doses import Wish
from solver.finder import MOVED, Finder, Kept
from solver.loads import Stretch
from solver.problem import Course, Problem, Slots, Template
from solver.reach import Reach


@dataclass(frozen=True, eq=False)
class Tables:
    """What the grounds of many courses share as long as they begin at the same instant: slots and what they reach.

    `later` has, by the identity of some slots, these slots themselves and those of them that are left.
    """

    later: dict[int, tuple[Slots, Slots]] = field(default_factory=dict)
    reaches: dict[object, Reach] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Ground:
    """What one search for one patient goes on.

    `finders` are by the number of their template in `problem`, whose shapes are `shapes`. Of the course `before`, the
    tasks in `pins` stay where they are and hold `held` of the pools, by group; `keys` are those of its stays, which it
    may take again. Follow-up visits in `still` stay, whatever happens. Nothing new begins before `earliest_at`. Of a
    course with doses that were given up for good, `wanted` is how many others there are.
    """

    patient: Patient
    before: PlannedCourse
    problem: Problem
    shapes: tuple[Shape, ...]
    finders: Mapping[int, Finder]
    course: Course
    earliest_at: datetime
    pins: Mapping[int, Interval] = field(default_factory=dict)
    held: Mapping[int, tuple[Stretch, ...]] = field(default_factory=dict)
    still: frozenset[str] = frozenset()
    keys: frozenset[int] = frozenset()
    wanted: int | None = None

    def groups_of(self, template: int) -> int:
        """How many doses a whole course has."""
        return self.problem.templates[template].groups if self.wanted is None else self.wanted


def told_days(
    facts: Facts, grid: TimeGrid, course: PlannedCourse, prices: Mapping[int, int], template: Template
) -> dict[int, Kept]:
    """By group of the template, the day a dose was told for and the price of giving it on another."""
    zone = facts.network.place(course.site).zone
    groups = {dose: group for group, dose in enumerate(template.doses)}
    return {
        groups[one.dose]: Kept(grid.day(local_date(one.start_at, zone)), MOVED * prices[one.dose])
        for one in course.activities
        if one.kind == facts.protocol.administration and one.dose in groups and one.dose in prices
    }


def as_before(grid: TimeGrid, ground: Ground) -> Wish:
    """Every task at its hour and every harvest on its day, where that can be; for a ground of one template."""
    (template,), (finder,) = ground.problem.templates, ground.finders.values()
    told = {one.id: one.start_at for one in ground.before.activities}
    slots: dict[int, int] = {}
    for task, name in enumerate(ground.shapes[0].names(ground.patient.id)):
        options = template.tasks[task].slots
        if name in told and options is not None:
            at = bisect_left(options.starts, grid.tick(told[name]))
            if at < len(options) and grid.instant(options.starts[at]) == told[name]:
                slots[task] = at
    days: dict[int, tuple[int, int]] = {}
    for side in (one for pieces in finder.layout.by_group for one in pieces[1:]):
        if side.pivot in slots and side.visit in slots:
            days[side.pivot] = (
                finder.slots[side.pivot].start_days[slots[side.pivot]],
                finder.slots[side.visit].start_days[slots[side.visit]],
            )
    return Wish(days, slots)
