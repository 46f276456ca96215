"""A template for a course that has begun or partly stands: some activities stay where they are, the rest may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from scheduler.domain.calendars import local_date
from scheduler.domain.intervals import Interval
from scheduler.domain.logistics import Network
from scheduler.planning.build import Shape
from scheduler.planning.timegrid import TimeGrid
from solver.problem import DayLag, IntArray, Lag, Point, Slots, Target, Task, Template, point_day, point_tick
from solver.segments import resolve_point


def pinned(
    template: Template,
    shape: Shape,
    network: Network,
    grid: TimeGrid,
    pins: Mapping[int, Interval],
    earliest: int,
    *,
    slack_days: int = 0,
    later: dict[int, tuple[Slots, Slots]] | None = None,
) -> Template:
    """The template with the tasks of `pins` at their times and every other task not before tick `earliest`.

    What binds two pinned tasks is widened to what they are, so that a deviation of the past forbids nothing now; what
    binds a pinned task to another counts from its true minute. What pinned tasks alone take is left out (`settled`
    has it). Pins of holds are disregarded: a hold reaches from pin to pin by itself. The windows of doses are wider by
    `slack_days` on either side. `later` keeps the slots that are left from `earliest` on, for other courses to share.
    """
    slots = {task: _slot(template, shape, network, grid, task, pins[task]) for task in pins if _slotted(template, task)}
    later = {} if later is None else later
    tasks: list[Task] = []
    for number, task in enumerate(template.tasks):
        if number in slots:
            meets = task.attended and int(slots[number].end[0]) > earliest
            tasks.append(replace(task, slots=slots[number], attended=meets))
        elif task.slots is None:
            tasks.append(task)
        else:
            if id(task.slots) not in later:
                later[id(task.slots)] = task.slots, _from(task.slots, earliest)
            tasks.append(replace(task, slots=later[id(task.slots)][1]))
    moved = replace(template, tasks=tuple(tasks))
    at = dict.fromkeys(slots, 0)
    return replace(
        moved,
        stays=tuple(one for one in template.stays if not _both(moved, one.begin, one.until, at)),
        lags=tuple(_counted(_widened(moved, lag, at), moved, grid, pins) for lag in template.lags),
        day_lags=tuple(_widened_days(moved, lag, at) for lag in template.day_lags),
        targets=tuple(_widened_target(moved, _slack(target, slack_days), at) for target in template.targets),
    )


def settled(
    template: Template, fixed: Template, pins: Mapping[int, Interval], group: int | None = None
) -> list[tuple[int, int, int]]:
    """The pool and ticks ``[first, last)`` of everything that pinned tasks alone take, tails included; or for a dose.

    `fixed` is the template as `pinned` made it with the same pins.
    """
    at = {task: 0 for task in pins if _slotted(template, task)}
    return [
        (one.pool, point_tick(fixed, at, one.begin), point_tick(fixed, at, one.until) + one.tail)
        for one in template.stays
        if group in (None, template.tasks[one.task].group) and _both(fixed, one.begin, one.until, at)
    ]


def _slack(target: Target, days: int) -> Target:
    return replace(target, earliest=target.earliest - days, latest=target.latest + days)


def _slotted(template: Template, task: int) -> bool:
    return template.tasks[task].slots is not None


def _slot(template: Template, shape: Shape, network: Network, grid: TimeGrid, task: int, during: Interval) -> Slots:
    step = shape.steps[task].step
    begins, ends = np.array([grid.tick(during.start_at)]), np.array([grid.tick_up(during.end_at)])
    zones = [network.place(shape.route.place(side)).zone for side in (step.side, step.to_side)]
    days = [
        np.array([grid.day(local_date(instant, zone))])
        for instant, zone in zip((during.start_at, during.end_at), zones, strict=True)
    ]
    return Slots(begins, ends, *days)


def _from(slots: Slots, earliest: int) -> Slots:
    kept: IntArray = np.flatnonzero(slots.start >= earliest).astype(np.int64)
    return Slots(slots.start[kept], slots.end[kept], slots.start_day[kept], slots.end_day[kept])


def _both(template: Template, a: Point, b: Point, at: Mapping[int, int]) -> bool:
    return resolve_point(template, a).task in at and resolve_point(template, b).task in at


def _widened(template: Template, lag: Lag, at: Mapping[int, int]) -> Lag:
    if not _both(template, lag.a, lag.b, at):
        return lag
    is_now = point_tick(template, at, lag.b) - point_tick(template, at, lag.a)
    return replace(lag, least=_lower(lag.least, is_now), most=_higher(lag.most, is_now))


def _counted(lag: Lag, template: Template, grid: TimeGrid, pins: Mapping[int, Interval]) -> Lag:
    """The lag from the true minute of its one pinned point, where rounding to a tick would loosen it."""
    a, b = resolve_point(template, lag.a), resolve_point(template, lag.b)
    if (a.task in pins) == (b.task in pins):
        return lag
    point = a if a.task in pins else b
    during = pins[point.task]
    instant = during.end_at if point.at_end else during.start_at
    if grid.instant(grid.tick(instant)) == instant:
        return lag
    # Ends are rounded up and starts down: that brings one bound too near, and the other too far by less than a tick.
    if (point is a) == point.at_end:
        return replace(lag, most=None if lag.most is None else lag.most - 1)
    return replace(lag, least=None if lag.least is None else lag.least + 1)


def _widened_days(template: Template, lag: DayLag, at: Mapping[int, int]) -> DayLag:
    if not _both(template, lag.a, lag.b, at):
        return lag
    is_now = point_day(template, at, lag.b) - point_day(template, at, lag.a)
    return replace(lag, least=_lower(lag.least, is_now), most=_higher(lag.most, is_now))


def _widened_target(template: Template, target: Target, at: Mapping[int, int]) -> Target:
    if not _both(template, target.a, target.b, at):
        return target
    off = point_day(template, at, target.b) - int(target.table[point_day(template, at, target.a)])
    return replace(target, earliest=min(target.earliest, off), latest=max(target.latest, off))


def _lower(least: int | None, is_now: int) -> int | None:
    return None if least is None else min(least, is_now)


def _higher(most: int | None, is_now: int) -> int | None:
    return None if most is None else max(most, is_now)
