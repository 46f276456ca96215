"""From ticks and pools back to instants and concrete units."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from scheduler.domain.course import Facts
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import Plan
from scheduler.domain.rules import violations
from scheduler.planning.build import build
from scheduler.planning.interpret import courses_of
from solver.problem import Placement
from tests.domain.world import ANA, BEN, CHARLIE, PLANT, facts
from tests.planning.small import TWO, one_dose, planned, resourced, roomy


@cache
def planned_small_world() -> tuple[Facts, Plan]:
    """ANA, BEN and CHARLIE with their three doses each, and the plan of them."""
    base = facts(ANA, BEN, replace(CHARLIE, registered_on=ANA.registered_on))
    return base, planned(base)


def test_no_unit_is_booked_twice_at_a_time() -> None:
    base, plan = planned_small_world()
    held: dict[tuple[str, str], list[Interval]] = defaultdict(list)
    for course in plan.courses:
        for one in course.activities:
            steps = {step.kind: step for step in base.protocol.steps}
            stored = {use.resource for use in steps[one.kind].uses if use.from_ref} if one.kind in steps else set()
            for kind, unit in one.units.items():
                if kind not in stored:
                    held[one.place, unit].append(one.during)
    assert len(held) > 10
    for stretches in held.values():
        assert all(not before.overlaps(after) for before, after in pairwise(sorted(stretches)))
    assert violations(plan, base) == []


def test_every_instant_is_a_tick_of_the_grid() -> None:
    base, plan = planned_small_world()
    grid = build(base).grid
    instants = [at for course in plan.courses for one in course.activities for at in (one.start_at, one.end_at)]
    assert all(grid.instant(grid.tick(at)) == at for at in instants)


def test_courses_stand_in_the_order_of_the_facts_and_their_activities_in_the_order_of_time() -> None:
    base, plan = planned_small_world()
    assert [course.patient for course in plan.courses] == ["ANA", "BEN", "CHARLIE"]
    for course in plan.courses:
        starts = [one.start_at for one in course.activities]
        assert starts == sorted(starts)
        assert (course.site, course.plant) == (base.patient(course.patient).site, PLANT)


def test_a_fill_and_nothing_else_carries_the_volume_of_the_weight_band() -> None:
    # ANA weighs 60.5 kg, band 59 to 61: 6.0 mL in 2 syringes. BEN 81 kg, band 81 to 83: 8.2 mL in 3.
    _, plan = planned_small_world()
    carried = {
        (course.patient, one.kind, one.volume_ml, one.syringes)
        for course in plan.courses
        for one in course.activities
        if one.volume_ml is not None or one.syringes is not None
    }
    assert {one for one in carried if one[0] != "CHARLIE"} == {("ANA", "fill", 6.0, 2), ("BEN", "fill", 8.2, 3)}


def test_a_transit_names_its_lane_and_leaves_where_the_lane_begins() -> None:
    base, plan = planned_small_world()
    for course in plan.courses:
        for one in course.activities:
            assert (one.lane is not None) == one.kind.endswith("transit")
            if one.lane is not None:
                assert base.network.lane(one.lane).from_place == one.place


def test_the_second_patient_of_an_hour_gets_the_second_unit() -> None:
    # Both fills are on Mon 8 Feb at 16:00 (small.one_dose), each with the lowest unit that is free.
    plan = planned(roomy(one_dose(*TWO)))
    fills = [one for course in plan.courses for one in course.activities if one.kind == "fill"]
    assert fills[0].start_at == fills[1].start_at
    assert {one.units["suite"] for one in fills} == {"suite-1", "suite-2"}


def test_a_course_without_a_place_has_no_activities_and_no_plant() -> None:
    base = one_dose()
    courses = courses_of(build(base), {"ANA": Placement(0, {}, frozenset())}, base)
    assert [(course.patient, course.plant, course.activities) for course in courses] == [("ANA", None, ())]


def test_courses_that_do_not_fit_the_units_are_refused() -> None:
    # Two fills at the same hour, read back for a plant with one fill crew.
    wide = roomy(one_dose(*TWO))
    built = build(wide)
    slots = {task: 0 for task, one in enumerate(built.problem.templates[0].tasks) if one.slots is not None}
    twice = {patient.id: Placement(0, slots, frozenset({0})) for patient in TWO}
    with pytest.raises(RuntimeError, match="capacity was not respected"):
        courses_of(built, twice, resourced(wide, PLANT, "fill_crew", units=1))
