"""Courses for one patient at a time, against everything that is taken: what a site is offered.

A desk holds the calendars of one program as tables and the stays of all units, and is kept in step with them by
`put` and `drop`. It decides nothing: what it finds is complete and obeys every rule as far as it knows the stays, and
the referee and the database judge it again before it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from scheduler.domain.calendars import local_date
from scheduler.domain.cost import cost_of
from scheduler.domain.course import FOLLOW_UP, Facts, Patient, activity_id, follow_up_id
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import Activity, Levels, Plan, PlannedCourse
from scheduler.planning.build import Builder, Shape, horizon_days, routes_of
from scheduler.planning.follow_ups import with_follow_ups
from scheduler.planning.interpret import course_of
from scheduler.planning.needs import needs_of, unit_names, with_units
from scheduler.planning.pins import pinned, settled
from scheduler.planning.seats import NoSeat, Seating, Seats, Stay, Unit
from scheduler.planning.slots import Route
from solver.doses import NO_WISH, Wish
from solver.finder import Finder
from solver.layout import Layout, layouts_of
from solver.loads import Loads
from solver.problem import Course, Placement, Point, Problem, Template
from solver.segments import resolve_point

MORE_TRIES = 4  # further courses tried for one offer whose follow-up visits or units find no place


@dataclass(frozen=True)
class Wanted:
    """What an offer should be like.

    `not_before` and `not_after` bound the local date of the first dose that may move (both inclusive); `avoid` are
    dates it should keep `apart_days` away from, such as those refused already; `earliest_at` is the first instant at
    which anything new may begin. With `slack_days` the windows of doses that move are wider by so many days on either
    side.
    """

    earliest_at: datetime
    count: int = 3
    apart_days: int = 5
    not_before: date | None = None
    not_after: date | None = None
    avoid: tuple[date, ...] = ()
    slack_days: int = 0


@dataclass(frozen=True)
class Proposal:
    """A complete course with units, its cost (docs/domain.md section 5), and the day by which offers are told apart."""

    course: PlannedCourse
    cost: Levels
    on: date
    seating: Seating


class Desk:
    """The tables of one program and what is taken.

    Parameters
    ----------
    facts
        The program with its closures; its patients are disregarded, with arms, there are courses for every one.
    until
        The last local date on which a patient may be registered.
    """

    def __init__(self, facts: Facts, until: date) -> None:
        self.facts = replace(facts, patients=())
        probe = Patient("PROBE", facts.network.sites[0].code, until, 70.0)
        self._builder = Builder(self.facts, days=horizon_days(replace(facts, patients=(probe,))))
        self.grid = self._builder.grid
        self.until = until
        arms = [None] if facts.arms is None else [arm for arm in facts.protocol.arms if arm.doses]
        self._numbers = {
            (site.code, None if arm is None else arm.name): self._builder.templates_for(site.code, arm)
            for site in facts.network.sites
            for arm in arms
        }
        self._built = self._builder.built(())
        self._problem = self._built.problem
        self._pools = {tuple(name.split("/")): number for number, name in enumerate(self._problem.pool_names)}
        self._loads = Loads(self._problem)
        self._finders = [Finder(self._problem, layout, self._loads) for layout in layouts_of(self._problem)]
        self.seats = Seats(unit_names(facts))

    # --- what is taken ----------------------------------------------------------------------------------------

    def put(self, unit: Unit, stay: Stay) -> None:
        """A unit is taken."""
        self.seats.put(unit, stay)
        for stretch in self._stretches(unit, stay):
            self._loads.take(*stretch)

    def drop(self, key: int) -> None:
        """A unit is free again."""
        for stretch in self._stretches(*self.seats.drop(key)):
            self._loads.free(*stretch)

    def _stretches(self, unit: Unit, stay: Stay) -> Iterator[tuple[int, int, int]]:
        """The pool and ticks a stay takes; none for a unit that no course of doses uses."""
        pool = self._pools.get((unit[0], unit[1]))
        if pool is not None:
            first, last = self.grid.tick(_instant(stay.begins)), self.grid.tick_up(_instant(stay.ends))
            yield pool, max(first, 0), min(last, self.grid.horizon)

    # --- finding ----------------------------------------------------------------------------------------------

    def look_ahead(self, now: datetime) -> None:
        """Look for courses at every site as for somebody registered today: what is learnt of the days is kept."""
        wanted = Wanted(now + timedelta(days=self.facts.policy.plant_fence_days))
        for site, arm in self._numbers:
            on = local_date(now, self.facts.network.place(site).zone)
            course = self._new_course(Patient("SOMEBODY", site, on, 70.0), arm, wanted)
            _cheapest(self._finders_of(course), course, NO_WISH)

    def find(self, patient: Patient, wanted: Wanted) -> list[Proposal]:
        """Complete courses for a patient without one: the cheapest first, then others far enough from all before."""
        arm = self.facts.arm_of(patient.id)
        course = self._new_course(patient, None if arm is None else arm.name, wanted)
        nothing = PlannedCourse(patient.id, patient.site, None, patient.registered_on, patient.weight_kg, ())
        return list(self._proposals(patient, course, self._finders_of(course), 0, wanted, nothing, {}))

    def _new_course(self, patient: Patient, arm: str | None, wanted: Wanted) -> Course:
        """A whole course, to begin on a day after the one in which the earliest instant lies."""
        registered = self.grid.day(patient.registered_on)
        soonest = registered + self.facts.protocol.registration.earliest_days
        zone = self.facts.network.place(patient.site).zone
        ready = max(soonest, self.grid.day(local_date(wanted.earliest_at, zone)) + 1)
        numbers = self._numbers[patient.site, arm]
        return Course(patient.id, numbers, registered, ready, ready + self.facts.policy.max_wait_days)

    def _finders_of(self, course: Course) -> dict[int, Finder]:
        return {number: self._finders[number] for number in course.templates}

    def find_again(
        self, patient: Patient, course: PlannedCourse, moving: frozenset[str], own: Iterable[int], wanted: Wanted
    ) -> list[Proposal]:
        """The same course with other times for the activities in `moving`; all others stay where they are.

        `own` are the keys of the course's stays. Follow-up visits are moved only where their window or a clash demands,
        and never from before the earliest instant. Holds (a culture) stretch to what moves at one of their ends.
        """
        keys = frozenset(key for key in own if key in self.seats)
        template_number = self._template_of(patient, course)
        template, shape = self._problem.templates[template_number], self._built.shapes[template_number]
        tasks = {activity_id(patient.id, at.dose, at.step.kind): task for task, at in enumerate(shape.steps)}
        there = {one.id: one for one in course.activities}
        pins = {tasks[name]: there[name].during for name in tasks if name in there and name not in moving}
        earliest = self.grid.tick_up(wanted.earliest_at)
        fixed = pinned(template, shape, self.facts.network, self.grid, pins, earliest, slack_days=wanted.slack_days)
        problem = replace(self._problem, templates=(fixed,))
        groups = [fixed.tasks[tasks[name]].group for name in moving if name in tasks]
        first = min(groups, key=lambda group: (fixed.parents[group] is not None, group), default=0)
        changes = [(stretch, -1) for key in keys for stretch in self._stretches(*self.seats.at(key))]
        changes += [(stretch, 1) for stretch in settled(template, fixed, pins)]
        for stretch, by in changes:
            self._loads.change(*stretch, by)
        try:
            finder = Finder(problem, Layout(fixed, problem.weights), self._loads)
            registered = self.grid.day(patient.registered_on)
            begun = fixed.ready.task in pins
            ready = min(registered, -1) if begun else registered + self.facts.protocol.registration.earliest_days
            as_course = Course(patient.id, (0,), registered, ready, self.grid.days - 1)
            found = self._proposals(
                patient, as_course, {0: finder}, first, wanted, course, pins, shape=shape, keys=keys, problem=problem
            )
            return list(found)
        finally:
            for stretch, by in changes:
                self._loads.change(*stretch, -by)

    def _proposals(
        self,
        patient: Patient,
        course: Course,
        finders: Mapping[int, Finder],
        group: int,
        wanted: Wanted,
        before: PlannedCourse,
        pins: Mapping[int, Interval],
        *,
        shape: Shape | None = None,
        keys: frozenset[int] = frozenset(),
        problem: Problem | None = None,
    ) -> Iterator[Proposal]:
        """Proposals one after the other, cheapest first, the day of `group` kept apart from those before."""
        problem = problem or self._problem
        days = _Days(self.grid.days, self.grid.day, wanted)
        tries = 0
        found = 0
        while found < wanted.count and tries < wanted.count + MORE_TRIES:
            tries += 1
            placement = _cheapest(finders, course, Wish({}, {}, {group: days}))
            if placement is None or len(placement.present) < problem.templates[placement.template].groups:
                return
            template = problem.templates[placement.template]
            day = finders[placement.template].day(placement.slots, template.visits[group])
            proposal = self._completed(
                patient, problem, placement, before, pins, shape, keys, self.grid.on(day), wanted.earliest_at
            )
            if proposal is None:
                days.also(day, 1)
                continue
            days.also(day, max(wanted.apart_days, 1))
            found += 1
            yield proposal

    def _completed(
        self,
        patient: Patient,
        problem: Problem,
        placement: Placement,
        before: PlannedCourse,
        pins: Mapping[int, Interval],
        shape: Shape | None,
        keys: frozenset[int],
        on: date,
        earliest_at: datetime,
    ) -> Proposal | None:
        """A placement as a course with units and follow-up visits; None when these find no place."""
        shapes = self._built.shapes if shape is None else (shape,)
        built = replace(self._built, problem=problem, shapes=shapes)
        facts = replace(self.facts, patients=(patient,))
        course = course_of(built, facts, patient, placement, {})
        stays = {one.id: one for one in before.activities}
        kept = {
            activity_id(patient.id, shapes[0].steps[task].dose, shapes[0].steps[task].step.kind)
            for task in pins
            if problem.templates[0].tasks[task].hold is None or _edges(problem.templates[0], task) <= pins.keys()
        }
        listed = tuple(
            stays[one.id] if one.id in kept else replace(one, units=stays[one.id].units) if one.id in stays else one
            for one in course.activities
        )
        listed = _stretched(problem.templates[placement.template], shapes[placement.template], patient, listed, kept)
        course = replace(course, activities=listed)
        course = replace(course, activities=(*listed, *_visits_kept(facts, course, before, earliest_at)))
        visited = self._with_follow_ups(facts, course, keys, earliest_at)
        if visited is None:
            return None
        try:
            course, seating = self.seated(visited, keys)
        except NoSeat:
            return None
        plan = Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, (course,))
        return Proposal(course, cost_of(plan, facts), on, seating)

    def _with_follow_ups(
        self, facts: Facts, course: PlannedCourse, keys: frozenset[int], earliest_at: datetime
    ) -> PlannedCourse | None:
        used = {kind for visit in facts.protocol.follow_ups for kind in visit.uses}
        taken = {
            (place, kind, unit): [
                Interval(_instant(stay.begins), _instant(stay.ends))
                for stay in self.seats.of((place, kind, unit))
                if stay.key not in keys
            ]
            for (place, kind), units in unit_names(facts).items()
            if place == course.site and kind in used
            for unit in units
        }
        courses, missed = with_follow_ups(facts, [course], taken, earliest_at)
        return None if missed else courses[0]

    def routes(self, patient: Patient) -> list[Route]:
        """The plants and couriers by which a patient's course can be made."""
        return routes_of(self.facts, patient.site)

    def _template_of(self, patient: Patient, course: PlannedCourse) -> int:
        """The template whose plant and lanes a course uses."""
        arm = self.facts.arm_of(patient.id)
        numbers = self._numbers[patient.site, None if arm is None else arm.name]
        lanes = {one.lane for one in course.activities if one.lane is not None}
        for number in numbers:
            route = self._built.shapes[number].route
            if route.plant == course.plant and lanes <= {route.inbound.code, route.outbound.code}:
                return number
        return numbers[0]

    # --- units ------------------------------------------------------------------------------------------------

    def seated(self, course: PlannedCourse, without: frozenset[int] = frozenset()) -> tuple[PlannedCourse, Seating]:
        """The course with a free unit for everything it uses, its present units where they can be kept.

        Raises
        ------
        NoSeat
            When at some moment every unit of a resource is taken.
        """
        needs = needs_of(self.facts, course)
        seating = self.seats.seat(needs, without=without)
        return with_units(course, needs, seating), seating


class _Days:
    """The days a visit should not fall on."""

    def __init__(self, days: int, day_of: Callable[[date], int], wanted: Wanted) -> None:
        self._low = 0 if wanted.not_before is None else day_of(wanted.not_before)
        self._high = days if wanted.not_after is None else day_of(wanted.not_after)
        self._unwanted: set[int] = set()
        for on in wanted.avoid:
            self.also(day_of(on), wanted.apart_days)

    def also(self, day: int, apart: int) -> None:
        """Keep at least `apart` days away from a day."""
        self._unwanted.update(range(day - apart + 1, day + apart))

    def __contains__(self, day: object) -> bool:
        return day in self._unwanted or not (isinstance(day, int) and self._low <= day <= self._high)


def _edges(template: Template, task: int) -> set[int]:
    """The tasks between which a hold reaches."""
    return {resolve_point(template, Point(task, at_end)).task for at_end in (False, True)}


def _stretched(
    template: Template, shape: Shape, patient: Patient, activities: tuple[Activity, ...], kept: Container[str]
) -> tuple[Activity, ...]:
    """The activities with every hold not kept reaching to the true minute of what it lies between."""
    there = {one.id: one for one in activities}
    names = [activity_id(patient.id, at.dose, at.step.kind) for at in shape.steps]
    for task, name in zip(template.tasks, names, strict=True):
        if task.hold is not None and name in there and name not in kept:
            begin, until = (resolve_point(template, edge) for edge in task.hold)
            edges = [there[names[one.task]].during for one in (begin, until)]
            instants = [
                during.end_at if one.at_end else during.start_at
                for during, one in zip(edges, (begin, until), strict=True)
            ]
            there[name] = replace(there[name], start_at=instants[0], end_at=instants[1])
    return tuple(there[one.id] for one in activities)


def _cheapest(finders: Mapping[int, Finder], course: Course, wish: Wish) -> Placement | None:
    found = [(finder.best(course, False, wish), number) for number, finder in finders.items()]
    if not found:
        return None
    (_, slots, present), number = min(found, key=lambda one: one[0][0])
    return Placement(number, slots, frozenset(present)) if present else None


def _visits_kept(
    facts: Facts, course: PlannedCourse, before: PlannedCourse, earliest_at: datetime
) -> tuple[Activity, ...]:
    """The follow-up visits of the old course that begin too soon to move, or that may stay.

    One may stay where its window still allows it and it meets no other visit.
    """
    zone = facts.network.place(course.site).zone
    named = {follow_up_id(course.patient, one.name): one for one in facts.protocol.follow_ups}
    kept: list[Activity] = []
    for visit in before.activities:
        follow_up = named.get(visit.id)
        if visit.kind != FOLLOW_UP or follow_up is None:
            continue
        if visit.start_at < earliest_at:
            kept.append(visit)
            continue
        anchor_on: date | None = course.registered_on
        if follow_up.anchor is not None:
            given = course.find(facts.protocol.administration, follow_up.anchor)
            anchor_on = None if given is None else local_date(given.start_at, zone)
        clash = any(one.place == course.site and one.during.overlaps(visit.during) for one in course.activities)
        if anchor_on is not None and not clash and follow_up.window.allows(anchor_on, local_date(visit.start_at, zone)):
            kept.append(visit)
    return tuple(kept)


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
