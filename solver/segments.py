"""Courses fall apart into segments: runs of tasks tied by hours, joined to each other by days.

Each segment has a *pivot* (where a hold ends or begins, such as a fill) and a *visit* (the task whose day the other
segments look at, such as an injection). Fixing both leaves little choice for the rest, so every search in this
package goes over pairs of a pivot slot and a visit slot, in the order of their cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from solver.problem import Cold, Point, Slots, Template

DAY = 24 * 4 + 4  # a local day in ticks at its longest; only used to bound searches
FAR = 2**40


@dataclass(frozen=True, eq=False)
class Segment:
    """Tasks tied by hours. `order` lists all of them, pivot and visit first; `forward` those after the pivot."""

    group: int
    pivot: int
    visit: int
    order: tuple[int, ...]
    forward: frozenset[int]


def resolve_point(template: Template, point: Point) -> Point:
    """The point of a slotted task that a point (perhaps of a hold) stands for."""
    hold = template.tasks[point.task].hold
    if hold is None:
        return point
    return resolve_point(template, hold[1] if point.at_end else hold[0])


def parents_first(template: Template) -> tuple[int, ...]:
    """The doses in an order in which every anchor comes before what is counted from it."""
    order: list[int] = []
    while len(order) < template.groups:
        ready = [
            g for g, parent in enumerate(template.parents) if g not in order and (parent is None or parent in order)
        ]
        order.extend(ready)
    return tuple(order)


def spans_of(template: Template, segment: Segment) -> dict[tuple[int, int], tuple[int, int]]:
    """Shortest paths over the upper bounds of start differences (a simple temporal network), durations included."""
    tasks = segment.order
    most = {(one, two): 0 if one == two else FAR for one in tasks for two in tasks}

    def bound(a: int, b: int, value: int) -> None:
        most[a, b] = min(most[a, b], value)

    for lag in template.lags:
        a, b = resolve_point(template, lag.a), resolve_point(template, lag.b)
        if a.task not in tasks or b.task not in tasks or a.task == b.task:
            continue
        slots_a, slots_b = slots_of(template, a.task), slots_of(template, b.task)
        if lag.least is not None:
            bound(b.task, a.task, -lag.least - a.at_end * slots_a.shortest + b.at_end * slots_b.longest)
        if lag.most is not None:
            bound(a.task, b.task, lag.most + a.at_end * slots_a.longest - b.at_end * slots_b.shortest)
    for days in template.day_lags:
        a, b = resolve_point(template, days.a), resolve_point(template, days.b)
        if a.task in tasks and b.task in tasks and a.task != b.task:
            if days.most is not None:
                bound(a.task, b.task, (days.most + 2) * DAY)
            if days.least is not None:
                bound(b.task, a.task, -(days.least - 2) * DAY)
    for middle in tasks:
        for one in tasks:
            for other in tasks:
                bound(one, other, most[one, middle] + most[middle, other])
    return {(one, two): (-most[two, one], most[one, two]) for one in tasks for two in tasks if one != two}


def segments_of(template: Template) -> tuple[Segment, ...]:
    """A template cut into segments, in the order in which a course is placed."""
    slotted = [i for i, task in enumerate(template.tasks) if task.slots is not None]
    holds = [tuple(resolve_point(template, edge).task for edge in task.hold) for task in template.tasks if task.hold]
    far = {frozenset(pair) for pair in holds}
    far |= {
        frozenset((resolve_point(template, lag.a).task, resolve_point(template, lag.b).task))
        for lag in template.day_lags
        if (lag.least or 0) > 1
    }
    root = {task: task for task in slotted}

    def find(task: int) -> int:
        while root[task] != task:
            task = root[task]
        return task

    for lag in template.lags:
        a, b = resolve_point(template, lag.a).task, resolve_point(template, lag.b).task
        if template.tasks[a].group == template.tasks[b].group and frozenset((a, b)) not in far:
            root[find(a)] = find(b)
    members: dict[int, list[int]] = {}
    for task in slotted:
        members.setdefault(find(task), []).append(task)
    visits = {point.task for point in template.visits}
    pieces = [_segment(template, tuple(tasks), visits) for tasks in members.values()]
    order = {group: i for i, group in enumerate(parents_first(template))}
    return tuple(sorted(pieces, key=lambda one: (order[one.group], one.visit not in visits, one.pivot)))


def _segment(template: Template, tasks: tuple[int, ...], visits: set[int]) -> Segment:
    edges = [resolve_point(template, edge).task for task in template.tasks if task.hold for edge in task.hold]
    outside = [
        resolve_point(template, point).task
        for lag in template.day_lags
        for point in (lag.a, lag.b)
        if len({resolve_point(template, lag.a).task, resolve_point(template, lag.b).task} & set(tasks)) == 1
    ]
    colds = [resolve_point(template, cold.begin).task for cold in template.colds]
    administered = [task for task in tasks if task in visits]
    pivots = [task for task in tasks if task in edges] or [task for task in tasks if task in colds]
    pivots = pivots or [task for task in tasks if task in outside] or list(tasks[-1:])
    pivot = pivots[0]
    looked_at = [task for task in tasks if task in outside or task == template.ready.task]
    visit = (administered or [task for task in looked_at if task != pivot] or [pivot])[0]
    rest, forward = _around(template, tasks, pivot)
    first = (pivot,) if visit == pivot else (pivot, visit)
    return Segment(
        group=template.tasks[pivot].group,
        pivot=pivot,
        visit=visit,
        order=first + tuple(task for task in rest if task not in first),
        forward=forward,
    )


def _around(template: Template, tasks: tuple[int, ...], pivot: int) -> tuple[list[int], frozenset[int]]:
    """The other tasks outward from the pivot, and which of them come after it."""
    later: dict[int, set[int]] = {task: set() for task in tasks}
    earlier: dict[int, set[int]] = {task: set() for task in tasks}
    for lag in template.lags:
        a, b = resolve_point(template, lag.a).task, resolve_point(template, lag.b).task
        if a in later and b in later and lag.least is not None and a != b:
            later[a].add(b)
            earlier[b].add(a)
    forward = _closure(later, pivot)
    rest = [task for task in reversed(tasks) if task not in forward and task != pivot]
    rest += [task for task in tasks if task in forward]
    return rest, frozenset(forward)


def _closure(steps: dict[int, set[int]], begin: int) -> set[int]:
    seen: set[int] = set()
    todo = [begin]
    while todo:
        for task in steps[todo.pop()]:
            if task not in seen:
                seen.add(task)
                todo.append(task)
    return seen - {begin}


def slots_of(template: Template, task: int) -> Slots:
    """The slots of a task that has some."""
    slots = template.tasks[task].slots
    assert slots is not None
    return slots


def topological(template: Template, tasks: frozenset[int]) -> list[int]:
    """Tasks in an order in which every lower-bounded lag points forward.

    Raises
    ------
    ValueError
        If tasks wait for each other.
    """
    before: dict[int, set[int]] = {task: set() for task in tasks}
    for lag in template.lags:
        a, b = resolve_point(template, lag.a).task, resolve_point(template, lag.b).task
        if a in before and b in before and lag.least is not None and a != b:
            before[b].add(a)
    order: list[int] = []
    while len(order) < len(tasks):
        ready = sorted(task for task in tasks if task not in order and before[task] <= set(order))
        if not ready:
            raise ValueError(f"tasks wait for each other: {sorted(tasks - set(order))}")
        order.extend(ready)
    return order


def cold_of(template: Template, segment: Segment) -> Cold | None:
    """The priced cold stretch of a segment, where it begins at the pivot and ends at the visit."""
    for cold in template.colds:
        begin, until = resolve_point(template, cold.begin), resolve_point(template, cold.until)
        if (begin.task, until.task) == (segment.pivot, segment.visit):
            return cold
    return None
