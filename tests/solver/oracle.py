"""Solves tiny problems by trying everything, from the problem's own dataclasses and nothing else of the solver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from solver.problem import Course, Levels, Placement, Point, Problem, Template

Slotting = dict[int, int]


def tick_of(template: Template, slots: Mapping[int, int], point: Point) -> int | None:
    """The tick of a point; None while its task has no slot."""
    task = template.tasks[point.task]
    if task.hold is not None:
        return tick_of(template, slots, task.hold[1] if point.at_end else task.hold[0])
    if point.task not in slots or task.slots is None:
        return None
    return int((task.slots.end if point.at_end else task.slots.start)[slots[point.task]])


def day_of(template: Template, slots: Mapping[int, int], point: Point) -> int | None:
    """The day of a point; None while its task has no slot."""
    task = template.tasks[point.task]
    if task.hold is not None:
        return day_of(template, slots, task.hold[1] if point.at_end else task.hold[0])
    if point.task not in slots or task.slots is None:
        return None
    return int((task.slots.end_day if point.at_end else task.slots.start_day)[slots[point.task]])


def broken_by(course: Course, template: Template, slots: Mapping[int, int]) -> list[str]:
    """Names of what the placed tasks of a course break among themselves, capacities aside."""
    found: list[str] = []
    for lag in template.lags:
        a, b = tick_of(template, slots, lag.a), tick_of(template, slots, lag.b)
        if a is not None and b is not None and not _within(b - a, lag.least, lag.most):
            found.append(lag.name)
    for days in template.day_lags:
        a, b = day_of(template, slots, days.a), day_of(template, slots, days.b)
        if a is not None and b is not None and not _within(b - a, days.least, days.most):
            found.append(days.name)
    for target in template.targets:
        a, b = day_of(template, slots, target.a), day_of(template, slots, target.b)
        if a is not None and b is not None and not _within(b - int(target.table[a]), target.earliest, target.latest):
            found.append(target.name)
    ready, first = day_of(template, slots, template.ready), day_of(template, slots, template.visits[0])
    if ready is not None and ready < course.ready_day:
        found.append("registration")
    if first is not None and first > course.last_day:
        found.append("max_wait")
    return found + ["one_visit_at_a_time"] * _clashes(template, slots)


def _within(value: int, least: int | None, most: int | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _clashes(template: Template, slots: Mapping[int, int]) -> int:
    visits: list[tuple[int, int]] = []
    for number, slot in slots.items():
        task = template.tasks[number]
        if task.attended and task.slots is not None:
            visits.append((int(task.slots.start[slot]), int(task.slots.end[slot])))
    visits.sort()
    return sum(later[0] < earlier[1] for earlier, later in pairwise(visits))


def stretches_of(template: Template, placement: Placement) -> list[tuple[int, int, int]]:
    """(pool, first tick, last tick) of everything a placement holds."""
    found: list[tuple[int, int, int]] = []
    for stay in template.stays:
        first, last = (tick_of(template, placement.slots, one) for one in (stay.begin, stay.until))
        if first is not None and last is not None and last + stay.tail > first:
            found.append((stay.pool, first, last + stay.tail))
    return sorted(found)


def levels_of(problem: Problem, course: Course, placement: Placement) -> Levels:
    """The cost of one course, written down again from docs/domain.md section 5."""
    template, weights = problem.templates[placement.template], problem.weights
    levels = [weights.absent * (len(template.doses) - len(placement.present)), 0, 0]
    for target in template.targets:
        a, b = (day_of(template, placement.slots, one) for one in (target.a, target.b))
        if a is not None and b is not None:
            levels[target.level] += target.weight * abs(b - int(target.table[a]))
    first = day_of(template, placement.slots, template.visits[0])
    levels[2] += 0 if first is None else weights.waiting * (first - course.waits_from_day)
    for cold in template.colds:
        begin, until = (tick_of(template, placement.slots, one) for one in (cold.begin, cold.until))
        if begin is not None and until is not None:
            levels[2] += weights.hour * ((until - begin) // weights.hour_ticks)
    return levels[0], levels[1], levels[2]


def fits(problem: Problem, stretches: Iterable[tuple[int, int, int]]) -> bool:
    """Whether stretches and what is taken already stay within every capacity at every tick."""
    taken = [load.astype(np.int64) for load in problem.load]
    for pool, first, last in stretches:
        taken[pool][first:last] += 1
    return all(
        bool((one <= np.maximum(limit, load)).all())
        for one, limit, load in zip(taken, problem.capacity, problem.load, strict=True)
    )


def placements_of(problem: Problem, course: Course) -> Iterator[Placement]:
    """Every placement of a course that breaks nothing by itself, whatever doses it leaves out."""
    for number in course.templates:
        template = problem.templates[number]
        for present in _presences(template):
            tasks = [i for i, task in enumerate(template.tasks) if task.group in present and task.slots is not None]
            for slots in _slottings(course, template, tasks, {}):
                placement = Placement(number, slots, present)
                if fits(problem, stretches_of(template, placement)):
                    yield placement


def _presences(template: Template) -> Iterator[frozenset[int]]:
    for bits in range(2 ** len(template.doses)):
        present = frozenset(group for group in range(len(template.doses)) if bits >> group & 1)
        if all((parent := template.parents[group]) is None or parent in present for group in present):
            yield present


def _slottings(course: Course, template: Template, tasks: list[int], placed: Slotting) -> Iterator[Slotting]:
    if not tasks:
        yield dict(placed)
        return
    slots = template.tasks[tasks[0]].slots
    for slot in range(0 if slots is None else len(slots)):
        placed[tasks[0]] = slot
        if not broken_by(course, template, placed):
            yield from _slottings(course, template, tasks[1:], placed)
        del placed[tasks[0]]


class Option(NamedTuple):
    """One way to place a course, as far as others and the cost can tell."""

    first: int
    last: int
    stretches: tuple[tuple[int, int, int], ...]


def options_of(problem: Problem, course: Course) -> list[Option]:
    """Every way to place a course that costs or holds something else than the others, cheapest first."""
    found: set[Option] = set()
    for placement in placements_of(problem, course):
        levels = levels_of(problem, course, placement)
        stretches = stretches_of(problem.templates[placement.template], placement)
        found.add(Option(levels[0], levels[2], tuple(stretches)))
    return sorted(found)


class Oracle:
    """The optimum of a tiny problem under any weight of level 1 against level 3."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.options = [options_of(problem, course) for course in problem.courses]

    def least(self, first_weight: int, last_weight: int, first_at_most: int = 2**40) -> int:
        """The least of ``first_weight`` x level 1 + ``last_weight`` x level 3 over all plans.

        Only plans whose level 1 is at most `first_at_most` count.
        """

        def price(option: Option) -> int:
            return first_weight * option.first + last_weight * option.last

        ordered = [sorted(options, key=price) for options in self.options]
        floor = [min(price(one) for one in options) for options in ordered]
        best = 2**60

        def place(number: int, spent: int, left: int, held: list[tuple[int, int, int]]) -> None:
            nonlocal best
            if number == len(ordered):
                best = min(best, spent)
                return
            for option in ordered[number]:
                if spent + price(option) + sum(floor[number + 1 :]) >= best:
                    return
                if option.first <= left and fits(self.problem, [*held, *option.stretches]):
                    place(number + 1, spent + price(option), left - option.first, [*held, *option.stretches])

        place(0, 0, first_at_most, [])
        return best


def broken_in(problem: Problem, placements: Mapping[str, Placement]) -> list[str]:
    """Everything a whole plan breaks, courses and capacities."""
    found: list[str] = []
    held: list[tuple[int, int, int]] = []
    for course in problem.courses:
        placement = placements[course.id]
        template = problem.templates[placement.template]
        wanted = {i for i, task in enumerate(template.tasks) if task.group in placement.present and task.slots}
        found += ["complete_course"] * (set(placement.slots) != wanted)
        found += broken_by(course, template, placement.slots)
        held += stretches_of(template, placement)
    return found + ["unit_capacity"] * (not fits(problem, held))
