"""Facts to problem: every rule becomes slots, lags, targets or stays that carry the rule's name."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.course import NONE_RESTARTED, Facts, Patient, StepAt, activity_id, doses_of, steps_of
from scheduler.domain.intervals import Interval
from scheduler.domain.protocol import Arm, StepRef, Window
from scheduler.planning.hindrances import unhindered
from scheduler.planning.points import Points
from scheduler.planning.slots import Route, StartTimes
from scheduler.planning.timegrid import TICK_MINUTES, TimeGrid, ticks_of
from solver.problem import (
    Cold,
    Course,
    DayLag,
    IntArray,
    Lag,
    Point,
    Problem,
    Stay,
    Target,
    Task,
    Template,
    Weights,
)

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Shape:
    """What interpretation needs to read a template back: its route, the step behind every task, what was restarted."""

    route: Route
    steps: tuple[StepAt, ...]
    restarted: frozenset[int] = NONE_RESTARTED

    def names(self, patient: str) -> list[str]:
        """The ids of a patient's activities, task by task."""
        return [activity_id(patient, at.dose, at.step.kind) for at in self.steps]


@dataclass(frozen=True, eq=False)
class Built:
    """A problem with the grid it lives on and the shape of each of its templates."""

    problem: Problem
    grid: TimeGrid
    shapes: tuple[Shape, ...]


def build(facts: Facts, without: frozenset[str] = NOTHING) -> Built:
    """The planning problem of a program.

    Parameters
    ----------
    facts
        The program; its arms are only read where the policy lets the planner know them.
    without
        Names of rules to leave out, to see what each is worth.
    """
    return Builder(facts, without).build()


def horizon_days(facts: Facts) -> int:
    """Days from the program's start to the last day on which any dose could be due."""
    last = max((patient.registered_on for patient in facts.patients), default=facts.starts_on)
    reach = 0
    for dose in facts.protocol.doses:
        if dose.window is not None:
            target = dose.window.target_on(facts.starts_on) - facts.starts_on
            reach = max(reach, target.days + dose.window.latest_days + 3)
    return (last - facts.starts_on).days + facts.policy.max_wait_days + reach + 14


def routes_of(facts: Facts, site: str) -> list[Route]:
    """Every way a site can be served: each plant it has lanes to and from, each pair of lanes."""
    return [
        Route(site, plant.code, inbound, outbound)
        for plant in facts.network.plants
        for inbound, outbound in itertools.product(
            facts.network.lanes_between(site, plant.code), facts.network.lanes_between(plant.code, site)
        )
    ]


class Builder:
    """Makes the templates and pools of one program on one grid, by default as long as its patients need."""

    def __init__(self, facts: Facts, without: frozenset[str] = NOTHING, *, days: int | None = None) -> None:
        self.facts = facts
        self.without = without
        self.grid = TimeGrid(facts.starts_on, horizon_days(facts) if days is None else days)
        self.slots = StartTimes(facts, self.grid, without)
        self._pools: dict[tuple[str, str], int] = {}
        self._capacity: list[int] = []
        self._zones: list[str] = []
        self._due: dict[Window, IntArray] = {}
        self._templates: list[Template] = []
        self._shapes: list[Shape] = []
        self._known: dict[tuple[str, object, frozenset[int]], tuple[int, ...]] = {}

    def build(self) -> Built:
        """The problem of all the program's patients."""
        courses: list[Course] = []
        for patient in self.facts.patients:
            arm = self.facts.arm_of(patient.id)
            if doses_of(self.facts.protocol, arm):
                courses.append(self._course(patient, self._templates_of(patient, arm)))
        return self.built(tuple(courses))

    def templates_for(self, site: str, arm: Arm | None, restarted: frozenset[int] = NONE_RESTARTED) -> tuple[int, ...]:
        """The numbers of the templates that a site's patients of an arm may follow, one a route.

        Courses with restarted doses have templates of their own.
        """
        key = (site, arm and (arm.doses, arm.active), restarted)
        if key not in self._known:
            first = len(self._templates)
            for route in routes_of(self.facts, site):
                template, shape = self._template(route, arm, restarted)
                self._templates.append(template)
                self._shapes.append(shape)
            self._known[key] = tuple(range(first, len(self._templates)))
        return self._known[key]

    def _templates_of(self, patient: Patient, arm: Arm | None) -> tuple[int, ...]:
        """The shared templates, or a patient's own where something hinders it."""
        shared = self.templates_for(patient.site, arm)
        hindrances = self.facts.hindrances_of(patient.id)
        if not hindrances or "hindrance" in self.without:
            return shared
        first = len(self._templates)
        for number in shared:
            shape = self._shapes[number]
            self._templates.append(unhindered(self._templates[number], shape.steps, self.grid, hindrances))
            self._shapes.append(shape)
        return tuple(range(first, len(self._templates)))

    def built(self, courses: tuple[Course, ...]) -> Built:
        """Everything made so far as one problem of these courses."""
        problem = Problem(
            horizon=self.grid.horizon,
            days=self.grid.days,
            capacity=tuple(self._capacity),
            pool_names=tuple(f"{where}/{kind}" for where, kind in self._pools),
            day_start=tuple(self.grid.day_starts(zone) for zone in self._zones),
            load=tuple(self._taken(where, kind) for where, kind in self._pools),
            templates=tuple(self._templates),
            courses=courses,
            weights=self._weights(),
        )
        return Built(problem, self.grid, tuple(self._shapes))

    def _weights(self) -> Weights:
        policy = self.facts.policy
        return Weights(policy.unplanned_dose_cost, policy.waiting_day_cost, policy.cold_hour_cost, 60 // TICK_MINUTES)

    def _course(self, patient: Patient, templates: tuple[int, ...]) -> Course:
        registered = self.grid.day(patient.registered_on)
        soonest = 0 if "registration" in self.without else self.facts.protocol.registration.earliest_days
        return Course(
            id=patient.id,
            templates=templates,
            waits_from_day=registered,
            ready_day=registered + soonest,
            last_day=registered + self.facts.policy.max_wait_days,
        )

    def _pool(self, where: str, kind: str) -> int:
        if (where, kind) not in self._pools:
            self._pools[where, kind] = len(self._capacity)
            if kind == "lane":
                lane = self.facts.network.lane(where)
                capacity = lane.places
                self._zones.append(self.facts.network.place(lane.from_place).zone)
                removed = "departure_places"
            else:
                capacity = len(self.facts.network.place(where).resource(kind).units)
                self._zones.append(self.facts.network.place(where).zone)
                removed = "unit_capacity"
            self._capacity.append(len(self.facts.patients) * 9 if removed in self.without else capacity)
        return self._pools[where, kind]

    def _taken(self, where: str, kind: str) -> NDArray[np.int16]:
        """Units not there at all: closed by name, or out of service; either also ends what they hold.

        Line clearance and turnaround keep out of both here, which is more than the rule asks.
        """
        taken = np.zeros(self.grid.horizon, dtype=np.int16)
        if "closure" in self.without or kind == "lane":
            return taken
        network, capacity = self.facts.network, self._capacity[self._pools[where, kind]]
        for unit in network.place(where).resource(kind).units:
            out = np.zeros(self.grid.horizon, dtype=bool)
            for stretch in network.out_of_service.get((where, kind, unit), []):
                out[self._ticks(stretch)] = True
            taken += out
        for closure in network.closures:
            if (closure.where, closure.resource, closure.unit) == (where, kind, None):
                taken[self._ticks(closure.during)] = capacity
        return taken

    def _ticks(self, during: Interval) -> slice:
        return slice(max(self.grid.tick(during.start_at), 0), max(self.grid.tick_up(during.end_at), 0))

    # --- templates -------------------------------------------------------------------------------------------

    def made(self, number: int) -> tuple[Template, Shape]:
        """A template that was made, and its shape."""
        return self._templates[number], self._shapes[number]

    def _template(self, route: Route, arm: Arm | None, restarted: frozenset[int]) -> tuple[Template, Shape]:
        protocol = self.facts.protocol
        doses = doses_of(protocol, arm)
        steps = tuple(steps_of(protocol, arm, restarted))
        index = Points(steps, doses, restarted)
        tasks = tuple(
            Task(
                name=f"{at.dose}/{at.step.kind}" if at.dose is not None else at.step.kind,
                group=doses.index(at.serves),
                slots=None if at.step.hold else self.slots.of(at, route),
                hold=index.pair(*at.step.hold, at) if at.step.hold else None,
                attended=at.step.attended and "one_visit_at_a_time" not in self.without,
            )
            for at in steps
        )
        lags, day_lags = self._limits(index)
        parents = tuple(
            None if (anchor := protocol.dose(dose).anchor) is None else doses.index(anchor) for dose in doses
        )
        ready = next(i for i, at in enumerate(steps) if at.step.kind == protocol.registration.step)
        template = Template(
            key=f"{route.site}/{route.plant}",
            tasks=tasks,
            doses=doses,
            parents=parents,
            visits=tuple(index.point(StepRef(protocol.administration, "start"), dose) for dose in doses),
            ready=Point(ready, False),
            stays=tuple(self._stays(index, route)),
            lags=(
                *self._sequence(index, route),
                *index.holds(),
                *lags,
                *self._qualified(index, route),
                *self._cold(index, route),
            ),
            day_lags=(*index.hold_days(), *day_lags),
            targets=tuple(self._targets(index, doses)),
            colds=tuple(self._colds(index, doses)),
        )
        self._pools_of_restarts(route)
        return template, Shape(route, steps, restarted)

    def _sequence(self, index: Points, route: Route) -> list[Lag]:
        found: list[Lag] = []
        for i, at in enumerate(index.steps):
            for before in at.step.after:
                earlier = index.find(before, at.serves)
                if earlier is None:
                    continue
                lane = route.inbound if at.step.to_side == "plant" else route.outbound
                handover = ticks_of(lane.handover_minutes) if at.step.is_transit else 0
                if handover and "handover" not in self.without:
                    found.append(Lag("handover", Point(earlier, True), Point(i, False), handover, None))
                elif "sequence" not in self.without:
                    found.append(Lag("sequence", Point(earlier, True), Point(i, False), 0, None))
        return found

    def _limits(self, index: Points) -> tuple[list[Lag], tuple[DayLag, ...]]:
        lags: list[Lag] = []
        day_lags: list[DayLag] = []
        for limit in self.facts.protocol.limits:
            if limit.name in self.without:
                continue
            for a, b in index.pairs(limit):
                if limit.at_least_minutes is not None or limit.at_most_minutes is not None:
                    most = None if limit.at_most_minutes is None else limit.at_most_minutes // TICK_MINUTES
                    least = None if limit.at_least_minutes is None else ticks_of(limit.at_least_minutes)
                    lags.append(Lag(limit.name, a, b, least, most))
                if limit.at_least_days is not None or limit.at_most_days is not None:
                    day_lags.append(DayLag(limit.name, a, b, limit.at_least_days, limit.at_most_days))
        return lags, tuple(day_lags)

    def _qualified(self, index: Points, route: Route) -> list[Lag]:
        found: list[Lag] = []
        for i, at in enumerate(index.steps):
            for use in at.step.uses:
                most = self.facts.network.place(route.place(at.step.side)).resource(use.resource).max_hold_minutes
                edges = index.edges(i, use)
                if most is not None and edges is not None and "qualified_hours" not in self.without:
                    found.append(Lag("qualified_hours", *edges, None, most // TICK_MINUTES))
        return found

    def _cold(self, index: Points, route: Route) -> list[Lag]:
        """Each stay in the cold begins before the last one ends; at most `out_minutes` are left at the end."""
        chain = self.facts.protocol.cold_chain
        if chain is None or "cold_custody" in self.without:
            return []
        found: list[Lag] = []
        for dose in index.doses:
            here, end = index.point(chain.from_ref, dose), index.point(chain.until_ref, dose)
            stays = [
                edges
                for i, at in enumerate(index.steps)
                for use in at.step.uses
                if at.dose == dose
                and self.facts.network.place(route.place(at.step.side)).resource(use.resource).cold
                and (edges := index.edges(i, use)) is not None
            ]
            for begin, until in stays:
                if begin != here:
                    found.append(Lag("cold_custody", here, begin, None, 0))
                here = until
            if here != end:
                found.append(Lag("cold_custody", here, end, None, chain.out_minutes // TICK_MINUTES))
        return found

    def _stays(self, index: Points, route: Route) -> list[Stay]:
        found: list[Stay] = []
        for i, at in enumerate(index.steps):
            place = route.place(at.step.side)
            for use in at.step.uses:
                edges = index.edges(i, use)
                if edges is None:
                    continue
                pool = self._pool(place, use.resource)
                found.append(Stay("unit_capacity", pool, use.resource, i, *edges, self._tail(place, use.resource)))
            if at.step.is_transit:
                lane = route.inbound if at.step.to_side == "plant" else route.outbound
                pool = self._pool(lane.code, "lane")
                found.append(Stay("departure_places", pool, "lane", i, Point(i, False), Point(i, False), 1))
        return found

    def _pools_of_restarts(self, route: Route) -> None:
        """Count what restarted doses may need, so that their templates fit into every problem made here."""
        for step in self.facts.protocol.steps:
            for use in step.uses if step.restarts else ():
                self._pool(route.place(step.side), use.resource)

    def _tail(self, place: str, kind: str) -> int:
        resource = self.facts.network.place(place).resource(kind)
        clearance = 0 if "line_clearance" in self.without else resource.line_clearance_minutes
        turnaround = 0 if "turnaround" in self.without else resource.turnaround_minutes
        return ticks_of(max(clearance, turnaround))

    def _targets(self, index: Points, doses: tuple[int, ...]) -> list[Target]:
        policy, protocol = self.facts.policy, self.facts.protocol
        found: list[Target] = []
        for dose in doses:
            spec = protocol.dose(dose)
            if spec.anchor is None or spec.window is None:
                continue
            if spec.window not in self._due:
                due = [self.grid.day(spec.window.target_on(self.grid.on(day))) for day in range(self.grid.days)]
                self._due[spec.window] = np.array(due, dtype=np.int64)
            name = "pair_window" if spec.role == "pair" else "booster_window"
            earliest, latest = spec.window.earliest_days, spec.window.latest_days
            if name in self.without:
                earliest, latest = -10_000, 10_000
            found.append(
                Target(
                    name=name,
                    a=index.point(StepRef(protocol.administration, "start"), spec.anchor),
                    b=index.point(StepRef(protocol.administration, "start"), dose),
                    table=self._due[spec.window],
                    earliest=earliest,
                    latest=latest,
                    level=0 if spec.role == "pair" else 2,
                    weight=policy.pair_day_cost if spec.role == "pair" else policy.booster_day_cost,
                )
            )
        return found

    def _colds(self, index: Points, doses: tuple[int, ...]) -> list[Cold]:
        shelf = self.facts.protocol.shelf_life
        if shelf is None:
            return []
        administered = StepRef(self.facts.protocol.administration, "start")
        return [
            Cold(group, index.point(shelf.from_ref, dose), index.point(administered, dose))
            for group, dose in enumerate(doses)
        ]
