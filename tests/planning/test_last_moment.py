"""The last moment at which a lost dose can still be decided on, against trying every hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from scheduler.domain.plan import PlannedCourse
from scheduler.planning.bench import Bench
from scheduler.planning.desk import Desk
from scheduler.planning.last_moment import EXACT_TO, SLACK_DAYS, last_moments
from tests.domain.world import ANA, FACTS, NORTH, with_closure
from tests.planning.small import of_doses, planned

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PAIR = of_doses((ANA,), *FACTS.protocol.doses[:2])
PLAN = planned(PAIR)
(WHOLE,) = PLAN.courses


def when(course: PlannedCourse, kind: str, dose: int) -> datetime:
    found = course.find(kind, dose)
    assert found is not None
    return found.start_at


SECOND = when(WHOLE, "injection", 2)
NOW = when(WHOLE, "injection", 1).replace(minute=0)  # dose 1 is being given: nothing of it can move
LACKING = replace(WHOLE, activities=tuple(one for one in WHOLE.activities if one.dose != 2))


def helps(decided_at: datetime, slack_days: int) -> bool:
    """Whether dose 2 has a place when everything new begins a fence after an instant."""
    desk = Desk(PAIR, ANA.registered_on)
    bench = Bench(desk)
    bench.put(LACKING)
    fence = timedelta(days=PAIR.policy.plant_fence_days)
    ground = desk.ground(ANA, LACKING, frozenset(), decided_at + fence, slack_days=slack_days)
    found = desk.keep(ground, list(bench.stays["ANA"]))
    return found is not None and found.course.find("injection", 2) is not None


def test_it_is_the_last_hour_at_which_a_dose_still_finds_a_day() -> None:
    found = last_moments(PAIR, [LACKING], [("ANA", 2)], NOW)["ANA", 2]
    assert found.remake_until is not None and found.deviation_until is not None
    for until, slack in ((found.remake_until, 0), (found.deviation_until, SLACK_DAYS)):
        assert helps(until, slack)
        assert not helps(until + HOUR + EXACT_TO, slack)
    # Outside its window there are two weeks more.
    assert timedelta(0) < found.deviation_until - found.remake_until <= (SLACK_DAYS + 3) * DAY


def test_where_no_day_is_left_nothing_helps() -> None:
    shut = with_closure(PAIR, NORTH, SECOND - 30 * DAY, SECOND + 90 * DAY)
    found = last_moments(shut, [LACKING], [("ANA", 2)], NOW)["ANA", 2]
    assert (found.remake_until, found.deviation_until) == (None, None)


def test_outside_its_window_a_dose_can_wait_for_a_site_that_opens_again() -> None:
    # The window of dose 2 ends 5 days after its target; the site opens on the day after that.
    shut = with_closure(PAIR, NORTH, SECOND - 6 * DAY, SECOND + 6 * DAY)
    found = last_moments(shut, [LACKING], [("ANA", 2)], NOW)["ANA", 2]
    assert found.remake_until is None
    assert found.deviation_until is not None and found.deviation_until >= NOW


def test_doses_of_one_course_have_moments_of_their_own_however_many_are_asked_about() -> None:
    none_given = replace(WHOLE, activities=(), plant=None)
    early = NOW - 200 * DAY
    together = last_moments(PAIR, [none_given], [("ANA", 1), ("ANA", 2)], early)
    for dose in (1, 2):
        alone = last_moments(PAIR, [none_given], [("ANA", dose)], early)
        assert together["ANA", dose] == alone["ANA", dose]


def test_nothing_is_asked_where_nothing_is_lost() -> None:
    assert last_moments(PAIR, [WHOLE], [], NOW) == {}
