"""The problem as integers: pools, templates of coupled tasks, and the courses to place.

Two axes. *Ticks* are elapsed time. *Days* number calendar days; which day a tick belongs to depends on where a task
happens, so every slot carries the day of its start and of its end. All intervals are half-open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Levels = tuple[int, int, int]


class Point(NamedTuple):
    """The start or the end of a task, by its index in the template."""

    task: int
    at_end: bool


@dataclass(frozen=True, eq=False)
class Slots:
    """The allowed starts of a task, ascending, with the end each leads to and the days of both."""

    start: IntArray
    end: IntArray
    start_day: IntArray
    end_day: IntArray

    def __len__(self) -> int:
        return len(self.start)

    def edge(self, at_end: bool) -> IntArray:
        """Start or end tick of every slot."""
        return self.end if at_end else self.start

    def edge_day(self, at_end: bool) -> IntArray:
        """Day of the start or of the end of every slot."""
        return self.end_day if at_end else self.start_day

    @cached_property
    def starts(self) -> list[int]:
        """The starts as plain integers, for bisection."""
        found: list[int] = self.start.tolist()
        return found

    @cached_property
    def ends(self) -> list[int]:
        """The ends as plain integers."""
        found: list[int] = self.end.tolist()
        return found

    @cached_property
    def start_days(self) -> list[int]:
        """The days of the starts as plain integers."""
        found: list[int] = self.start_day.tolist()
        return found

    @cached_property
    def end_days(self) -> list[int]:
        """The days of the ends as plain integers."""
        found: list[int] = self.end_day.tolist()
        return found

    @cached_property
    def shortest(self) -> int:
        """The shortest duration of any slot; 0 when there is none."""
        return int((self.end - self.start).min()) if len(self.start) else 0

    @cached_property
    def longest(self) -> int:
        """The longest duration of any slot; 0 when there is none."""
        return int((self.end - self.start).max()) if len(self.start) else 0


@dataclass(frozen=True)
class Task:
    """One step of a template. A task with `slots` starts at one of them; a `hold` reaches from point to point.

    `group` is the dose it belongs to: a task is placed exactly when its group is.
    """

    name: str
    group: int
    slots: Slots | None
    hold: tuple[Point, Point] | None = None
    attended: bool = False


@dataclass(frozen=True)
class Stay:
    """One unit of a pool held in ``[begin, until)``, and blocked for `tail` more ticks."""

    name: str
    pool: int
    label: str
    task: int
    begin: Point
    until: Point
    tail: int


@dataclass(frozen=True)
class Lag:
    """Bounds on the ticks from point `a` to point `b`; None is unbounded. `weak` lags only order tasks."""

    name: str
    a: Point
    b: Point
    least: int | None
    most: int | None


@dataclass(frozen=True)
class DayLag:
    """Bounds on the days from point `a` to point `b`."""

    name: str
    a: Point
    b: Point
    least: int | None
    most: int | None


@dataclass(frozen=True, eq=False)
class Target:
    """The day of `b` has a target given by the day of `a`: ``table[day_a]``, within ``[earliest, latest]`` of it.

    Every day off target costs `weight` at cost level `level` (0-based).
    """

    name: str
    a: Point
    b: Point
    table: IntArray
    earliest: int
    latest: int
    level: int
    weight: int


@dataclass(frozen=True)
class Cold:
    """Whole hours (of `ticks` each) from `begin` to `until`, rounded down, cost `weight` each at the last level."""

    group: int
    begin: Point
    until: Point


@dataclass(frozen=True, eq=False)
class Template:
    """Everything courses of one shape at one pair of places have in common.

    `parents[g]` is the group without which group g cannot be placed, or None. `visits[g]` is the point whose day is
    the day of dose g. `ready` is the point that may not come before the course is ready.
    """

    key: str
    tasks: tuple[Task, ...]
    doses: tuple[int, ...]
    parents: tuple[int | None, ...]
    visits: tuple[Point, ...]
    ready: Point
    stays: tuple[Stay, ...]
    lags: tuple[Lag, ...]
    day_lags: tuple[DayLag, ...]
    targets: tuple[Target, ...]
    colds: tuple[Cold, ...]

    @property
    def groups(self) -> int:
        """Number of doses."""
        return len(self.doses)


@dataclass(frozen=True)
class Course:
    """One chain to place: the templates it may follow, from which day it may begin and its waiting is counted."""

    id: str
    templates: tuple[int, ...]
    waits_from_day: int
    ready_day: int
    last_day: int


@dataclass(frozen=True)
class Weights:
    """Prices (docs/domain.md section 5): an absent group, a day of waiting, a whole hour (`hour_ticks`) cold."""

    absent: int
    waiting: int
    hour: int
    hour_ticks: int


@dataclass(frozen=True, eq=False)
class Problem:
    """What can still move, and what it competes for.

    `load[p]` counts the units of pool p already taken at each tick; `day_start` has, per pool, the tick at which each
    of its days begins.
    """

    horizon: int
    days: int
    capacity: tuple[int, ...]
    pool_names: tuple[str, ...]
    day_start: tuple[IntArray, ...]
    load: tuple[NDArray[np.int16], ...]
    templates: tuple[Template, ...]
    courses: tuple[Course, ...]
    weights: Weights


@dataclass(frozen=True)
class Placement:
    """Where a course was put: its template, the slot of every placed task, and the groups that are present.

    A course with no group present has an empty placement.
    """

    template: int
    slots: Mapping[int, int]
    present: frozenset[int]


@dataclass
class Solution:
    """A placement for every course, with proven lower bounds on the cost levels."""

    placements: dict[str, Placement]
    bound: Levels = (0, 0, 0)
    notes: list[str] = field(default_factory=list)


def point_tick(template: Template, slots: Mapping[int, int], point: Point) -> int:
    """The tick of a point under a placement; a hold's edges are the points it reaches between."""
    task = template.tasks[point.task]
    if task.hold is not None:
        return point_tick(template, slots, task.hold[1] if point.at_end else task.hold[0])
    assert task.slots is not None
    return (task.slots.ends if point.at_end else task.slots.starts)[slots[point.task]]


def point_day(template: Template, slots: Mapping[int, int], point: Point) -> int:
    """The day of a point under a placement."""
    task = template.tasks[point.task]
    if task.hold is not None:
        return point_day(template, slots, task.hold[1] if point.at_end else task.hold[0])
    assert task.slots is not None
    return (task.slots.end_days if point.at_end else task.slots.start_days)[slots[point.task]]


def cost_of(problem: Problem, course: Course, placement: Placement) -> Levels:
    """The three cost levels of one placed course."""
    weights = problem.weights
    template = problem.templates[placement.template]
    first = (template.groups - len(placement.present)) * weights.absent
    quality = 0
    for target in template.targets:
        if template.tasks[target.b.task].group in placement.present:
            base = int(target.table[point_day(template, placement.slots, target.a)])
            off = abs(point_day(template, placement.slots, target.b) - base) * target.weight
            first, quality = (first + off, quality) if target.level == 0 else (first, quality + off)
    if 0 in placement.present:
        waited = point_day(template, placement.slots, template.visits[0]) - course.waits_from_day
        quality += weights.waiting * waited
    for cold in template.colds:
        if cold.group in placement.present:
            ticks = point_tick(template, placement.slots, cold.until) - point_tick(
                template, placement.slots, cold.begin
            )
            quality += weights.hour * (ticks // weights.hour_ticks)
    return first, 0, quality


def total_cost(problem: Problem, placements: Mapping[str, Placement]) -> Levels:
    """The three cost levels of all courses together."""
    costs = [cost_of(problem, course, placements[course.id]) for course in problem.courses]
    return sum(one[0] for one in costs), sum(one[1] for one in costs), sum(one[2] for one in costs)
