"""A first dose that is restarted from the patient bank: what it must keep, and what binds it no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from scheduler.domain.course import steps_of
from scheduler.domain.plan import Plan
from scheduler.domain.protocol import Arm
from scheduler.domain.rules import Violation, violations
from tests.domain.treatment import PROTOCOL
from tests.domain.world import ALONE, ANA, activity, ana, at, bent, expanded, first_culture, moved, plan_of, step_at

FIRST = frozenset({1})
HARVEST = ("harvest", "marrow_transit", "isolation")


def restarted(harvest_on: date = date(2027, 1, 13)) -> Plan:
    """ANA's doses as they were, the first one thawed on Wed 3 February at 08:00 and filled on Wed 17 February.

    The harvest of Wed 13 January is 35 days before that fill: as a culture that would be five days too many.
    """
    fill = next(one for one in ana().activities if one.id == "ANA/1/fill")
    doses = [one for one in ana().activities if one.dose is not None or one.kind == "follow_up"]
    cells = first_culture(ANA, harvest_on, 1, fill.start_at)[:3] + expanded(ANA, 1, 1, fill)
    ordered = tuple(sorted((*cells, *doses), key=lambda one: (one.start_at, one.end_at)))
    return plan_of(ALONE, replace(ana(), activities=ordered, restarted=FIRST))


def test_a_restarted_course_obeys_every_rule_however_long_ago_its_harvest_was() -> None:
    assert violations(restarted(), ALONE) == []


def test_the_same_activities_are_no_course_that_was_not_restarted() -> None:
    plan = restarted()
    (course,) = plan.courses
    found = violations(replace(plan, courses=(replace(course, restarted=frozenset()),)), ALONE)
    # The culture is missing, thaw and expansion are too many, and the limits of the culture bind dose 1 again.
    assert [one.rule for one in found] == ["complete_course"] * 3 + ["culture_days", "masked_interval"]


def test_the_culture_is_no_step_of_a_restarted_course() -> None:
    plan = restarted()
    (course,) = plan.courses
    since, until = activity(plan, "ANA/isolation").end_at, at(date(2027, 1, 29), "10:00")
    culture = step_at(ANA, "culture", None, "PLANT", since, until, "incubator-2")
    listed = tuple(sorted((*course.activities, culture), key=lambda one: (one.start_at, one.end_at)))
    assert violations(plan_of(ALONE, replace(course, activities=listed)), ALONE) == [
        Violation("complete_course", "ANA", ("ANA/culture",), "ANA: ANA/culture is no step of this course")
    ]


def test_a_restarted_dose_has_all_its_steps() -> None:
    plan = restarted()
    (course,) = plan.courses
    kept = tuple(one for one in course.activities if one.id != "ANA/1/thaw")
    rules = [one.rule for one in violations(plan_of(ALONE, replace(course, activities=kept)), ALONE)]
    # Without its thaw the expansion begins at nothing.
    assert rules == ["complete_course", "continuous_hold"]


def test_the_bank_is_there_from_the_fourteenth_day_for_the_first_dose_too() -> None:
    # From Wed 20 January to the thaw of Wed 3 February are 14 days, from the 21st only 13.
    assert violations(restarted(date(2027, 1, 20)), ALONE) == []
    message = (
        "13 days from ANA/isolation end on Thu 2027-01-21 15:30 at PLANT (Asia/Seoul) to ANA/1/thaw start on "
        "Wed 2027-02-03 08:00 at PLANT (Asia/Seoul); at least 14 days allowed"
    )
    assert violations(restarted(date(2027, 1, 21)), ALONE) == [
        Violation("bank_available", "ANA", ("ANA/isolation", "ANA/1/thaw"), message)
    ]


def test_the_expansion_of_a_restarted_dose_is_as_long_as_any() -> None:
    # Sat 30 January is 18 days before the fill.
    plan = moved(restarted(), ALONE, "ANA/1/thaw", days=-4)
    plan = bent(plan, ALONE, "ANA/1/expansion", start_at=activity(plan, "ANA/1/thaw").end_at)
    message = (
        "18 days from ANA/1/thaw end on Sat 2027-01-30 09:00 at PLANT (Asia/Seoul) to ANA/1/fill start on "
        "Wed 2027-02-17 12:30 at PLANT (Asia/Seoul); at most 16 days allowed"
    )
    assert violations(plan, ALONE) == [Violation("expansion_days", "ANA", ("ANA/1/thaw", "ANA/1/fill"), message)]


def test_what_binds_the_steps_of_the_harvest_to_each_other_binds_them_still() -> None:
    # The harvest ends on 13 January at 09:30; isolation 24 h 15 min later is too late, restarted or not.
    day = date(2027, 1, 14)
    plan = bent(restarted(), ALONE, "ANA/isolation", start_at=at(day, "09:45"), end_at=at(day, "13:15"))
    assert [one.rule for one in violations(plan, ALONE)] == ["marrow_hold"]


def test_only_a_dose_that_the_protocol_lets_restart_may_be_restarted() -> None:
    message = "ANA: dose 2 is restarted from the bank, which the protocol does not allow"
    assert violations(plan_of(ALONE, replace(ana(), restarted=frozenset({2}))), ALONE) == [
        Violation("accounted_for", "ANA", (), message)
    ]


def test_a_comparator_dose_that_is_restarted_has_no_step_that_handles_cells() -> None:
    control = Arm("control", 1, (), (1, 2, 3))
    kinds = {one.step.kind for one in steps_of(PROTOCOL, control, FIRST)}
    assert kinds == {one.step.kind for one in steps_of(PROTOCOL, control)}
    assert kinds.isdisjoint({"isolation", "culture", "thaw", "expansion"})


def test_the_steps_of_a_restarted_course() -> None:
    steps = steps_of(PROTOCOL, None, FIRST)
    assert [one.step.kind for one in steps if one.dose is None] == list(HARVEST)
    first = [one.step.kind for one in steps if one.dose == 1]
    assert first == [one.step.kind for one in steps if one.dose == 2]
    assert first[:2] == ["thaw", "expansion"]
