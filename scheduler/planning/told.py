"""What was told of a course, as the solver needs it: days, prices, and what hangs on each dose."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

from scheduler.domain.calendars import local_date
from scheduler.domain.course import Facts, Patient, follow_up_id
from scheduler.domain.diff import move_cost
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.protocol import FollowUp
from scheduler.planning.completion import has_opening
from scheduler.planning.ground import Ground
from scheduler.planning.timegrid import TimeGrid
from solver.choices import Choices, Known, Told, choices_of
from solver.layout import Layout


@dataclass(frozen=True)
class Standing:
    """A course as it was told.

    Attributes
    ----------
    fixed, confirmed
        Activities that are done or too near to move, and those that the patient has confirmed.
    excused
        By rule, the activities that break it on record, as done late or signed for: that forbids nothing now.
    skipped
        Doses that were given up for good: nobody misses them, and no place is looked for.
    let_go
        Activities that are too near to move, and may move all the same, since they cannot be kept.
    earliest_at
        Nothing new begins before; None where that is the plant's fence.
    """

    patient: Patient
    course: PlannedCourse
    fixed: frozenset[str]
    confirmed: frozenset[str] = frozenset()
    excused: Mapping[str, frozenset[str]] = field(default_factory=dict)
    skipped: frozenset[int] = frozenset()
    let_go: frozenset[str] = frozenset()
    earliest_at: datetime | None = None

    @cached_property
    def movable(self) -> frozenset[str]:
        """What may move."""
        return frozenset(one.id for one in self.course.activities) - self.fixed


def with_only(course: PlannedCourse, activities: Container[str]) -> PlannedCourse:
    """A course with some of its activities."""
    return replace(course, activities=tuple(one for one in course.activities if one.id in activities))


def move_price(facts: Facts, standing: Standing, now: datetime, visit: Activity) -> int:
    """What it costs to give a visit another date or none."""
    zone = facts.network.place(standing.course.site).zone
    notice = (local_date(visit.start_at, zone) - local_date(now, zone)).days
    return move_cost(facts.policy, notice, visit.id in standing.confirmed)


def prices_by_dose(facts: Facts, standing: Standing, now: datetime) -> dict[int, int]:
    """By dose, what it costs to move all visits that fall with it to other days."""
    attended = {step.kind for step in facts.protocol.steps if step.attended and step.per == "dose"}
    prices: dict[int, int] = {}
    for one in standing.course.activities:
        if one.kind in attended and one.dose is not None and one.id in standing.movable:
            prices[one.dose] = prices.get(one.dose, 0) + move_price(facts, standing, now, one)
    return prices


class ToldCourse:
    """One standing course beside its ground: which task was told for when, and what its visits cost to move."""

    def __init__(self, facts: Facts, grid: TimeGrid, standing: Standing, ground: Ground, now: datetime) -> None:
        self.facts, self.grid, self.standing, self.ground, self.now = facts, grid, standing, ground, now
        self.zone = facts.network.place(standing.course.site).zone
        self.today = local_date(now, self.zone)
        self.tasks = {name: task for task, name in enumerate(ground.shapes[0].names(standing.patient.id))}
        (self.template,) = ground.problem.templates
        self._beside: dict[tuple[str, int], int] = {}

    def visits(self) -> dict[int, Told]:
        """By task, the day and the price of every attended step that may move."""
        return {
            self.tasks[one.id]: Told(
                self.grid.day(local_date(one.start_at, self.zone)), self.grid.tick(one.start_at), self._price(one)
            )
            for one in self.standing.course.activities
            if one.id in self.tasks
            and one.id in self.standing.movable
            and self.template.tasks[self.tasks[one.id]].attended
        }

    def _price(self, visit: Activity) -> int:
        return move_price(self.facts, self.standing, self.now, visit)

    def slots(self, group: int) -> dict[int, int] | None:
        """The slots of a dose's tasks as told; None where it was not told, or not for times that are allowed now."""
        found: dict[int, int] = {}
        there = {one.id: one for one in self.standing.course.activities}
        for name, task in self.tasks.items():
            spec = self.template.tasks[task]
            if spec.group != group or spec.slots is None:
                continue
            if task in self.ground.pins:
                found[task] = 0
                continue
            if name not in there:
                return None
            at = int(spec.slots.start.searchsorted(self.grid.tick(there[name].start_at)))
            if at == len(spec.slots) or self.grid.instant(spec.slots.starts[at]) != there[name].start_at:
                return None
            found[task] = at
        return found

    def groups(self, activities: Container[str]) -> frozenset[int]:
        """The doses to which some activities belong."""
        return frozenset(self.template.tasks[task].group for name, task in self.tasks.items() if name in activities)

    def choices(self, *, is_content: bool, broken: Container[int], known: Known) -> Choices:
        """On which days the doses could fall, dose 1 no later than `max_wait_days` from today or registration."""
        since = max(self.today, self.standing.patient.registered_on)
        last = min(self.grid.day(since) + self.facts.policy.max_wait_days, self.grid.days - 1)
        course = replace(self.ground.course, id=self.standing.patient.id, last_day=last)
        (finder,) = self.ground.finders.values()
        return choices_of(
            finder.layout,
            course,
            self.visits(),
            self.beside,
            is_content=is_content,
            broken=broken,
            known=known,
            pivots=self._pivots(finder.layout),
        )

    def _pivots(self, layout: Layout) -> dict[int, int]:
        """By group, the day on which what the search turns on (the fill) was told to begin."""
        heads = {pieces[0].pivot: group for group, pieces in enumerate(layout.by_group)}
        return {
            heads[self.tasks[one.id]]: self.grid.day(local_date(one.start_at, self.facts.network.place(one.place).zone))
            for one in self.standing.course.activities
            if one.id in self.tasks and self.tasks[one.id] in heads
        }

    # --- follow-up visits -----------------------------------------------------------------------------------------

    def beside(self, group: int, day: int | None) -> int:
        """The price of the follow-up visits that cannot stay on their dates when a dose is given on a day, or not."""
        return sum(self._moved(follow_up, visit, day) for follow_up, visit in self._hanging.get(group, ()))

    @cached_property
    def _hanging(self) -> dict[int, list[tuple[FollowUp, Activity]]]:
        """By group, the follow-up visits that may move and hang on its dose; those that hang on none with the first."""
        there = {one.id: one for one in self.standing.course.activities if one.id in self.standing.movable}
        groups = {dose: group for group, dose in enumerate(self.template.doses)}
        found: dict[int, list[tuple[FollowUp, Activity]]] = {}
        for follow_up in self.facts.protocol.follow_ups:
            visit = there.get(follow_up_id(self.standing.patient.id, follow_up.name))
            if visit is not None:
                group = 0 if follow_up.anchor is None else groups.get(follow_up.anchor, 0)
                found.setdefault(group, []).append((follow_up, visit))
        return found

    def _moved(self, follow_up: FollowUp, visit: Activity, day: int | None) -> int:
        key = (follow_up.name, -1 if day is None else day)
        if key not in self._beside:
            on = local_date(visit.start_at, self.zone)
            anchor_on: date | None = self.standing.course.registered_on
            if follow_up.anchor is not None:
                anchor_on = None if day is None else self.grid.on(day)
            stays = anchor_on is not None and follow_up.window.allows(anchor_on, on)
            stays = stays and has_opening(self.facts, visit.place, follow_up, on)
            self._beside[key] = 0 if stays else self._price(visit)
        return self._beside[key]
