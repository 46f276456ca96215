"""What is done to a template before it is asked about: fewer slots, doses in order, the days that are left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.logistics import Network
from scheduler.domain.protocol import FollowUp
from scheduler.planning.timegrid import TICK
from solver.problem import DayLag, IntArray, Slots, Template


def in_order(template: Template) -> Template:
    """No dose before the one from which its days count, however wide its window is made."""
    lags = tuple(DayLag("sequence", one.a, one.b, 1, None) for one in template.targets)
    return replace(template, day_lags=(*template.day_lags, *lags))


def some(slots: Slots, kept: NDArray[np.bool_]) -> Slots:
    """The slots of a mask."""
    return Slots(slots.start[kept], slots.end[kept], slots.start_day[kept], slots.end_day[kept])


def dose_days(template: Template, first_days: list[int], days: int) -> dict[int, tuple[int, int]]:
    """First and last day on which each dose can fall, by its windows."""
    found: dict[int, tuple[int, int]] = {0: (first_days[0], first_days[-1])} if first_days else {}
    targets = {template.tasks[one.b.task].group: one for one in template.targets}
    for group in range(1, template.groups):
        parent = template.parents[group]
        if parent in found and group in targets:
            table: IntArray = targets[group].table
            low, high = (int(table[min(day, len(table) - 1)]) for day in found[parent])
            first, last = low + targets[group].earliest, high + targets[group].latest
            found[group] = (max(first, 0), min(last, days - 1))
        elif parent in found:
            found[group] = (found[parent][0], days - 1)
    return found


def visit_starts(
    network: Network, site: str, follow_up: FollowUp, on: date, earliest_at: datetime
) -> Iterator[datetime]:
    """The quarter hours of a local day at which a visit without a dose may start, whoever else is there."""
    length = timedelta(minutes=follow_up.minutes)
    open_ = [network.calendar(site, kind).open_on(on) for kind in follow_up.uses]
    for stretch in open_[0] if open_ else []:
        at = stretch.start_at
        while at + length <= stretch.end_at:
            fits = all(any(one.start_at <= at and at + length <= one.end_at for one in other) for other in open_[1:])
            if fits and at >= earliest_at:
                yield at
            at += TICK
