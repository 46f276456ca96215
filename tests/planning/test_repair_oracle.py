"""A repair's price is the least there is: checked against every pair of days for two patients, tried one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.domain.calendars import local_date, local_instant
from scheduler.domain.course import Facts
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.protocol import StartHours
from scheduler.domain.rules import violations
from scheduler.planning.repair import Repaired, Standing, repair
from tests.domain.world import ANA, NORTH, PLANT, SEOUL, with_closure
from tests.planning.small import BEN_NORTH, FRI, MON, one_dose, planned, resourced, stepped

TRIED = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
DAY = timedelta(days=1)
# One suite and one hour at which a fill may start: one fill a day. Ben is registered on the day Ana is.
FACTS = stepped(
    resourced(one_dose(ANA, BEN_NORTH), PLANT, "suite", units=1),
    "fill",
    starts=(StartHours(tuple(range(MON, FRI + 1)), 14 * 60, 14 * 60),),
)
PLAN = planned(FACTS)
DONE = ("harvest", "marrow_transit", "isolation", "culture")
NOW = min(one.start_at for course in PLAN.courses for one in course.activities if one.kind == "fill") - 16 * DAY


def steps(course: PlannedCourse, *kinds: str) -> list[Activity]:
    return [one for one in course.activities if one.kind in kinds]


def on(one: Activity) -> date:
    return local_date(one.start_at, SEOUL)


def repaired(facts: Facts, fixed: Iterable[str] = ()) -> Repaired:
    """The plan put right 16 days before the first fill, when the cultures grow already."""
    standings = [
        Standing(facts.patient(course.patient), course, frozenset((*(one.id for one in steps(course, *DONE)), *fixed)))
        for course in PLAN.courses
    ]
    standings = [replace(one, fixed=one.fixed & {a.id for a in one.course.activities}) for one in standings]
    return repair(facts, standings, NOW, seconds=20.0)


def day_closed(facts: Facts, where: str, first: date, days: int, resource: str | None = None) -> Facts:
    since, until = (local_instant(day, 0, SEOUL) for day in (first, first + days * DAY))
    return with_closure(facts, where, since, until, resource)


def price_of(course: PlannedCourse, given_on: date | None) -> int:
    """Tap and injection cost 3 each at up to 14 days' notice, 2 at up to 28, else 1, where they move."""
    told = steps(course, "csf_tap", "injection")
    if given_on == on(told[-1]):
        return 0
    notice = [(on(one) - local_date(NOW, SEOUL)).days for one in told]
    return sum(3 if days <= 14 else 2 if days <= 28 else 1 for days in notice)


def days_of(course: PlannedCourse, site: set[date], crew: set[date]) -> list[date | None]:
    """The days a dose can be given: fill and tap on the day before, 26 to 30 days after the isolation; or none."""
    (isolation,) = steps(course, "isolation")
    found: list[date | None] = [None]
    for days in range(26, 31):
        fill_on = local_date(isolation.end_at, SEOUL) + days * DAY
        given_on = fill_on + DAY
        if (
            fill_on.weekday() <= FRI
            and given_on.weekday() <= FRI
            and fill_on not in site | crew
            and given_on not in site
        ):
            found.append(given_on)
    return found


def least(site: set[date], crew: set[date]) -> tuple[int, int]:
    """The cheapest pair of days on which not two are filled."""
    best = (10**6, 0)
    for chosen in itertools.product(*(days_of(course, site, crew) for course in PLAN.courses)):
        given = [one for one in chosen if one is not None]
        if len(set(given)) == len(given):
            moved = sum(price_of(course, one) for course, one in zip(PLAN.courses, chosen, strict=True))
            best = min(best, (1000 * chosen.count(None), moved))
    return best


@TRIED
@given(st.integers(-4, 4), st.integers(0, 3), st.integers(-4, 4), st.integers(0, 3))
def test_the_price_is_the_least_of_all_pairs_of_days_and_is_proven(
    site_from: int, site_days: int, crew_from: int, crew_days: int
) -> None:
    told_on = min(on(steps(course, "injection")[0]) for course in PLAN.courses)
    facts, shut = FACTS, []
    for where, resource, first, days in (
        (NORTH, None, site_from, site_days),
        (PLANT, "fill_crew", crew_from, crew_days),
    ):
        since = told_on + first * DAY
        facts = day_closed(facts, where, since, days, resource) if days else facts
        shut.append({since + number * DAY for number in range(days)})
    found = repaired(facts)
    assert found.price == least(*shut)
    assert found.is_proven
    assert violations(found.plan, facts) == []


def test_the_same_question_has_the_same_answer() -> None:
    facts = day_closed(FACTS, PLANT, min(on(steps(course, "fill")[0]) for course in PLAN.courses), 2, "fill_crew")
    first, second = repaired(facts), repaired(facts)
    assert (first.price, first.bound, first.visits_retimed) == (second.price, second.bound, second.visits_retimed)


def test_a_move_that_was_refused_is_planned_around_or_left_for_people_to_decide() -> None:
    first = min(PLAN.courses, key=lambda one: on(steps(one, "fill")[0]))
    facts = day_closed(FACTS, PLANT, on(steps(first, "fill")[0]), 1, "fill_crew")
    visits = [one.id for one in steps(first, "csf_tap", "injection")]
    # The visits may not move, so the fill between them cannot either, and its crew is away: there is no such dose.
    found = repaired(facts, fixed=visits)
    assert found.price == found.bound == (1000, 0)
    assert [one.dose for one in found.plan.unplanned if one.patient == first.patient] == [1]
    assert violations(found.plan, facts) == []


def test_of_two_who_hold_the_same_unit_at_once_one_moves() -> None:
    ana, ben = PLAN.courses
    # Ben's steps are told for the hours of Ana's, whatever units there are: nobody could have planned that.
    there = {one.id.partition("/")[2]: one for one in ana.activities}
    twin = replace(ben, activities=tuple(replace(there[one.id.partition("/")[2]], id=one.id) for one in ben.activities))
    standings = [Standing(FACTS.patient(one.patient), one, frozenset()) for one in (ana, twin)]
    now = min(one.start_at for one in ana.activities) - 40 * DAY
    found = repair(FACTS, standings, now, seconds=20.0)
    assert violations(found.plan, FACTS) == []
    # One fill a day: one of them is given on another day, for 1 + 1 as nobody has confirmed and all is far ahead.
    assert (found.price, found.bound, found.visits_moved) == ((0, 2), (0, 2), 2)


def test_a_lot_that_failed_is_made_anew_and_its_visits_move_as_little_as_that_takes() -> None:
    first = min(PLAN.courses, key=lambda one: on(steps(one, "fill")[0]))
    (fill,) = steps(first, "fill")
    now = fill.start_at - DAY
    # A day before the fill nothing begins for three days by the plant's fence: what may move has to.
    fixed = frozenset(one.id for one in first.activities if one.kind in DONE)
    others = [one for one in PLAN.courses if one is not first]
    standings = [
        Standing(FACTS.patient(first.patient), first, fixed),
        *(Standing(FACTS.patient(one.patient), one, frozenset(a.id for a in one.activities)) for one in others),
    ]
    found = repair(FACTS, standings, now, seconds=20.0)
    moved = [course for course in found.plan.courses if course.patient == first.patient]
    assert found.changed == {first.patient}
    fills = [one for course in moved for one in steps(course, "fill")]
    assert all(one.start_at >= now + 3 * DAY for one in fills)
    assert found.price == found.bound
