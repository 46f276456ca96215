"""The cost of a plan, each number derived by hand from docs/domain.md section 5."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from scheduler.domain.cost import cost_of
from scheduler.domain.plan import Unplanned
from tests.domain.world import (
    ALONE,
    FACTS,
    activity,
    ana,
    anas_plan,
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
