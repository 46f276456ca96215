"""One patient's course as an exact problem: everything else stays where it is, and a visit is wanted on a date.

What is done, or too near to move, is pinned; what others hold is taken; visits without a dose are part of the problem,
each as a group of its own that hangs on its anchor. Any obstacle (`obstacles`) may be left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, follow_up_id
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.protocol import FollowUp, Window
from scheduler.planning.build import Builder, Shape
from scheduler.planning.completion import edges_of, stretched
from scheduler.planning.interpret import course_of
from scheduler.planning.narrowing import dose_days, in_order, some, visit_starts
from scheduler.planning.obstacles import FENCE, NOTHING, OF_THE_BUILDER, WIDE, Obstacle, without
from scheduler.planning.pins import pinned, settled
from scheduler.planning.situation import Question, Situation
from scheduler.planning.timegrid import TimeGrid
from solver.decide import OneCourse
from solver.layout import SIDE_REACH
from solver.problem import Course, IntArray, Placement, Point, Slots, Target, Task, Template
from solver.problem import Stay as PoolStay

SPARE_DAYS = 21


@dataclass(frozen=True, eq=False)
class _Visit:
    """A visit without a dose in a template: its group, task and what it is."""

    group: int
    task: int
    follow_up: FollowUp


class Case:
    """The problem of one situation without some obstacles, and the way back from a placement to a course.

    Parameters
    ----------
    situation
        Who, what is booked and what is taken.
    question
        The visit wanted on a date; None where only what is possible at all is asked.
    gone
        The obstacles left out.
    until
        The last date on which dose 1 may fall; without one as late as the question leaves it.
    """

    def __init__(
        self,
        situation: Situation,
        question: Question | None,
        gone: frozenset[Obstacle] = NOTHING,
        *,
        until: date | None = None,
    ) -> None:
        self.situation, self.question, self.gone = situation, question, gone
        self.facts = replace(without(situation.facts, gone), patients=(situation.patient,))
        self.earliest_at = situation.now if Obstacle(FENCE) in gone else situation.fence_at
        self.last_day = self._last_day(until)
        names = frozenset(one.rule for one in gone if one.rule in OF_THE_BUILDER)
        self.builder = Builder(self.facts, names, days=self.last_day + self._reach_days())
        self.grid: TimeGrid = self.builder.grid
        numbers = self.builder.templates_for(situation.patient.site, self.facts.arm_of(situation.patient.id))
        self.built = self.builder.built(())
        self.pools = {name: number for number, name in enumerate(self.built.problem.pool_names)}
        self.capacity = list(self.built.problem.capacity)
        self.there = {} if situation.course is None else {one.id: one for one in situation.course.activities}
        self.shapes: list[Shape] = []
        self.free: list[Template] = []
        self.fixed: list[Template] = []
        self.pins: dict[int, list[int]] = {}
        self.visits: list[list[_Visit]] = []
        self.held: list[tuple[int, int, int]] = []
        self.first_days: dict[int, list[int]] = {}
        for number in self._routes(numbers):
            self._add(self.built.problem.templates[number], self.built.shapes[number])
        self.asked = self._asked()

    def _last_day(self, until: date | None) -> int:
        """The last day on which dose 1 may fall: by the question, or a good while after it is booked for."""
        facts = self.situation.facts
        site = facts.network.place(self.situation.patient.site)
        last = [until or local_date(self.situation.now, site.zone)]
        if until is None and self.question is not None:
            is_dose = self.question.kind == facts.protocol.administration  # of other visits dose 1 may come later
            last.append(self.question.on + timedelta(days=0 if is_dose else facts.policy.max_wait_days))
        if self.situation.course is not None:
            first = min(self.situation.doses, default=None)
            given = self.situation.course.find(facts.protocol.administration, first)
            if given is not None:
                last.append(local_date(given.start_at, site.zone) + timedelta(days=WIDE))
        return max((max(last) - facts.starts_on).days, 0)

    def _reach_days(self) -> int:
        """Days after dose 1 within which every other dose falls."""
        facts = self.situation.facts
        reach: dict[int, int] = {}
        for dose in facts.protocol.doses:  # anchors come first
            reach[dose.number] = 0
            if dose.window is not None and dose.anchor is not None:
                target = dose.window.target_on(facts.starts_on) - facts.starts_on
                after = target.days + dose.window.latest_days + 3
                reach[dose.number] = reach.get(dose.anchor, 0) + after
        return max(reach.values()) + WIDE + SPARE_DAYS

    def _routes(self, numbers: tuple[int, ...]) -> tuple[int, ...]:
        """Every way the course can go; a booked one stays with its plant and couriers."""
        course = self.situation.course
        if course is None:
            return numbers
        lanes = {one.lane for one in course.activities if one.lane is not None}
        for number in numbers:
            route = self.built.shapes[number].route
            if route.plant == course.plant and lanes <= {route.inbound.code, route.outbound.code}:
                return (number,)
        return numbers[:1]

    def _is_pinned(self, one: Activity) -> bool:
        return one.id in self.situation.done or one.start_at < self.earliest_at

    def _add(self, template: Template, shape: Shape) -> None:
        patient = self.situation.patient
        names = shape.names(patient.id)
        pins = {
            task: self.there[name].during
            for task, name in enumerate(names)
            if name in self.there and self._is_pinned(self.there[name])
        }
        earliest = self.grid.tick_up(self.earliest_at)
        fixed = pinned(template, shape, self.facts.network, self.grid, pins, earliest)
        fixed = in_order(self._as_given(fixed))
        self.held += settled(template, fixed, pins)
        fixed = self._on_the_date(fixed, shape)
        number = len(self.fixed)
        self.first_days[number] = self._first_days(fixed, begun=fixed.visits[0].task in pins)
        fixed, visits = self._with_visits(fixed, self.first_days[number])
        self.shapes.append(shape)
        self.free.append(template)
        self.fixed.append(fixed)
        self.pins[number] = sorted(pins)
        self.visits.append(visits)

    def _as_given(self, template: Template) -> Template:
        """Windows counted from the dates on which doses were really given."""
        tasks = {point.task: template.doses[group] for group, point in enumerate(template.visits)}
        targets: list[Target] = []
        for target in template.targets:
            on, slots = self.situation.given_on.get(tasks[target.a.task]), template.tasks[target.a.task].slots
            spec = self.facts.protocol.dose(tasks[target.b.task])
            if on is not None and slots is not None and len(slots) == 1 and spec.window is not None:
                table = target.table.copy()
                table[slots.start_days[0]] = self.grid.day(spec.window.target_on(on))
                target = replace(target, table=table)
            targets.append(target)
        return replace(template, targets=tuple(targets))

    def _on_the_date(self, template: Template, shape: Shape) -> Template:
        """The visit that was asked for on its date and no other."""
        if self.question is None or self.question.kind == FOLLOW_UP:
            return template
        tasks = list(template.tasks)
        for number, at in enumerate(shape.steps):
            slots = tasks[number].slots
            if (at.step.kind, at.dose) == (self.question.kind, self.question.dose) and slots is not None:
                tasks[number] = replace(tasks[number], slots=some(slots, self._on_time(slots.start_day)))
        return replace(template, tasks=tuple(tasks))

    def _on_time(self, days: IntArray) -> NDArray[np.bool_]:
        assert self.question is not None
        on = self.grid.day(self.question.on)
        return days <= on if self.question.or_before else days == on

    def _first_days(self, template: Template, *, begun: bool) -> list[int]:
        """The days on which dose 1 may fall: its own where it is pinned, else those the question leaves."""
        slots = template.tasks[template.visits[0].task].slots
        assert slots is not None
        days = sorted(set(slots.start_days))
        if begun:
            return days
        days = [day for day in days if day <= self.last_day]
        if self.question is None or self.question.kind == FOLLOW_UP:
            return days
        if self.question.dose is None:
            on = self.grid.day(self.question.on)
            return [day for day in days if on <= day <= on + SIDE_REACH]
        if self.question.kind != self.facts.protocol.administration:
            return days
        for target in template.targets:
            first = template.tasks[target.a.task].group == 0 and target.a == template.visits[0]
            if first and self.question.dose == template.doses[template.tasks[target.b.task].group]:
                on, table = self.grid.day(self.question.on), target.table
                latest = self.grid.days if self.question.or_before else target.latest
                return [day for day in days if target.earliest <= on - int(table[day]) <= latest]
        return days

    # --- visits without a dose ----------------------------------------------------------------------------------------

    def _with_visits(self, template: Template, first_days: list[int]) -> tuple[Template, list[_Visit]]:
        visits: list[_Visit] = []
        ranges = dose_days(template, first_days, self.grid.days)
        for follow_up in self._follow_ups(template):
            task, group = len(template.tasks), template.groups
            anchor = None if follow_up.anchor is None else template.doses.index(follow_up.anchor)
            slots = self._visit_slots(follow_up, None if anchor is None else ranges.get(anchor))
            meets = len(slots) != 1 or slots.ends[0] > self.grid.tick_up(self.situation.now)
            spec = Task(f"{follow_up.name}/{FOLLOW_UP}", group, slots, attended=meets)
            stays = [
                PoolStay(FOLLOW_UP, self._pool(kind), kind, task, Point(task, False), Point(task, True), 0)
                for kind in follow_up.uses
            ]
            template = replace(
                template,
                tasks=(*template.tasks, spec),
                doses=(*template.doses, -1 - len(visits)),
                parents=(*template.parents, 0 if anchor is None else anchor),
                visits=(*template.visits, Point(task, False)),
                stays=(*template.stays, *stays),
                targets=(*template.targets, self._visit_target(template, follow_up, anchor, slots)),
            )
            visits.append(_Visit(group, task, follow_up))
        return template, visits

    def _follow_ups(self, template: Template) -> Iterator[FollowUp]:
        """The visits a course has, or should have: of a booked one those it has, and the one asked for."""
        for one in self.facts.protocol.follow_ups:
            hangs = one.anchor is None or one.anchor in self.situation.doses
            booked = self.situation.course is None or follow_up_id(self.situation.patient.id, one.name) in self.there
            if hangs and (booked or (self.question is not None and self.question.name == one.name)):
                yield one

    def _visit_slots(self, follow_up: FollowUp, anchors: tuple[int, int] | None) -> Slots:
        """The allowed starts of a visit, on any day its window can reach; the one it has where it is pinned."""
        booked = self.there.get(follow_up_id(self.situation.patient.id, follow_up.name))
        zone = self.facts.network.place(self.situation.patient.site).zone
        asked = self.question is not None and self.question.name == follow_up.name
        if booked is not None and self._is_pinned(booked):
            starts = [self.grid.tick(booked.start_at)]
            days = [self.grid.day(local_date(booked.start_at, zone))]
            length = self.grid.tick_up(booked.end_at) - starts[0]
        else:
            length = -(-follow_up.minutes // 15)
            first, last = self._reached(follow_up.window, follow_up.anchor, anchors)
            site, network = self.situation.patient.site, self.facts.network
            open_ = [
                (self.grid.tick(at), day)
                for day in range(first, last + 1)
                for at in visit_starts(network, site, follow_up, self.grid.on(day), self.earliest_at)
            ]
            starts, days = [tick for tick, _ in open_], [day for _, day in open_]
        start, day_of = np.array(starts, dtype=np.int64), np.array(days, dtype=np.int64)
        slots = Slots(start, start + length, day_of, day_of)
        if asked and self.question is not None:
            slots = some(slots, self._on_time(day_of))
        return slots

    def _reached(self, window: Window, anchor: int | None, anchors: tuple[int, int] | None) -> tuple[int, int]:
        if anchor is None:
            on = self.situation.patient.registered_on
            first, last = on, on
        elif anchors is None:
            return 0, -1
        else:
            first, last = self.grid.on(anchors[0]), self.grid.on(anchors[1])
        low = self.grid.day(window.target_on(first)) + window.earliest_days
        return max(low, 0), self.grid.day(window.target_on(last)) + window.latest_days

    def _visit_target(self, template: Template, follow_up: FollowUp, anchor: int | None, slots: Slots) -> Target:
        """A visit's window; from the registration it counts from one day, whatever the doses do."""
        window, grid = follow_up.window, self.grid
        if anchor is None:
            table = np.full(grid.days, grid.day(window.target_on(self.situation.patient.registered_on)))
        else:
            given = self.situation.given_on.get(template.doses[anchor])
            pivot = template.tasks[template.visits[anchor].task].slots
            table = np.array([grid.day(window.target_on(grid.on(day))) for day in range(grid.days)], dtype=np.int64)
            if given is not None and pivot is not None and len(pivot) == 1:
                table[pivot.start_days[0]] = grid.day(window.target_on(given))
        earliest, latest = window.earliest_days, window.latest_days
        booked = self.there.get(follow_up_id(self.situation.patient.id, follow_up.name))
        if booked is not None and self._is_pinned(booked):  # what is over forbids nothing
            earliest, latest = -self.grid.days, self.grid.days
        a = template.visits[0 if anchor is None else anchor]
        return Target("follow_up_window", a, Point(len(template.tasks), False), table, earliest, latest, 2, 0)

    def _pool(self, kind: str) -> int:
        name = f"{self.situation.patient.site}/{kind}"
        if name not in self.pools:
            self.pools[name] = len(self.capacity)
            self.capacity.append(len(self.facts.network.place(self.situation.patient.site).resource(kind).units))
        return self.pools[name]

    # --- the question as integers ---------------------------------------------------------------------------------

    def _asked(self) -> OneCourse:
        course = self._course()
        numbers = tuple(range(len(self.fixed)))
        problem = replace(
            self.built.problem,
            capacity=tuple(self.capacity),
            pool_names=tuple(self.pools),
            load=tuple(self._loads()),
            templates=tuple(self.fixed),
            courses=(course,),
            days=max(self.grid.days, self._latest_day() + 1),
        )
        needed = {n: frozenset(range(self.fixed[n].groups)) - self._absent(self.fixed[n]) for n in numbers}
        return OneCourse(problem, self.first_days, needed, {n: self._before(n) for n in numbers})

    def _absent(self, template: Template) -> frozenset[int]:
        """Doses a booked course does not have, unless they are asked for."""
        wanted = {*self.situation.doses, self.question.dose if self.question else None}
        return frozenset(g for g, dose in enumerate(template.doses) if dose > 0 and dose not in wanted)

    def _course(self) -> Course:
        patient, zone = self.situation.patient, self.facts.network.place(self.situation.patient.site).zone
        registered = self.grid.day(patient.registered_on)
        begun = any(template.ready.task in self.pins[number] for number, template in enumerate(self.fixed))
        ready = registered + self.facts.protocol.registration.earliest_days
        if self.situation.course is None:
            ready = max(ready, self.grid.day(local_date(self.earliest_at, zone)) + 1)
        ready = min(registered, -1) if begun else ready
        return Course(patient.id, tuple(range(len(self.fixed))), registered, ready, self.last_day)

    def _latest_day(self) -> int:
        slots = (task.slots for template in self.fixed for task in template.tasks if task.slots is not None)
        return max((int(one.end_day.max()) for one in slots if len(one)), default=0)

    def _loads(self) -> Iterator[NDArray[np.int16]]:
        """What is taken of each pool, no more than there is: what is over-full already forbids nothing more."""
        slots = (task.slots for template in self.fixed for task in template.tasks if task.slots is not None)
        last = max([self.grid.horizon, *(int(one.end.max()) for one in slots if len(one))])
        loads = [np.zeros(last + 1, dtype=np.int16) for _ in self.capacity]
        for pool, load in enumerate(self.built.problem.load):
            loads[pool][: len(load)] += load
        for one in self.situation.taken:
            taken = self.pools.get(f"{one.unit[0]}/{one.unit[1]}")
            if taken is not None:
                first = max(self.grid.tick(one.during.start_at), 0)
                loads[taken][first : max(self.grid.tick_up(one.during.end_at), 0)] += 1
        for pool, first, until in self.held:
            loads[pool][max(first, 0) : until] += 1
        for pool, load in enumerate(loads):
            own = sum(one.pool == pool for template in self.fixed for one in template.stays)
            most = self.capacity[pool]
            yield np.where(load > most - own, np.minimum(load, most), 0).astype(np.int16)

    def _before(self, number: int) -> dict[int, tuple[int, int]]:
        """Start and day of the visits that could move, as they are booked."""
        zone = self.facts.network.place(self.situation.patient.site).zone
        named = dict(enumerate(self.shapes[number].names(self.situation.patient.id)))
        named |= {one.task: follow_up_id(self.situation.patient.id, one.follow_up.name) for one in self.visits[number]}
        return {
            task: (
                self.grid.tick(self.there[name].start_at),
                self.grid.day(local_date(self.there[name].start_at, zone)),
            )
            for task, name in named.items()
            if name in self.there and task not in self.pins[number] and self.fixed[number].tasks[task].attended
        }

    def course_at(self, placement: Placement) -> PlannedCourse:
        """A placement as a course, what is pinned at its true times, without units."""
        number, patient = placement.template, self.situation.patient
        template, shape = self.free[number], self.shapes[number]
        built = replace(self.built, problem=self.asked.problem, shapes=tuple(self.shapes))
        doses = frozenset(g for g in placement.present if g < template.groups)
        course = course_of(built, self.facts, patient, replace(placement, present=doses), {})
        pins = set(self.pins[number])
        names = shape.names(patient.id)
        kept = {names[task] for task in pins if template.tasks[task].hold is None or edges_of(template, task) <= pins}
        listed = tuple(self.there.get(one.id, one) if one.id in kept else one for one in course.activities)
        listed = stretched(template, shape, patient, listed, kept)
        visits = tuple(self._visit_at(one, placement) for one in self.visits[number] if one.group in placement.present)
        every = sorted((*listed, *visits), key=lambda one: (one.start_at, one.end_at, one.id))
        return replace(course, activities=tuple(every))

    def _visit_at(self, visit: _Visit, placement: Placement) -> Activity:
        patient = self.situation.patient
        name = follow_up_id(patient.id, visit.follow_up.name)
        if name in self.there and self._is_pinned(self.there[name]):
            return self.there[name]
        slots = self.fixed[placement.template].tasks[visit.task].slots
        assert slots is not None
        start_at = self.grid.instant(slots.starts[placement.slots[visit.task]])
        end_at = start_at + timedelta(minutes=visit.follow_up.minutes)
        return Activity(name, FOLLOW_UP, None, patient.site, {}, start_at, end_at)
