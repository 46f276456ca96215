"""The cost of a plan, each number derived by hand from docs/domain.md section 5."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from scheduler.domain.cost import Disturbance, cost_of, disturbance, visits
from scheduler.domain.plan import Plan, Unplanned
from tests.domain.world import (
    ALONE,
    FACTS,
    activity,
    ana,
    anas_plan,
    at,
    bent,
    dose_moved,
    dropped,
    moved,
    plan_of,
    valid_plan,
)


def test_ana_waits_and_keeps_every_target() -> None:
    # Registered 4 January, dose 1 on 18 February: 45 days x 24 = 1080. Each dose is filled by 15:00 and given at 09:00
    # the next day: 3 x 18 h = 54. No dose is off target: 1080 + 54 = 1134.
    assert cost_of(anas_plan(), ALONE) == (0, 0, 1134)


def test_ben_pays_for_a_booster_a_day_early() -> None:
    # BEN: 5 January to 19 February is 45 days = 1080; booster on 18 instead of 19 June = 4; filled by 18:00, given
    # 13:00: 3 x 19 h = 57. Together 1141, with ANA's 1134 it is 2275.
    assert cost_of(valid_plan(), FACTS) == (0, 0, 2275)


def test_hours_in_the_cold_are_rounded_down_dose_by_dose() -> None:
    # 18 h 45 min counts as 18 h for each of two doses: the cost stays 1134.
    plan = anas_plan()
    for dose in (1, 2):
        plan = moved(plan, ALONE, f"ANA/{dose}/injection", minutes=45)
    assert cost_of(plan, ALONE) == (0, 0, 1134)
    assert cost_of(moved(plan, ALONE, "ANA/1/injection", minutes=15), ALONE) == (0, 0, 1135)


def test_days_off_the_pair_are_level_one() -> None:
    assert cost_of(dose_moved(anas_plan(), ALONE, "ANA", 2, 3), ALONE) == (3, 0, 1134)
    assert cost_of(dose_moved(anas_plan(), ALONE, "ANA", 2, -2), ALONE) == (2, 0, 1134)


def test_days_off_a_booster_are_level_three() -> None:
    # Three days off x 4 = 12 more.
    assert cost_of(dose_moved(anas_plan(), ALONE, "ANA", 3, 3), ALONE) == (0, 0, 1146)
    assert cost_of(dose_moved(anas_plan(), ALONE, "ANA", 3, -3), ALONE) == (0, 0, 1146)


def test_an_unplanned_dose_costs_a_thousand_and_no_hours() -> None:
    steps = [one.id for one in ana().activities if one.dose == 3]
    plan = replace(dropped(anas_plan(), ALONE, *steps), unplanned=(Unplanned("ANA", 3, ("closed",)),))
    assert cost_of(plan, ALONE) == (1000, 0, 1134 - 18)


def test_a_course_without_its_first_dose_adds_no_waiting() -> None:
    # Without dose 1 nobody waits and no target is known: two doses x 18 h remain.
    steps = [one.id for one in ana().activities if one.dose == 1]
    assert cost_of(dropped(anas_plan(), ALONE, *steps), ALONE) == (1000, 0, 36)


def test_a_patient_without_a_course_has_only_unplanned_doses() -> None:
    assert cost_of(plan_of(ALONE), ALONE) == (3000, 0, 0)


def test_days_are_local_days_of_the_site() -> None:
    # 08:30 in Seoul is 23:30 UTC of the day before: it is still 18 February, 45 days after registration. The injection
    # half an hour earlier saves one whole hour in the cold: 17.5 h count 17.
    plan = moved(anas_plan(), ALONE, "ANA/1/injection", minutes=-30)
    assert activity(plan, "ANA/1/injection").start_at.date() == date(2027, 2, 17)
    assert cost_of(plan, ALONE) == (0, 0, 1133)


def test_without_a_shelf_life_no_hours_are_counted() -> None:
    limits = tuple(one for one in ALONE.protocol.limits if one.name != "shelf_life")
    base = replace(ALONE, protocol=replace(ALONE.protocol, limits=limits))
    assert cost_of(anas_plan(), base) == (0, 0, 1080)


def test_visits_gather_what_a_patient_attends_on_one_day() -> None:
    # Harvest, three taps, three injections and week 20; the tap and the injection of a dose are on different days.
    found = visits(anas_plan(), ALONE)
    assert [one.on for one in found] == [
        date(2027, 1, 20),
        date(2027, 2, 17),
        date(2027, 2, 18),
        date(2027, 3, 15),
        date(2027, 3, 16),
        date(2027, 6, 17),
        date(2027, 6, 18),
        date(2027, 7, 8),
    ]
    assert found[0].activities == ("ANA/harvest",)


def test_two_attended_steps_of_one_day_are_one_visit() -> None:
    plan = moved(anas_plan(), ALONE, "ANA/week-20/follow_up", days=-20)
    together = [one for one in visits(plan, ALONE) if one.on == date(2027, 6, 18)]
    assert [one.activities for one in together] == [("ANA/3/injection", "ANA/week-20/follow_up")]
    assert together[0].start_at == at(date(2027, 6, 18), "09:00")


def changed(plan: Plan, on: date, *confirmed: str) -> Disturbance:
    return disturbance(plan, ALONE, anas_plan(), on, frozenset(confirmed))


FOLLOW_UP = "ANA/week-20/follow_up"


@pytest.mark.parametrize(
    ("on", "factor"),
    [
        # Week 20 is published for 8 July: 14 days' notice on 24 June, 15 on the 23rd, 28 on the 10th, 29 on the 9th.
        (date(2027, 6, 24), 3),
        (date(2027, 6, 23), 2),
        (date(2027, 6, 10), 2),
        (date(2027, 6, 9), 1),
    ],
)
def test_a_moved_visit_costs_more_with_less_notice(on: date, factor: int) -> None:
    plan = moved(anas_plan(), ALONE, FOLLOW_UP, days=1)
    assert changed(plan, on) == Disturbance(1 * factor, 1, 0)
    assert changed(plan, on, FOLLOW_UP) == Disturbance(4 * factor, 1, 0)


def test_a_visit_is_retimed_when_it_starts_an_hour_later_the_same_day() -> None:
    on = date(2027, 1, 10)
    assert changed(moved(anas_plan(), ALONE, FOLLOW_UP, minutes=45), on) == Disturbance(0, 0, 0)
    assert changed(moved(anas_plan(), ALONE, FOLLOW_UP, minutes=60), on) == Disturbance(0, 0, 1)
    assert changed(moved(anas_plan(), ALONE, FOLLOW_UP, minutes=-60), on) == Disturbance(0, 0, 1)


def test_a_visit_that_no_longer_takes_place_is_moved() -> None:
    assert changed(dropped(anas_plan(), ALONE, FOLLOW_UP), date(2027, 1, 10)) == Disturbance(1, 1, 0)


def test_plant_steps_are_no_visits() -> None:
    plan = bent(anas_plan(), ALONE, "ANA/2/thaw", start_at=at(date(2027, 3, 2), "08:00"))
    assert changed(plan, date(2027, 1, 10)) == Disturbance(0, 0, 0)


def test_level_two_adds_moved_and_retimed_visits() -> None:
    # One confirmed visit moved with 13 days' notice, 4 x 3 = 12; the third injection retimed by an hour, 1.
    plan = moved(anas_plan(), ALONE, FOLLOW_UP, days=1)
    plan = moved(plan, ALONE, "ANA/3/injection", minutes=60)
    on, confirmed = date(2027, 6, 25), frozenset({FOLLOW_UP})
    # The injection an hour later adds one hour in the cold: 1134 + 1.
    assert cost_of(plan, ALONE, published=anas_plan(), on=on, confirmed=confirmed) == (0, 13, 1135)


def test_an_unchanged_plan_costs_nothing_at_level_two() -> None:
    assert cost_of(anas_plan(), ALONE, published=anas_plan(), on=date(2027, 1, 10)) == (0, 0, 1134)


def test_the_cost_of_a_change_needs_the_day_it_is_told() -> None:
    with pytest.raises(ValueError, match="pass on="):
        cost_of(anas_plan(), ALONE, published=anas_plan())
