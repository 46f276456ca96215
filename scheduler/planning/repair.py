"""Putting a plan right with the fewest broken promises: what a closure or a failure hit moves, everything else stays.

First the days: one model of all courses knows which days every dose could fall on, what each day costs in doses and in
moved visits, and how many stays a plant or a site takes on a day. Nobody has to move there unless that saves more than
it costs, and no repair of any kind costs less than the model's bound. Then the hours: what changed its day is placed
exactly, together with those it meets. Where hours cannot be found for some days, other days are asked for; where they
are found at the price of the bound, the repair is proven to be the best.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scheduler.domain.course import Facts, doses_of, follow_up_id
from scheduler.domain.diff import PlanDiff, counts, moves_cost, plan_diff
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.domain.rules import Violation
from scheduler.planning.bench import Bench
from scheduler.planning.desk import Desk
from scheduler.planning.ground import Tables
from scheduler.planning.hit import as_plan, broken_steps, history, lacks_a_dose, still_broken, too_soon
from scheduler.planning.realise import Days, Dose, InPlay, Realised, Realiser
from scheduler.planning.told import Standing, ToldCourse, prices_by_dose, with_only
from solver.choices import Choices, Known
from solver.crowds import free_of
from solver.days import DayModel, Gave
from solver.problem import IntArray

TRIES = 12  # how many choices of days get hours before the best of them is taken
WIDER = (0.2, 0.4, 0.6)  # shares of the time left for hours: of what changed alone, of what meets some of it, or all
DAY_SHARE = 0.6  # of the time, at most this for the first choice of days, which gives the bound

__all__ = ["Repaired", "Standing", "repair", "still_broken"]

Price = tuple[int, int, int]  # level 1, the price of the moved visits, and how many are retimed


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
    visits_moved, visits_retimed
        How many visits fall on another day, or on none; and how many on the same day at another hour.
    price, bound
        Level 1 and the price of moved visits of the courses that were hit or moved, and the least that could be. A
        dropped visit costs as much as a moved one.
    """

    plan: Plan
    changed: frozenset[str]
    stuck: tuple[Violation, ...]
    visits_moved: int
    visits_retimed: int
    price: tuple[int, int]
    bound: tuple[int, int]

    @property
    def is_proven(self) -> bool:
        """Whether no repair keeps more doses, and none that keeps as many moves visits for less."""
        return self.price == self.bound and not self.stuck

    @property
    def proven(self) -> tuple[bool, bool, bool]:
        """What is proven to be least, one level after the other: level 1, the price of moves, the retimed visits."""
        doses = self.price[0] == self.bound[0]
        moves = doses and self.price[1] == self.bound[1]
        return doses, moves, moves and self.visits_retimed == 0


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
        self.standings = {one.patient.id: one for one in standings}
        self.told = {name: one.course for name, one in self.standings.items()}
        self.bench = Bench(Desk(facts, max([facts.starts_on, now.date(), *(one.registered_on for one in people)])))
        self.unseated = self._laid()
        self.earliest_at = now + timedelta(days=facts.policy.plant_fence_days)
        self.broken = {name: self._broken(name) for name in self.standings}
        self._change_units()
        self.hit = [name for name in self.told if self._is_hit(name)]
        self.courses = self._courses()
        known: Known = {}
        self.choices = {name: self._choices(name, known) for name in self.courses}

    def _laid(self) -> frozenset[str]:
        """Put everybody down as told, those who can move least first; who finds no seat any more is hit."""
        left: set[str] = set()
        for name in sorted(self.told, key=lambda one: (-len(self.standings[one].fixed), one)):
            if not self.bench.fits(self.told[name]):
                left.add(name)
                self.bench.fits(with_only(self.told[name], self.standings[name].fixed))
        return frozenset(left)

    def _broken(self, name: str) -> frozenset[str]:
        one = self.standings[name]
        return broken_steps(self.facts, one, self.now) | too_soon(one, self._earliest(one))

    def _earliest(self, standing: Standing) -> datetime:
        return standing.earliest_at or self.earliest_at

    def _change_units(self) -> None:
        """Who stands on a unit that is out of service goes to another one at the same times, where one is free."""
        if not self.facts.network.out_of_service:
            return
        for name in [name for name, broken in self.broken.items() if broken and name not in self.unseated]:
            self.bench.take(name)
            if self.bench.fits(self.told[name], as_told=False):
                self.told[name] = self.bench.seen(self.told[name])
                self.standings[name] = replace(self.standings[name], course=self.told[name])
                self.broken[name] = self._broken(name)
            else:
                self.bench.put(self.told[name])

    def _is_hit(self, name: str) -> bool:
        """Whether something has to be put right; of a course without doses, observed only, nothing can be."""
        if not doses_of(self.facts.protocol, self.facts.arm_of(name)):
            return False
        return bool(self.broken[name]) or name in self.unseated or lacks_a_dose(self.facts, self.standings[name])

    def _courses(self) -> dict[str, ToldCourse]:
        """Everybody with something that can move, and who could be given a dose that has no place."""
        tables: dict[datetime, Tables] = {}
        desk = self.bench.desk
        found: dict[str, ToldCourse] = {}
        for name, one in self.standings.items():
            observed = not doses_of(self.facts.protocol, self.facts.arm_of(name))
            if name in self.hit or (one.movable and not observed):
                prices, earliest_at = prices_by_dose(self.facts, one, self.now), self._earliest(one)
                ground = desk.ground(
                    one.patient,
                    one.course,
                    one.movable,
                    earliest_at,
                    prices=prices,
                    still=one.fixed,
                    without=one.skipped,
                    tables=tables.setdefault(earliest_at, Tables()),
                )
                found[name] = ToldCourse(self.facts, desk.grid, one, ground, self.now)
        return found

    def _choices(self, name: str, known: Known) -> Choices:
        one = self.courses[name]
        broken = one.groups(self.told_ids(name) if name in self.unseated else self.broken[name])
        return one.choices(is_content=name not in self.hit, broken=broken, known=known)

    def told_ids(self, name: str) -> frozenset[str]:
        """The ids of what was told of a course."""
        return frozenset(one.id for one in self.told[name].activities)

    # --- the search -----------------------------------------------------------------------------------------------

    def run(self, until: float) -> Repaired:
        if not self.hit:
            return self._repaired(self.told, (0, 0))
        began = time.monotonic()
        model = DayModel(list(self.choices.values()), self._free(), self.facts.policy.unplanned_dose_cost)
        days = model.solve(max(DAY_SHARE * (until - began), 1.0))
        if days is None:
            return self._repaired(self._put_back(), (0, 0))
        bound = days.bound if self._one_route() else (0, 0)
        realiser = Realiser(self.bench, self.courses, self.choices)
        best: tuple[Price, Mapping[str, PlannedCourse]] | None = None
        for _ in range(TRIES):
            courses, realised = self._with_hours(realiser, days.chosen, until)
            if realised is not None:
                price = self._price(courses, self.courses)
                best = min([one for one in (best, (price, courses)) if one is not None], key=lambda one: one[0])
                if price[:2] == bound or not realised.left_out:
                    break
            if time.monotonic() > until or realised is None:
                break
            for dose in sorted(realised.left_out):
                model.forbid(Gave(*each, days.chosen[each[0]][each[1]]) for each in realiser.meeting(days.chosen, dose))
            days = model.solve(max(until - time.monotonic(), 1.0)) or days
        if best is None or best[0][:2] != bound or self._others(best[1]):
            one_by_one = self._put_back()
            found = self._price(one_by_one, self.courses), one_by_one
            # At the same price whoever was not hit is better left alone, even by minutes.
            best = found if best is None or (found[0], 0) < (best[0], self._others(best[1])) else best
        return self._repaired(best[1], bound)

    def _free(self) -> dict[int, IntArray]:
        """What the pools have left when all that could move or be given up is lifted."""
        desk = self.bench.desk
        for name in self.courses:
            self.bench.take(name)
        taken = [load.copy() for load in desk.taken]
        for name, one in self.courses.items():
            for pool, first, last in (each for group in self.choices[name].must for each in one.ground.held[group]):
                taken[pool][first:last] += 1
        self._lay(self.told)
        return {pool: free_of(desk.problem.capacity[pool], load) for pool, load in enumerate(taken)}

    def _with_hours(
        self, realiser: Realiser, days: Days, until: float
    ) -> tuple[dict[str, PlannedCourse], Realised | None]:
        """All courses on chosen days: others stay where they are, unless they are in the way of what finds no hours."""
        unsettled = [(name, group) for name in self.courses for group in self._unsettled(name)]
        changed = realiser.changed(days, unsettled)
        best: tuple[dict[str, PlannedCourse], Realised | None] = (dict(self.told), None)
        crowded_by: frozenset[Dose] = frozenset()
        for share in WIDER:
            seconds = max(share * (until - time.monotonic()), 1.0)
            courses, realised = self._tried(realiser, days, realiser.in_play(days, changed, crowded_by), seconds)
            if realised is not None:
                best = courses, realised
                if not realised.left_out:
                    break
            crowded_by = changed if realised is None or crowded_by else realised.left_out
        return best

    def _tried(
        self, realiser: Realiser, days: Days, in_play: InPlay, seconds: float
    ) -> tuple[dict[str, PlannedCourse], Realised | None]:
        """All courses with new hours for what is in play; the bench is afterwards as told."""
        lost = {name for name in days if len(days[name]) < len(self.choices[name].told)}
        touched = sorted({name for name, _ in in_play.whole | in_play.beside} | lost | (set(self.hit) & set(days)))
        realised = realiser.realise(days, in_play, touched, seconds)
        courses = dict(self.told)
        for name, course in () if realised is None else realised.courses.items():
            courses[name] = self._given_up(name) if course is None else course
        for name in touched:
            self.bench.take(name)
        self._lay({name: self.told[name] for name in touched})
        return courses, realised

    def _unsettled(self, name: str) -> frozenset[int]:
        if name in self.unseated:
            return self.courses[name].groups(self.standings[name].movable)
        return self.courses[name].groups(self.broken[name] & self.standings[name].movable)

    def _lay(self, courses: Mapping[str, PlannedCourse]) -> None:
        for name in courses:
            self.bench.take(name)
        for name, course in courses.items():
            if name not in self.unseated:
                self.bench.put(course)

    def _put_back(self) -> dict[str, PlannedCourse]:
        """What was hit put back one after the other, where days and hours together gave nothing as good as the bound.

        The bench is afterwards as told.
        """
        found = dict(self.told)
        for name in self.hit:
            self.bench.take(name)
        for name in self.hit:
            self.bench.fits(with_only(self.told[name], self.standings[name].fixed))
        for name in self.hit:
            proposal = self.bench.desk.keep(self.courses[name].ground, list(self.bench.stays.get(name, ())))
            self.bench.take(name)
            found[name] = self._given_up(name) if proposal is None else proposal.course
            self.bench.put(found[name], None if proposal is None else proposal.seating)
        self._lay({name: self.told[name] for name in self.hit})
        return found

    # --- what it costs --------------------------------------------------------------------------------------------

    def _repaired(self, courses: Mapping[str, PlannedCourse], bound: tuple[int, int]) -> Repaired:
        changed = frozenset(name for name in courses if self._differs(name, courses[name]))
        self._lay_changed({name: courses[name] for name in changed})
        plan = as_plan(self.facts, [self.bench.seen(one) for one in courses.values()])
        standings = list(self.standings.values())
        count = counts(self._diff(courses, self.told).visits)
        names = changed | set(self.hit)
        others = self._price(self.told, self.courses.keys() - names)[0]
        level_1, moved, _ = self._price(courses, names)
        return Repaired(
            plan=plan,
            changed=changed,
            stuck=tuple(still_broken(plan, self.facts, standings, self.now)),
            visits_moved=count["moved"] + count["dropped"],
            visits_retimed=count["retimed"],
            price=(level_1, moved),
            bound=(max(bound[0] - others, 0), bound[1]),
        )

    def _lay_changed(self, courses: Mapping[str, PlannedCourse]) -> None:
        for name in courses:
            self.bench.take(name)
        for course in courses.values():
            self.bench.put(course)

    def _diff(self, courses: Mapping[str, PlannedCourse], names: Iterable[str]) -> PlanDiff:
        listed = sorted(names)
        facts = replace(self.facts, patients=tuple(self.standings[name].patient for name in listed))
        old = as_plan(facts, [with_only(self.told[name], self.standings[name].movable) for name in listed])
        new = as_plan(facts, [courses[name] for name in listed])
        confirmed = frozenset(one for name in listed for one in self.standings[name].confirmed)
        return plan_diff(old, new, facts, now=self.now, confirmed=confirmed)

    def _price(self, courses: Mapping[str, PlannedCourse], names: Iterable[str]) -> Price:
        """Level 1 of some courses, the price of their moved visits, and how many are retimed."""
        listed = sorted(names)
        facts = replace(self.facts, patients=tuple(self.standings[name].patient for name in listed))
        level_1, _, _ = as_plan(facts, [courses[name] for name in listed]).cost
        return level_1, *moves_cost(self._diff(courses, listed))

    def _others(self, courses: Mapping[str, PlannedCourse]) -> int:
        """How many courses change that were not hit."""
        return sum(name not in self.hit and self._differs(name, course) for name, course in courses.items())

    def _differs(self, name: str, course: PlannedCourse) -> bool:
        """Whether a course is not as it was told; what had begun of doses without a place is history in both."""
        return self._times(name, course) != self._times(name, self.told[name])

    def _times(self, name: str, course: PlannedCourse) -> list[tuple[object, ...]]:
        gone = history(self.facts, course, self.standings[name].fixed, self.now)
        lasting = (one for one in course.activities if one.id not in gone)
        return [(one.id, one.place, one.lane, one.start_at, one.end_at) for one in lasting]

    def _one_route(self) -> bool:
        """Whether nobody has another plant or courier to go by: they are not among the choices."""
        return all(len(self.bench.desk.routes(one.standing.patient)) == 1 for one in self.courses.values())

    def _given_up(self, name: str) -> PlannedCourse:
        """A course without any dose; what was done is history, and only visits that hang on no dose remain."""
        alone = {follow_up_id(name, one.name) for one in self.facts.protocol.follow_ups if one.anchor is None}
        return replace(with_only(self.told[name], self.standings[name].fixed & alone), plant=None)
