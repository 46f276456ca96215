"""The slots that the tasks of a dose may take once its days are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from solver.choices import Choice
from solver.layout import Layout
from solver.problem import Course, IntArray
from solver.segments import Segment, slots_of


def slots_on(
    layout: Layout, course: Course, group: int, choice: Choice, told_days: Mapping[int, int]
) -> dict[int, IntArray]:
    """By task, the slots that are worth looking at; a harvest that can stay on the day it was told for stays there."""
    head = layout.by_group[group][0]
    found = _around(layout, head, [choice.pivot_day], [choice.day])
    for side, options in layout.sides[group]:
        fits = [i for i in options.fits(choice.day, choice.pivot_day) if options.visit_day[i] >= course.ready_day]
        chosen = [i for i in fits if options.visit_day[i] == told_days.get(side.visit)] or fits
        days = [options.pivot_day[i] for i in chosen], [options.visit_day[i] for i in chosen]
        found.update(_around(layout, side, *days))
    ready = layout.resolve(layout.template.ready).task
    if ready in found:
        days_of = slots_of(layout.template, ready).start_day
        found[ready] = found[ready][days_of[found[ready]] >= course.ready_day]
    return found


def _around(
    layout: Layout, segment: Segment, pivot_days: Sequence[int], visit_days: Sequence[int]
) -> dict[int, IntArray]:
    """The slots of a segment with its pivot and its visit on some days, the rest within their spans to the pivot."""
    template = layout.template
    pivots = slots_of(template, segment.pivot)
    on = np.flatnonzero(np.isin(pivots.start_day, pivot_days)).astype(np.int64)
    if not len(on):
        return dict.fromkeys(segment.order, on)
    found = {segment.pivot: on}
    first, last = int(pivots.start[on[0]]), int(pivots.start[on[-1]])
    for task in segment.order[1:]:
        slots = slots_of(template, task)
        least, most = layout.spans[segment.pivot][segment.pivot, task]
        low, high = slots.start.searchsorted([first + least, last + most + 1])
        found[task] = np.arange(low, high, dtype=np.int64)
    visits = found[segment.visit]
    found[segment.visit] = visits[np.isin(slots_of(template, segment.visit).start_day[visits], visit_days)]
    return found
