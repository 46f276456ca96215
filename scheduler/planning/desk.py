"""Courses for one patient at a time, against everything that is taken: what a site is offered.

A desk holds the calendars of one program as tables and the stays of all units, and is kept in step with them by
`put` and `drop`. It decides nothing: what it finds is complete and obeys every rule as far as it knows the stays, and
the referee and the database judge it again before it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.calendars import local_date
from scheduler.domain.cost import cost_of
from scheduler.domain.course import Facts, Patient
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import Levels, Plan, PlannedCourse, Unplanned
from scheduler.planning.build import Builder, Shape, horizon_days, routes_of
from scheduler.planning.completion import edges_of, stretched, visits_kept
from scheduler.planning.follow_ups import with_follow_ups
from scheduler.planning.ground import Ground, Tables, as_before, told_days
from scheduler.planning.hindrances import unhindered, without_doses
from scheduler.planning.interpret import course_of
from scheduler.planning.needs import needs_of, out_of_service, unit_names, with_units
from scheduler.planning.pins import pinned, settled
from scheduler.planning.seats import Need, NoSeat, Seating, Seats, Stay, Unit
from scheduler.planning.slots import Route
from scheduler.planning.wanted import Days, Wanted
from solver.doses import NO_WISH, Wish
from solver.finder import Finder
from solver.layout import Layout, layouts_of
from solver.loads import Loads
from solver.problem import Course, Placement, Problem, Template

MORE_TRIES = 4  # further courses tried for one offer whose follow-up visits or units find no place


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
        self.seats = Seats(unit_names(facts), out_of_service(facts))

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

    @property
    def problem(self) -> Problem:
        """The pools and templates of the program."""
        return self._problem

    @property
    def taken(self) -> Sequence[NDArray[np.int16]]:
        """Units taken of every pool at every tick."""
        return self._loads.taken

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
        finders, shapes = self._finders_of(course), self._built.shapes
        ground = Ground(patient, nothing, self._problem, shapes, finders, course, wanted.earliest_at)
        return list(self._proposals(self._unhindered(ground), 0, wanted))

    def _unhindered(self, ground: Ground) -> Ground:
        """The ground of a whole course without the starts that something keeps its patient from."""
        hindrances = self.facts.hindrances_of(ground.patient.id)
        if not hindrances:
            return ground
        shapes = tuple(ground.shapes[number] for number in ground.course.templates)
        templates = tuple(
            unhindered(ground.problem.templates[number], shape.steps, self.grid, hindrances)
            for number, shape in zip(ground.course.templates, shapes, strict=True)
        )
        problem = replace(ground.problem, templates=templates)
        finders = {number: Finder(problem, layout, self._loads) for number, layout in enumerate(layouts_of(problem))}
        course = replace(ground.course, templates=tuple(finders))
        return replace(ground, problem=problem, shapes=shapes, finders=finders, course=course)

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
        self,
        patient: Patient,
        course: PlannedCourse,
        moving: frozenset[str],
        own: Iterable[int],
        wanted: Wanted,
        *,
        without: frozenset[int] = frozenset(),
    ) -> list[Proposal]:
        """The same course with other times for the activities in `moving`; all others stay where they are.

        `own` are the keys of the course's stays; doses in `without` were given up for good. Follow-up visits are moved
        only where their window or a clash demands, and never from before the earliest instant. Holds (a culture)
        stretch to what moves at one of their ends.
        """
        ground = self.ground(patient, course, moving, wanted.earliest_at, slack_days=wanted.slack_days, without=without)
        (template,) = ground.problem.templates
        names = ground.shapes[0].names(patient.id)
        groups = {task.group for task, name in zip(template.tasks, names, strict=True) if name in moving}
        first = min(groups, key=lambda group: (template.parents[group] is not None, group), default=0)
        with self._lifted(ground, own) as lifted:
            return list(self._proposals(lifted, first, wanted))

    def keep(self, ground: Ground, own: Iterable[int]) -> Proposal | None:
        """A booked course with as little changed as the calendars and what is taken allow.

        Doses and follow-up visits without a place are left out; None when no dose has one.
        `own` are the keys of the course's stays. Visits keep their days, and everything its hours, where that can be.
        """
        with self._lifted(ground, own) as lifted, ExitStack() as taken:
            for _ in range(1 + MORE_TRIES):
                try:
                    return self._kept(lifted)
                except NoSeat as problem:  # no unit is in service throughout: as if one more were taken then
                    taken.enter_context(self._taken(problem.need))
        return None

    def _kept(self, ground: Ground) -> Proposal | None:
        (finder,) = ground.finders.values()
        _, slots, present = finder.best(ground.course, False, as_before(self.grid, ground))
        placement = Placement(0, slots, frozenset(present))
        return self._completed(ground, placement, self.grid.on(0), may_miss=True) if present else None

    def complete(self, ground: Ground, placement: Placement) -> Proposal | None:
        """A placement as a course, without the follow-up visits that find no place; None when units find none."""
        try:
            return self._completed(ground, placement, self.grid.on(0), may_miss=True)
        except NoSeat:
            return None

    @contextmanager
    def _taken(self, need: Need) -> Iterator[None]:
        """The pools as if something else had what is needed."""
        stretches = list(self._stretches((need.place, need.kind, ""), Stay(need.begins, need.ends, 0)))
        for one in stretches:
            self._loads.take(*one)
        try:
            yield
        finally:
            for one in stretches:
                self._loads.free(*one)

    def ground(
        self,
        patient: Patient,
        course: PlannedCourse,
        moving: frozenset[str],
        earliest_at: datetime,
        *,
        slack_days: int = 0,
        prices: Mapping[int, int] | None = None,
        still: frozenset[str] | None = None,
        without: frozenset[int] = frozenset(),
        tables: Tables | None = None,
    ) -> Ground:
        """What changing a booked course goes on; good for as long as the calendars are.

        `moving` are the activities that may move, `prices` what it costs to give each dose on another day than before,
        `still` the follow-up visits that stay whatever happens, by default those that begin before `earliest_at`,
        `without` the doses that were given up for good, `tables` what grounds with one `earliest_at` share.
        """
        tables = Tables() if tables is None else tables
        if still is None:
            still = frozenset(one.id for one in course.activities if one.start_at < earliest_at)
        template, shape = self._template_of(patient, course)
        template = unhindered(template, shape.steps, self.grid, self.facts.hindrances_of(patient.id))
        template = without_doses(template, shape.steps, without)
        tasks = {name: task for task, name in enumerate(shape.names(patient.id))}
        there = {one.id: one for one in course.activities}
        pins = {tasks[name]: there[name].during for name in tasks if name in there and name not in moving}
        earliest = self.grid.tick_up(earliest_at)
        fixed = pinned(
            template, shape, self.facts.network, self.grid, pins, earliest, slack_days=slack_days, later=tables.later
        )
        problem = replace(self._problem, templates=(fixed,))
        told = told_days(self.facts, self.grid, course, prices or {}, fixed)
        finder = Finder(problem, Layout(fixed, problem.weights, tables.reaches), self._loads, told)
        registered = self.grid.day(patient.registered_on)
        begun = fixed.ready.task in pins
        ready = min(registered, -1) if begun else registered + self.facts.protocol.registration.earliest_days
        as_course = Course(patient.id, (0,), registered, ready, self.grid.days - 1)
        held = {group: tuple(settled(template, fixed, pins, group)) for group in range(template.groups)}
        wanted = fixed.groups - len(without.intersection(fixed.doses))
        return Ground(
            patient,
            course,
            problem,
            (shape,),
            {0: finder},
            as_course,
            earliest_at,
            pins,
            held,
            still,
            wanted=wanted,
        )

    @contextmanager
    def _lifted(self, ground: Ground, own: Iterable[int]) -> Iterator[Ground]:
        """A course's own stays out of the way while the block lasts, but for what cannot move."""
        keys = frozenset(key for key in own if key in self.seats)
        changes = [(stretch, -1) for key in keys for stretch in self._stretches(*self.seats.at(key))]
        changes += [(stretch, 1) for listed in ground.held.values() for stretch in listed]
        for stretch, by in changes:
            self._loads.change(*stretch, by)
        try:
            yield replace(ground, keys=keys)
        finally:
            for stretch, by in changes:
                self._loads.change(*stretch, -by)

    def _proposals(self, ground: Ground, group: int, wanted: Wanted) -> Iterator[Proposal]:
        """Proposals one after the other, cheapest first, the day of `group` kept apart from those before."""
        days = Days(self.grid.days, self.grid.day, wanted)
        tries = 0
        found = 0
        while found < wanted.count and tries < wanted.count + MORE_TRIES:
            tries += 1
            placement = _cheapest(ground.finders, ground.course, Wish({}, {}, {group: days}))
            if placement is None or len(placement.present) < ground.groups_of(placement.template):
                return
            template = ground.problem.templates[placement.template]
            day = ground.finders[placement.template].day(placement.slots, template.visits[group])
            try:
                proposal = self._completed(ground, placement, self.grid.on(day))
            except NoSeat:
                proposal = None
            if proposal is None:
                days.also(day, 1)
                continue
            days.also(day, max(wanted.apart_days, 1))
            found += 1
            yield proposal

    def _completed(self, ground: Ground, placement: Placement, on: date, *, may_miss: bool = False) -> Proposal | None:
        """A placement as a course with units and follow-up visits; None when visits find no place, NoSeat for units."""
        patient, before = ground.patient, ground.before
        template, shape = ground.problem.templates[placement.template], ground.shapes[placement.template]
        facts = replace(self.facts, patients=(patient,))
        built = replace(self._built, problem=ground.problem, shapes=ground.shapes)
        course = course_of(built, facts, patient, placement, {})
        there = {one.id: one for one in before.activities}
        names = shape.names(patient.id)
        kept = {
            names[task]
            for task in ground.pins
            if template.tasks[task].hold is None or edges_of(template, task) <= ground.pins.keys()
        }
        listed = tuple(
            there[one.id] if one.id in kept else replace(one, units=there[one.id].units) if one.id in there else one
            for one in course.activities
        )
        listed = stretched(template, shape, patient, listed, kept)
        course = replace(course, activities=listed)
        stay = visits_kept(facts, course, before, ground.still)
        course = replace(course, activities=(*listed, *stay))
        visited, missed = self._with_follow_ups(facts, course, ground)
        if missed and not may_miss:
            return None
        course, seating = self.seated(visited, ground.keys)
        plan = Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, (course,))
        return Proposal(course, cost_of(plan, facts), on, seating)

    def _with_follow_ups(
        self, facts: Facts, course: PlannedCourse, ground: Ground
    ) -> tuple[PlannedCourse, tuple[Unplanned, ...]]:
        used = {kind for visit in facts.protocol.follow_ups for kind in visit.uses}
        taken = {
            (place, kind, unit): [
                Interval(_instant(stay.begins), _instant(stay.ends))
                for stay in self.seats.of((place, kind, unit))
                if stay.key not in ground.keys
            ]
            for (place, kind), units in unit_names(facts).items()
            if place == course.site and kind in used
            for unit in units
        }
        told = {one.id: one.start_at for one in ground.before.activities}
        (visited,), missed = with_follow_ups(facts, [course], taken, ground.earliest_at, told)
        return visited, missed

    def routes(self, patient: Patient) -> list[Route]:
        """The plants and couriers by which a patient's course can be made."""
        return routes_of(self.facts, patient.site)

    def _template_of(self, patient: Patient, course: PlannedCourse) -> tuple[Template, Shape]:
        """The template whose plant and lanes a course uses; one for restarted doses is made when it is first needed."""
        arm = self.facts.arm_of(patient.id)
        numbers = self._builder.templates_for(patient.site, arm, course.restarted)
        made = [self._builder.made(number) for number in numbers]
        lanes = {one.lane for one in course.activities if one.lane is not None}
        for template, shape in made:
            route = shape.route
            if route.plant == course.plant and lanes <= {route.inbound.code, route.outbound.code}:
                return template, shape
        return made[0]

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


def _cheapest(finders: Mapping[int, Finder], course: Course, wish: Wish) -> Placement | None:
    found = [(finder.best(course, False, wish), number) for number, finder in finders.items()]
    if not found:
        return None
    (_, slots, present), number = min(found, key=lambda one: one[0][0])
    return Placement(number, slots, frozenset(present)) if present else None


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
