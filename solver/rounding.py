"""From priced columns to a plan: pick whole columns, give every dose its hours, place course by course, polish."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from ortools.sat.python import cp_model

from solver.finder import LEVEL, Wish
from solver.insertion import Inserter
from solver.master import Proof
from solver.patterns import Pattern, Usage
from solver.pricing import Column, Pricer
from solver.problem import Levels, Placement, Problem, cost_of, total_cost

Hours = dict[tuple[int, int], list[Pattern]]


def pick(
    problem: Problem, pricer: Pricer, proof: Proof, *, seconds: float, seed: int, workers: int = 1
) -> tuple[list[Column], Hours] | None:
    """One column for every course and hours for every dose, together within all capacities, as cheap as found.

    None when the solver finds no whole solution in the time given.
    """
    if all(abs(amount - round(amount)) < 1e-6 for amount in (*proof.weights, *proof.times)):
        return _whole(proof, [round(amount) for amount in proof.weights], [round(amount) for amount in proof.times])
    model = cp_model.CpModel()
    takes = [model.new_bool_var("") for _ in proof.columns]
    for number in range(len(problem.courses)):
        own = [var for var, column in zip(takes, proof.columns, strict=True) if column.course == number]
        model.add_exactly_one(own)
    most = [_most(problem, pricer.kinds[kind].usage(pattern)) for kind, _, pattern in proof.patterns]
    times = [model.new_int_var(0, limit, "") for limit in most]
    links: dict[tuple[int, int], list[cp_model.LinearExprT]] = {}
    for var, (kind, option, _) in zip(times, proof.patterns, strict=True):
        links.setdefault((kind, option), []).append(-1 * var)
    for var, column in zip(takes, proof.columns, strict=True):
        for group, at in enumerate(column.options):
            if at is not None:
                links.setdefault((pricer.tables[column.template][group].kind, at), []).append(1 * var)
    for terms in links.values():
        model.add(cp_model.LinearExpr.sum(terms) == 0)
    _capacities(model, problem, pricer, proof, takes, list(zip(times, most, strict=True)))
    weight = pricer.level_weight
    fixed = [weight * column.first_level + column.last_level for column in proof.columns]
    hours = [pricer.kinds[kind].hours(pattern) * problem.weights.hour for kind, _, pattern in proof.patterns]
    model.minimize(cp_model.LinearExpr.weighted_sum(takes, fixed) + cp_model.LinearExpr.weighted_sum(times, hours))
    for var, amount in zip(takes, proof.weights, strict=True):
        model.add_hint(var, amount > 0.5)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.random_seed = seed
    solver.parameters.num_workers = workers
    solver.parameters.relative_gap_limit = 1e-4
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return _whole(proof, [solver.value(var) for var in takes], [solver.value(var) for var in times])


def _whole(proof: Proof, takes: list[int], times: list[int]) -> tuple[list[Column], Hours]:
    columns = [column for count, column in zip(takes, proof.columns, strict=True) if count]
    chosen: Hours = {}
    for count, (kind, option, pattern) in zip(times, proof.patterns, strict=True):
        chosen.setdefault((kind, option), []).extend([pattern] * count)
    return sorted(columns, key=lambda column: column.course), chosen


def _most(problem: Problem, usage: Usage) -> int:
    """How often the same hours can be given at once: no more often than any of their pools has units."""
    return min((problem.capacity[pool] for pool, first, last in usage if last > first), default=len(problem.courses))


def _capacities(
    model: cp_model.CpModel,
    problem: Problem,
    pricer: Pricer,
    proof: Proof,
    takes: list[cp_model.IntVar],
    times: list[tuple[cp_model.IntVar, int]],
) -> None:
    """Capacity at every tick at which some stay begins: load only rises there."""
    stays: dict[int, list[tuple[int, int, cp_model.IntVar, int]]] = {}
    for (var, most), (kind, _, pattern) in zip(times, proof.patterns, strict=True):
        for pool, first, last in pricer.kinds[kind].usage(pattern):
            stays.setdefault(pool, []).append((first, last, var, most))
    for var, column in zip(takes, proof.columns, strict=True):
        for pool, begin, until in column.holds:
            starts = problem.day_start[pool]
            stays.setdefault(pool, []).append((int(starts[begin + 1]), int(starts[until]) + 1, var, 1))
    for pool, intervals in stays.items():
        ordered = sorted(intervals, key=lambda one: one[0])
        current: list[tuple[int, int, cp_model.IntVar, int]] = []
        for i, (first, last, var, most) in enumerate(ordered):
            current = [one for one in current if one[1] > first]
            if last > first:
                current.append((first, last, var, most))
            free = problem.capacity[pool] - int(problem.load[pool][min(first, problem.horizon - 1)])
            if (i + 1 == len(ordered) or ordered[i + 1][0] > first) and sum(one[3] for one in current) > free:
                model.add(cp_model.LinearExpr.sum([one[2] for one in current]) <= free)


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
        inserter.loads.change(*stretch, 1)
    for number in order:
        for stretch in kept[number]:
            inserter.loads.change(*stretch, -1)
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
    for _ in range(rounds):
        improved = False
        for course in problem.courses:
            if stop(total_cost(problem, placements)):
                return
            old = placements[course.id]
            inserter.take(old)
            cost, new = inserter.best(course)
            better = cost < scalar(cost_of(problem, course, old))
            placements[course.id] = new if better else old
            inserter.put(placements[course.id])
            improved |= better
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
