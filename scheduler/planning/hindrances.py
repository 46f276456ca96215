"""What one patient's hindrances, and doses given up for good, leave of the starts that everybody may use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from scheduler.domain.course import StepAt
from scheduler.domain.hindrances import Hindrance, hindered
from scheduler.domain.intervals import Interval
from scheduler.planning.timegrid import TimeGrid
from solver.problem import IntArray, Slots, Template


def unhindered(
    template: Template, steps: Sequence[StepAt], grid: TimeGrid, hindrances: Sequence[Hindrance]
) -> Template:
    """The template without the starts at which a step would meet a hindrance; the same one where there are none.

    `steps` are those behind the tasks of the template. Holds reach between other steps and are left as they are.
    """
    if not hindrances:
        return template
    tasks = (
        task
        if task.slots is None
        else replace(task, slots=_free(task.slots, grid, hindered(hindrances, at.step.kind, at.dose, at.step.attended)))
        for task, at in zip(template.tasks, steps, strict=True)
    )
    return replace(template, tasks=tuple(tasks))


def without_doses(template: Template, steps: Sequence[StepAt], doses: frozenset[int]) -> Template:
    """The template in which no step of some doses can begin, because they were given up for good."""
    if not doses:
        return template
    tasks = (
        replace(task, slots=_none(task.slots)) if task.slots is not None and at.dose in doses else task
        for task, at in zip(template.tasks, steps, strict=True)
    )
    return replace(template, tasks=tuple(tasks))


def _none(slots: Slots) -> Slots:
    return Slots(slots.start[:0], slots.end[:0], slots.start_day[:0], slots.end_day[:0])


def _free(slots: Slots, grid: TimeGrid, stretches: Iterable[Interval]) -> Slots:
    free = np.ones(len(slots.start), dtype=bool)
    for one in stretches:
        free &= (slots.end <= grid.tick(one.start_at)) | (slots.start >= grid.tick_up(one.end_at))
    if free.all():
        return slots
    kept: IntArray = np.flatnonzero(free).astype(np.int64)
    return Slots(slots.start[kept], slots.end[kept], slots.start_day[kept], slots.end_day[kept])
