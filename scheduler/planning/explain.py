"""Why a dose has no place, in domain words: the fewest things that would have to be different for it to have one.

First the course is tried alone. If it fits alone, what others have taken is the reason, and the resources are named
without which it would fit. If it does not, rules are given up one by one until a smallest set is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta

from scheduler.domain.calendars import Closure, local_date
from scheduler.domain.course import Facts
from scheduler.domain.plan import Unplanned
from scheduler.domain.protocol import Limit
from scheduler.planning.build import Built, build
from solver.insertion import Inserter
from solver.problem import Course, Placement, Point, Problem, point_day

GENERAL_RULES = ("closure", "hindrance", "opening_hours", "arrival_open", "handover", "qualified_hours", "registration")
PLENTY = 30_000
RELAXED_KEPT = 3  # problems with rules given up that are kept at hand; each is large


def unplanned_doses(
    facts: Facts, built: Built, placements: Mapping[str, Placement], known: Mapping[tuple[str, int], str] | None = None
) -> tuple[Unplanned, ...]:
    """Every dose without a place, with at least one reason, in the order of patients and doses.

    Reasons that are `known` already, by patient and dose, are not looked for.
    """
    why: _Why | None = None
    found: list[Unplanned] = []
    for course in built.problem.courses:
        placement = placements[course.id]
        template = built.problem.templates[placement.template]
        for group, dose in enumerate(template.doses):
            if group in placement.present:
                continue
            parent = template.parents[group]
            if parent is not None and parent not in placement.present:
                reason = f"dose {dose} counts its days from dose {template.doses[parent]}, which has no place"
                found.append(Unplanned(course.id, dose, (reason,)))
                continue
            told = (known or {}).get((course.id, dose))
            if told is not None:
                found.append(Unplanned(course.id, dose, (told,)))
                continue
            why = why or _Why(facts, built, placements)
            found.append(Unplanned(course.id, dose, why.reasons(course, group)))
    return tuple(found)


def smallest(names: Iterable[str], enough: Callable[[frozenset[str]], bool]) -> frozenset[str] | None:
    """A smallest-by-inclusion set of names that is still enough, found by giving names back one at a time.

    None when not even all names together are enough.
    """
    kept = frozenset(names)
    if not enough(kept):
        return None
    for name in sorted(kept):
        if enough(kept - {name}):
            kept -= {name}
    return kept


class _Why:
    def __init__(self, facts: Facts, built: Built, placements: Mapping[str, Placement]) -> None:
        self.facts, self.built, self.placements = facts, built, placements
        self._relaxed: dict[frozenset[str], tuple[Built, Inserter]] = {}
        self._last: frozenset[str] | None = None
        self._inserter = Inserter(built.problem)

    def reasons(self, course: Course, group: int) -> tuple[str, ...]:
        """Why one dose of a course has no place."""
        if self._place(course, frozenset(), group) is not None:
            return self._taken(course, group)
        if self._last is not None and self._place(course, self._last, group) is not None:
            return self._blocked(course, group, self._last)
        general = (name for name in GENERAL_RULES if name != "hindrance" or self.facts.hindrances_of(course.id))
        names = (*general, *(limit.name for limit in self.facts.protocol.limits), "pair_window", "booster_window")
        singles = (frozenset({name}) for name in names)
        without = next((one for one in singles if self._place(course, one, group) is not None), None)
        without = without or smallest(names, lambda some: self._place(course, some, group) is not None)
        if without is None:
            return (f"no course from {course.id}'s site fits the protocol, even with every hour open",)
        self._last = without
        return self._blocked(course, group, without)

    # --- alone, with some rules given up --------------------------------------------------------------------------

    def _place(self, course: Course, without: frozenset[str], group: int) -> Placement | None:
        """The course alone, if the dose then has a place."""
        if without not in self._relaxed:
            while len(self._relaxed) >= RELAXED_KEPT:
                self._relaxed.pop(next(iter(self._relaxed)))
            built = build(self.facts, without) if without else self.built
            self._relaxed[without] = (built, Inserter(built.problem))
        built, inserter = self._relaxed[without]
        same = next(one for one in built.problem.courses if one.id == course.id)
        _, placement = inserter.best(same)
        return placement if group in placement.present else None

    def _blocked(self, course: Course, group: int, without: frozenset[str]) -> tuple[str, ...]:
        texts = [self._rule_text(course, group, name, without) for name in sorted(without)]
        if len(texts) > 1:
            texts = [f"{text} (one of {len(texts)} reasons that hold together)" for text in texts]
        return tuple(texts)

    def _rule_text(self, course: Course, group: int, name: str, without: frozenset[str]) -> str:
        if name == "closure":
            return self._closure_text(course, group, without)
        if name == "hindrance":
            why = "; ".join(dict.fromkeys(one.reason for one in self.facts.hindrances_of(course.id)))
            return f"what keeps {course.id} away leaves no time: {why}"
        limit = next((one for one in self.facts.protocol.limits if one.name == name), None)
        if limit is not None:
            return f"{_limit_text(limit)} cannot be kept ({name})"
        dose = self.built.problem.templates[course.templates[0]].doses[group]
        texts = {
            "opening_hours": "the weekly hours and public holidays leave no time for every step",
            "arrival_open": "every courier would arrive while the door is shut",
            "handover": "no step ends in time to hand over to a courier",
            "qualified_hours": "the transit outlasts what its shipper is qualified for",
            "registration": "the course would have to begin sooner after registration than allowed",
            "pair_window": f"no day in the window of dose {dose} can be reached",
            "booster_window": f"no day in the window of dose {dose} can be reached",
        }
        return texts[name]

    def _closure_text(self, course: Course, group: int, without: frozenset[str]) -> str:
        """Which step must fall into which closure: the steps that only find a time while nothing is closed."""
        placement = self._place(course, without, group)
        assert placement is not None
        built = self._relaxed[without][0]
        template = built.problem.templates[placement.template]
        shape = built.shapes[placement.template]
        texts: list[str] = []
        for task, slot in placement.slots.items():
            slots, strict = (
                template.tasks[task].slots,
                self.built.problem.templates[placement.template].tasks[task].slots,
            )
            if template.tasks[task].group != group or slots is None or strict is None:
                continue
            if slots.starts[slot] in set(strict.starts):
                continue
            step = shape.steps[task].step
            place = shape.route.place(step.side)
            on = built.grid.on(point_day(template, placement.slots, Point(task, False)))
            lane = shape.route.inbound if step.to_side == "plant" else shape.route.outbound
            shut = self._closures_on({place, lane.code} if step.is_transit else {place}, on)
            texts += [f"{step.kind} must fall around {_day(on)}; {_closure(one, self._zone(one))}" for one in shut]
        if texts:
            return "; ".join(dict.fromkeys(texts))
        first, last = self._span(course)
        named = [_closure(one, self._zone(one)) for one in self.facts.network.closures]
        return f"no day from {_day(first)} to {_day(last)} is left: {'; '.join(named)}"

    def _zone(self, closure: Closure) -> str:
        codes = {place.code: place.zone for place in self.facts.network.places}
        if closure.where in codes:
            return codes[closure.where]
        return codes[self.facts.network.lane(closure.where).from_place]

    def _closures_on(self, where: set[str], on: date) -> list[Closure]:
        found: list[Closure] = []
        for one in self.facts.network.closures:
            zone = self._zone(one)
            first = local_date(one.during.start_at, zone)
            last = local_date(one.during.end_at - timedelta(seconds=1), zone)
            if one.where in where and first <= on <= last:
                found.append(one)
        return found

    def _span(self, course: Course) -> tuple[date, date]:
        return self.built.grid.on(course.ready_day), self.built.grid.on(course.last_day)

    # --- alone it fits: others have taken what it needs -----------------------------------------------------------

    def _taken(self, course: Course, group: int) -> tuple[str, ...]:
        problem = self.built.problem
        pools = {stay.pool for number in course.templates for stay in problem.templates[number].stays}
        names = {problem.pool_names[pool]: pool for pool in pools}
        freed = smallest(names, lambda some: self._fits_among_others(course, group, {names[one] for one in some}))
        first, last = self._span(course)
        if not freed:
            return (f"no time from {_day(first)} to {_day(last)} is left beside the other courses",)
        return tuple(
            f"{_pool_words(name)} taken by other courses whenever the dose could be given" for name in sorted(freed)
        )

    def _fits_among_others(self, course: Course, group: int, plenty: set[int]) -> bool:
        problem: Problem = replace(
            self.built.problem,
            capacity=tuple(PLENTY if i in plenty else one for i, one in enumerate(self.built.problem.capacity)),
        )
        inserter = Inserter(problem, self._inserter.layouts)
        for other, placement in self.placements.items():
            if other != course.id:
                inserter.put(placement)
        _, found = inserter.best(course)
        return group in found.present


def _pool_words(name: str) -> str:
    where, kind = name.split("/")
    return f"every place on the courier lane {where} is" if kind == "lane" else f"every {kind} at {where} is"


def _limit_text(limit: Limit) -> str:
    parts: list[str] = []
    if limit.at_least_minutes is not None:
        parts.append(f"at least {limit.at_least_minutes / 60:g} h")
    if limit.at_most_minutes is not None:
        parts.append(f"at most {limit.at_most_minutes / 60:g} h")
    if limit.at_least_days is not None:
        parts.append(f"at least {limit.at_least_days} days")
    if limit.at_most_days is not None:
        parts.append(f"at most {limit.at_most_days} days")
    return f"{' and '.join(parts)} from {limit.from_ref} to {limit.to_ref}"


def _closure(closure: Closure, zone: str) -> str:
    first = local_date(closure.during.start_at, zone)
    last = local_date(closure.during.end_at - timedelta(seconds=1), zone)
    what = f"{closure.where}'s {closure.unit or closure.resource}" if closure.resource else closure.where
    when = f"on {_day(first)}" if first == last else f"from {_day(first)} to {_day(last)}"
    return f"{what} is closed {when} ({closure.reason})"


def _day(on: date) -> str:
    return f"{on:%a} {on.day} {on:%b %Y}"
