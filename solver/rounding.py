"""From priced columns to a plan: pick whole columns, give every dose its hours, place course by course, polish."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from solver.doses import Wish
from solver.finder import LEVEL
from solver.insertion import Inserter
from solver.master import Hours
from solver.patterns import Pattern, Usage
from solver.pricing import Column, Pricer
from solver.problem import Levels, Placement, Problem, cost_of, total_cost


def realise(
    problem: Problem, inserter: Inserter, pricer: Pricer, columns: list[Column], hours: Hours, *, passes: int = 6
) -> dict[str, Placement]:
    """Place every course on the days of its column with the hours picked.

    Courses that fail go first in the next pass (what the columns leave out, such as a harvest's hours, then finds its
    place first). After the last pass they are placed freely. The inserter ends up holding the result.
    """
    left = {key: list(patterns) for key, patterns in hours.items()}
    wishes = {column.course: (column, _wish(pricer, column, left)) for column in columns}
    kept = {course: _reserved(problem, pricer, column, wish) for course, (column, wish) in wishes.items()}
    order = list(wishes)
    placements: dict[str, Placement] = {}
    for _ in range(passes):
        inserter.reset()
        placements, failed = _place_in_order(problem, inserter, order, wishes, kept)
        if not failed:
            return placements
        order = failed + [course for course in order if course not in failed]
    for number in failed:
        course = problem.courses[number]
        _, placements[course.id] = inserter.best(course)
        inserter.put(placements[course.id])
    return placements


def _place_in_order(
    problem: Problem,
    inserter: Inserter,
    order: list[int],
    wishes: Mapping[int, tuple[Column, Wish]],
    kept: Mapping[int, Usage],
) -> tuple[dict[str, Placement], list[int]]:
    """Place courses as wished, keeping free what the others will need; the placements and who failed."""
    placements: dict[str, Placement] = {}
    failed: list[int] = []
    for stretch in itertools.chain.from_iterable(kept.values()):
        inserter.loads.take(*stretch)
    for number in order:
        for stretch in kept[number]:
            inserter.loads.free(*stretch)
        column, wish = wishes[number]
        course = problem.courses[number]
        _, placement = inserter.best(course, wish={column.template: wish})
        if len(placement.present) < sum(option is not None for option in column.options):
            failed.append(number)
            continue
        inserter.put(placement)
        placements[course.id] = placement
    return placements, failed


def _reserved(problem: Problem, pricer: Pricer, column: Column, wish: Wish) -> Usage:
    """What the doses and holds of a column will need, kept free until its turn comes."""
    layout = pricer.layouts[column.template]
    found: Usage = []
    for group, option in enumerate(column.options):
        head = layout.by_group[group][0]
        if option is not None and head.pivot in wish.slots:
            kind = pricer.kinds[pricer.tables[column.template][group].kind]
            extras = tuple(wish.slots[head.order[kind.segment.order.index(task)]] for task in kind.extras)
            found += kind.usage(Pattern(wish.slots[head.pivot], wish.slots[head.visit], extras))
    for pool, begin, until in column.holds:
        starts = problem.day_start[pool]
        found.append((pool, int(starts[begin + 1]), int(starts[until]) + 1))
    return found


def _wish(pricer: Pricer, column: Column, left: Hours) -> Wish:
    layout = pricer.layouts[column.template]
    days: dict[int, tuple[int, int]] = {}
    slots: dict[int, int] = {}
    for group, option in enumerate(column.options):
        if option is None:
            continue
        table = pricer.tables[column.template][group]
        kind, head = pricer.kinds[table.kind], layout.by_group[group][0]
        days[head.pivot] = (int(kind.pivot_day[option]), int(kind.visit_day[option]))
        for side, day in zip(table.sides, column.sides[group], strict=True):
            days[side.segment.pivot] = day
        patterns = left.get((table.kind, option), [])
        if patterns:
            pattern = patterns.pop(0)
            slots[head.pivot], slots[head.visit] = pattern.pivot, pattern.visit
            for task, slot in zip(kind.extras, pattern.extras, strict=True):
                slots[head.order[kind.segment.order.index(task)]] = slot
    return Wish(days, slots)


def scalar(levels: Levels) -> int:
    """Levels 1 and 3 as one number."""
    return levels[0] * LEVEL + levels[2]


def polish(
    problem: Problem,
    inserter: Inserter,
    placements: dict[str, Placement],
    *,
    stop: Callable[[Levels], bool],
    rounds: int = 4,
) -> None:
    """Take out one course at a time and put it where it is cheapest, until nothing improves or `stop` says so."""
    now = total_cost(problem, placements)
    for _ in range(rounds):
        improved = False
        for course in problem.courses:
            if stop(now):
                return
            old = placements[course.id]
            inserter.take(old)
            cost, new = inserter.best(course)
            better = cost < scalar(cost_of(problem, course, old))
            placements[course.id] = new if better else old
            inserter.put(placements[course.id])
            if better:
                now, improved = total_cost(problem, placements), True
        if not improved:
            return


def first_come_first_served(problem: Problem, inserter: Inserter, *, earliest: bool) -> dict[str, Placement]:
    """Every course in the order of registration, each placed for itself; `earliest` asks for the earliest dose 1."""
    placements: dict[str, Placement] = {}
    for course in sorted(problem.courses, key=lambda one: (one.waits_from_day, one.id)):
        _, placement = inserter.best(course, earliest=earliest)
        inserter.put(placement)
        placements[course.id] = placement
    return placements
