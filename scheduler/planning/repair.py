"""Putting a plan right with the fewest broken promises: what a closure or a failure hit moves, everything else stays.

Only courses that break a rule now, or lack a dose, are looked at first: all others cost nothing where they are. Each is
taken out and put back where that costs least: doses first, then the price of the visits that move to other days, then
quality. The bound of a course is what calendars and windows alone demand, whatever others hold; where the courses
together cost no more than their bounds, no repair of any kind is better, and that is the proof. Where somebody else is
in the way of a bound, that one is taken out as well, as long as this makes the whole cheaper.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scheduler.domain.absent import absent
from scheduler.domain.calendars import local_date
from scheduler.domain.cost import cost_of
from scheduler.domain.course import Facts, Patient, follow_up_id
from scheduler.domain.diff import counts, move_cost, moves_cost, plan_diff
from scheduler.domain.plan import Activity, Plan, PlannedCourse
from scheduler.domain.rules import Violation, violations
from scheduler.planning.bench import Bench
from scheduler.planning.desk import Desk, Proposal
from scheduler.planning.ground import Ground
from scheduler.planning.seats import NoSeat

NO_TIME = "no time inside its window passes every rule with the closures and with what is taken"
SHUFFLES = 20  # random orders tried in a turn
IDLE_TURNS = 3  # turns without any gain after which the search ends
MOST_PUSHED = 12  # how many others may be moved so that one course costs less

NOTHING: frozenset[str] = frozenset()

Price = tuple[int, int]  # level 1 and the price of the moved visits


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

    @property
    def movable(self) -> frozenset[str]:
        """What may move."""
        return frozenset(one.id for one in self.course.activities) - self.fixed


@dataclass(frozen=True)
class Repaired:
    """A plan put right.

    Attributes
    ----------
    plan
        All courses, the changed ones too; its level 2 is 0, see `price`.
    changed
        The patients whose course is not as it was.
    stuck
        What breaks a rule still, mostly because it may not move: decisions for people.
    visits_moved
        How many visits fall on another day, or on none.
    price, bound
        Level 1 and the price of moved visits of the courses that were hit or moved, and the least that could be. A
        dropped visit costs as much as a moved one.
    """

    plan: Plan
    changed: frozenset[str]
    stuck: tuple[Violation, ...]
    visits_moved: int
    price: Price
    bound: Price

    @property
    def is_proven(self) -> bool:
        """Whether no repair of what was hit keeps more doses, and none that keeps as many moves less by its price."""
        return self.price == self.bound and not self.stuck


def still_broken(plan: Plan, facts: Facts, standings: Sequence[Standing], now: datetime) -> list[Violation]:
    """What breaks a rule and can still be heeded: nothing that is over, and nothing whose first activity is excused."""
    excused = {one.patient.id: one.excused for one in standings}
    ends = {one.id: one.end_at for course in plan.courses for one in course.activities}
    return [
        one
        for one in violations(plan, facts)
        if not excused.get(one.patient, {}).get(one.rule, NOTHING).intersection(one.activities[:1])
        and not (one.activities and all(ends.get(name, now) < now for name in one.activities))
    ]


def repair(facts: Facts, standings: Sequence[Standing], now: datetime, *, seconds: float = 20.0) -> Repaired:
    """Put a plan right.

    Parameters
    ----------
    facts
        The program as it is now, with every closure; its patients are those of the standings.
    now
        The aware instant of the change; nothing new begins before the plant's fence from then on.
    seconds
        How long to look for something better than a first repair; a first one is always made.
    """
    return _Repairer(facts, standings, now).run(time.monotonic() + seconds)


class _Repairer:
    def __init__(self, facts: Facts, standings: Sequence[Standing], now: datetime) -> None:
        people = tuple(one.patient for one in standings)
        self.facts = replace(facts, patients=people)
        self.now = now
        self.earliest_at = now + timedelta(days=facts.policy.plant_fence_days)
        self.standings = {one.patient.id: one for one in standings}
        self.bench = Bench(Desk(facts, max([facts.starts_on, now.date(), *(one.registered_on for one in people)])))
        self.told = {name: one.course for name, one in self.standings.items()}
        self.grounds: dict[str, Ground] = {}
        self.bounds: dict[str, Price] = {}
        for course in self.told.values():
            self.bench.put(course)

    def run(self, until: float) -> Repaired:
        broken = {name: self._broken(one) for name, one in self.standings.items()}
        hit = [name for name in self.told if self._lacks(name) or any(map(self._can_move, broken[name]))]
        courses = self._improved(hit, self._in_good_order(hit, until), until)
        changed = frozenset(name for name in courses if _times(courses[name]) != _times(self.told[name]))
        plan = _plan(self.facts, [self.bench.seen(one) for one in courses.values()])
        bound = self._total(self.bounds.get(name, (0, 0)) for name in hit)
        confirmed = frozenset(one for standing in self.standings.values() for one in standing.confirmed)
        told = _plan(self.facts, [self._only(name, one.movable) for name, one in self.standings.items()])
        count = counts(plan_diff(told, plan, self.facts, now=self.now, confirmed=confirmed).visits)
        price = self._price(courses, changed | set(hit))
        stuck = tuple(still_broken(plan, self.facts, list(self.standings.values()), self.now))
        return Repaired(plan, changed, stuck, count["moved"] + count["dropped"], price, bound)

    # --- what is wrong ----------------------------------------------------------------------------------------

    def _broken(self, one: Standing) -> list[Violation]:
        alone = replace(self.facts, patients=(one.patient,))
        return still_broken(_plan(alone, (one.course,)), alone, (one,), self.now)

    def _can_move(self, violation: Violation) -> bool:
        standing = self.standings.get(violation.patient)
        return standing is not None and not standing.movable.isdisjoint(violation.activities)

    def _lacks(self, name: str) -> bool:
        """Whether a dose of a course is not planned and was not given up for good."""
        missing = {one.dose for one in absent(self.facts, self.told[name], NO_TIME) if one.dose is not None}
        return not missing <= self.standings[name].skipped

    # --- putting it right -------------------------------------------------------------------------------------

    def _in_good_order(self, hit: Sequence[str], until: float) -> dict[str, PlannedCourse]:
        """The hit courses put back by date, from either end, and those first that can cost most."""
        first = {name: min((one.start_at for one in self._moving(name)), default=self.now) for name in hit}
        by_date = sorted(hit, key=lambda name: first[name])
        best = self._put_back(by_date)
        for order in (by_date[::-1], sorted(hit, key=lambda name: (self.bounds[name], first[name]), reverse=True)):
            if self._is_best(best, hit) or time.monotonic() > until:
                break
            best = min(best, self._put_back(order), key=lambda one: self._price(one, hit))
        self._lay(best, hit)
        return best

    def _improved(self, hit: Sequence[str], best: dict[str, PlannedCourse], until: float) -> dict[str, PlannedCourse]:
        """Push others and try other orders in turns, until the bound is met or nothing has helped for some turns."""
        touched, idle, chance = list(hit), 0, random.Random(0)
        while idle < IDLE_TURNS and not self._is_best(best, touched) and time.monotonic() < until:
            before = self._price(best, touched)
            best, touched = self._pushing(best, touched, until)
            best = self._shuffled(best, touched, chance, until)
            idle = 0 if self._price(best, touched) < before else idle + 1
        return best

    def _shuffled(
        self, best: dict[str, PlannedCourse], touched: Sequence[str], chance: random.Random, until: float
    ) -> dict[str, PlannedCourse]:
        """The best of some random orders."""
        for _ in range(SHUFFLES):
            if self._is_best(best, touched) or time.monotonic() > until:
                break
            found = self._put_back(chance.sample(touched, len(touched)))
            best = min(best, found, key=lambda one: self._price(one, touched))
        self._lay(best, touched)
        return best

    def _pushing(
        self, best: dict[str, PlannedCourse], touched: list[str], until: float
    ) -> tuple[dict[str, PlannedCourse], list[str]]:
        """Let courses have what costs them least, and look where those in the way can go, where that is cheaper."""
        for name in sorted(touched, key=lambda one: self._excess(best, one), reverse=True):
            if self._excess(best, name) <= (0, 0) or time.monotonic() > until:
                break
            pushed = self._pushed(name, touched, best)
            if pushed is None:
                continue
            everybody = [*touched, *(one for one in pushed if one not in touched)]
            for one in pushed:
                self._ground(one)
            found = self._put_back([name, *pushed, *(one for one in touched if one != name and one not in pushed)])
            if self._price(found, everybody) < self._price(best, everybody):
                best, touched = found, everybody
            self._lay({**self.told, **{one: best[one] for one in touched}}, everybody)
        return best, touched

    def _excess(self, courses: Mapping[str, PlannedCourse], name: str) -> Price:
        """What a course costs beyond its bound."""
        (level_1, moved), (least_1, least_moved) = self._price(courses, [name]), self.bounds[name]
        return level_1 - least_1, moved - least_moved

    def _pushed(self, name: str, touched: Sequence[str], now: Mapping[str, PlannedCourse]) -> list[str] | None:
        """Who cannot stay where they are when a course has what costs it least; None when nothing helps it."""
        others = [one for one in self.standings if one != name and self.standings[one].movable]
        self.bench.take(name)
        self.bench.put(self._only(name, self.standings[name].fixed))
        for other in others:
            self.bench.take(other, self.standings[other].movable)
        ideal = self._kept(name)
        self.bench.take(name)
        if ideal is not None:
            self.bench.put(ideal.course, ideal.seating)
        pushed: list[str] = []
        for other in sorted(others, key=lambda one: one in touched):
            self.bench.take(other)
            try:
                self.bench.put(now[other])
            except NoSeat:
                pushed.append(other)
                self.bench.put(self._only(other, self.standings[other].fixed))
        self.bench.take(name)
        for other in pushed:
            self.bench.take(other)
        for one in (name, *pushed):
            self.bench.put(now[one])
        return None if ideal is None or len(pushed) > MOST_PUSHED else pushed

    def _put_back(self, names: Sequence[str]) -> dict[str, PlannedCourse]:
        """All courses, those named taken out and put back one after the other where that costs least."""
        for name in names:
            self.bench.take(name)
        for name in names:  # what cannot move holds its place before anybody looks for one
            self.bench.put(self._only(name, self.standings[name].fixed))
        found = dict(self.told)
        for name in names:
            proposal = self._kept(name)
            self.bench.take(name)
            found[name] = self._given_up(name) if proposal is None else proposal.course
            self.bench.put(found[name], None if proposal is None else proposal.seating)
        return found

    def _kept(self, name: str) -> Proposal | None:
        """A course where it costs least now; only what cannot move of it is on the bench."""
        return self.bench.desk.keep(self._ground(name), list(self.bench.stays[name]))

    def _ground(self, name: str) -> Ground:
        if name not in self.grounds:
            one = self.standings[name]
            prices = self._prices(one)
            self.grounds[name] = self.bench.desk.ground(
                one.patient,
                one.course,
                one.movable,
                one.earliest_at or self.earliest_at,
                prices=prices,
                still=one.fixed,
                without=one.skipped,
            )
            # Another plant or courier might do with less; only where there is none is the bound more than nothing.
            only_route = len(self.bench.desk.routes(one.patient)) == 1
            self.bounds[name] = self.grounds[name].least if only_route else (0, 0)
        return self.grounds[name]

    def _lay(self, courses: Mapping[str, PlannedCourse], names: Iterable[str]) -> None:
        """The bench with some courses as they are in a solution."""
        for name in names:
            self.bench.take(name)
        for name in names:
            self.bench.put(courses[name])

    # --- what it costs ----------------------------------------------------------------------------------------

    def _prices(self, standing: Standing) -> dict[int, int]:
        """By dose, what it costs to move the visits that fall with it to other days."""
        zone = self.facts.network.place(standing.patient.site).zone
        today = local_date(self.now, zone)
        attended = {step.kind for step in self.facts.protocol.steps if step.attended and step.per == "dose"}
        prices: dict[int, int] = {}
        for one in standing.course.activities:
            if one.kind in attended and one.dose is not None and one.id in standing.movable:
                notice = (local_date(one.start_at, zone) - today).days
                price = move_cost(self.facts.policy, notice, one.id in standing.confirmed)
                prices[one.dose] = prices.get(one.dose, 0) + price
        return prices

    def _price(self, courses: Mapping[str, PlannedCourse], names: Iterable[str]) -> Price:
        """Level 1 of some courses, and the price of their moved visits."""
        listed = sorted(names)
        facts = replace(self.facts, patients=tuple(self.standings[name].patient for name in listed))
        old = _plan(facts, [self._only(name, self.standings[name].movable) for name in listed])
        new = _plan(facts, [courses[name] for name in listed])
        confirmed = frozenset(one for name in listed for one in self.standings[name].confirmed)
        moved, _ = moves_cost(plan_diff(old, new, facts, now=self.now, confirmed=confirmed))
        return cost_of(new, facts)[0], moved

    def _is_best(self, courses: Mapping[str, PlannedCourse], hit: Sequence[str]) -> bool:
        return self._price(courses, hit) == self._total(self.bounds[name] for name in hit)

    @staticmethod
    def _total(prices: Iterable[Price]) -> Price:
        listed = list(prices)
        return sum(one for one, _ in listed), sum(two for _, two in listed)

    def _moving(self, name: str) -> list[Activity]:
        standing = self.standings[name]
        return [one for one in standing.course.activities if one.id in standing.movable]

    def _given_up(self, name: str) -> PlannedCourse:
        """A course without any dose; what was done is history, and only visits that hang on no dose remain."""
        alone = {follow_up_id(name, one.name) for one in self.facts.protocol.follow_ups if one.anchor is None}
        return replace(self._only(name, self.standings[name].fixed & alone), plant=None)

    def _only(self, name: str, activities: frozenset[str]) -> PlannedCourse:
        course = self.told[name]
        return replace(course, activities=tuple(one for one in course.activities if one.id in activities))


def _plan(facts: Facts, courses: Sequence[PlannedCourse]) -> Plan:
    missing = tuple(one for course in courses for one in absent(facts, course, NO_TIME))
    plan = Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, tuple(courses), missing)
    return replace(plan, cost=cost_of(plan, facts))


def _times(course: PlannedCourse) -> list[tuple[object, ...]]:
    return [(one.id, one.place, one.lane, one.start_at, one.end_at) for one in course.activities]
