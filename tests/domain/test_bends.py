"""One valid plan bent in many ways: each bend is refused under the right name, and under no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from scheduler.domain.plan import Activity, Plan, Unplanned
from scheduler.domain.rules import violations
from tests.domain.world import (
    FACTS,
    SOUTH,
    activity,
    at,
    bent,
    dose_moved,
    dropped,
    moved,
    restated,
    valid_plan,
)


def with_activity(plan: Plan, patient: str, extra: Activity) -> Plan:
    courses = (
        replace(one, activities=(*one.activities, extra)) if one.patient == patient else one for one in plan.courses
    )
    return restated(replace(plan, courses=tuple(courses)), FACTS)


def twice(plan: Plan) -> Plan:
    again = replace(activity(plan, "ANA/1/release"), units={"qc_bench": "qc_bench-2"})
    return with_activity(plan, "ANA", again)


def unknown_step(plan: Plan) -> Plan:
    return with_activity(plan, "ANA", replace(activity(plan, "ANA/1/release"), id="ANA/1/blessing", kind="blessing"))


def thaw_of_dose_1(plan: Plan) -> Plan:
    return with_activity(plan, "ANA", replace(activity(plan, "ANA/2/thaw"), id="ANA/1/thaw", dose=1))


def units_of(plan: Plan, name: str, **changes: str) -> Plan:
    return bent(plan, FACTS, name, units={**activity(plan, name).units, **changes})


def without_unit(plan: Plan, name: str, resource: str) -> Plan:
    units = {kind: unit for kind, unit in activity(plan, name).units.items() if kind != resource}
    return bent(plan, FACTS, name, units=units)


def listed(plan: Plan, *entries: Unplanned) -> Plan:
    return replace(plan, unplanned=entries)


def with_course(plan: Plan, **changes: object) -> Plan:
    first = replace(plan.courses[0], **changes)  # type: ignore[arg-type]
    return restated(replace(plan, courses=(first, *plan.courses[1:])), FACTS)


def stranger(plan: Plan) -> Plan:
    return restated(replace(plan, courses=(*plan.courses, replace(plan.courses[0], patient="DORA"))), FACTS)


FOLLOW_UP = "ANA/week-20/follow_up"
NIGHT = date(2027, 7, 8)

BENDS: dict[str, tuple[str, Callable[[Plan], Plan]]] = {
    "a follow-up visit vanishes": ("accounted_for", lambda plan: dropped(plan, FACTS, FOLLOW_UP)),
    "a planned dose is listed as unplanned": ("accounted_for", lambda plan: listed(plan, Unplanned("ANA", 2, ("no",)))),
    "a dose nobody receives is listed": ("accounted_for", lambda plan: listed(plan, Unplanned("ANA", 6, ("no",)))),
    "a stranger is listed": ("accounted_for", lambda plan: listed(plan, Unplanned("DORA", 1, ("no",)))),
    "a stranger has a course": ("accounted_for", stranger),
    "a planned follow-up visit is listed": (
        "accounted_for",
        lambda plan: listed(plan, Unplanned("ANA", None, ("no",))),
    ),
    "the course names another weight": ("accounted_for", lambda plan: with_course(plan, weight_kg=61.0)),
    "the course names another site": ("accounted_for", lambda plan: with_course(plan, site=SOUTH)),
    "the course names another registration": (
        "accounted_for",
        lambda plan: with_course(plan, registered_on=date(2027, 1, 1)),
    ),
    "a release is missing": ("complete_course", lambda plan: dropped(plan, FACTS, "BEN/1/release")),
    "the release is there twice": ("complete_course", twice),
    "a step the protocol does not know": ("complete_course", unknown_step),
    "a thaw for the dose of the culture": ("complete_course", thaw_of_dose_1),
    "an id of another form": ("complete_course", lambda plan: bent(plan, FACTS, "ANA/1/release", id="ANA/1/tests")),
    "no fill crew": ("complete_course", lambda plan: without_unit(plan, "ANA/1/fill", "fill_crew")),
    "a suite the plant does not have": ("complete_course", lambda plan: units_of(plan, "ANA/1/fill", suite="suite-9")),
    "a unit no step asks for": ("complete_course", lambda plan: units_of(plan, "ANA/1/release", suite="suite-1")),
    "a culture at the site": ("complete_course", lambda plan: bent(plan, FACTS, "ANA/culture", place="NORTH")),
    "a release that names a lane": (
        "complete_course",
        lambda plan: bent(plan, FACTS, "ANA/1/release", lane="north-in"),
    ),
    "a syringe too few": ("dose_volume", lambda plan: bent(plan, FACTS, "BEN/1/fill", syringes=2)),
    "a volume on the injection": ("dose_volume", lambda plan: bent(plan, FACTS, "BEN/1/injection", volume_ml=8.2)),
    "five minutes late": ("quarter_hour", lambda plan: moved(plan, FACTS, FOLLOW_UP, minutes=5)),
    "a short follow-up visit": ("duration", lambda plan: bent(plan, FACTS, FOLLOW_UP, end_at=at(NIGHT, "10:45"))),
    "a follow-up visit at night": ("opening_hours", lambda plan: moved(plan, FACTS, FOLLOW_UP, minutes=-180)),
    "a receipt before the arrival": ("sequence", lambda plan: moved(plan, FACTS, "BEN/2/receipt", minutes=-15)),
    "an incubator left too early": (
        "continuous_hold",
        lambda plan: bent(plan, FACTS, "BEN/2/expansion", end_at=at(date(2027, 3, 16), "15:15")),
    ),
    "an expansion of eleven days": (
        "expansion_days",
        lambda plan: bent(
            bent(
                plan, FACTS, "BEN/2/thaw", start_at=at(date(2027, 3, 5), "08:00"), end_at=at(date(2027, 3, 5), "09:00")
            ),
            FACTS,
            "BEN/2/expansion",
            start_at=at(date(2027, 3, 5), "09:00"),
        ),
    ),
    "a run nobody drives": ("departure", lambda plan: moved(plan, FACTS, "ANA/2/csf_transit", minutes=15)),
    "the other site's lane": ("departure", lambda plan: bent(plan, FACTS, "ANA/2/transit", lane="south-out")),
    "no time to hand over": ("handover", lambda plan: moved(plan, FACTS, "ANA/harvest", minutes=60)),
    "one bench for two": ("unit_capacity", lambda plan: units_of(plan, "BEN/3/release", qc_bench="qc_bench-1")),
    "one suite too soon": ("line_clearance", lambda plan: units_of(plan, "BEN/3/fill", suite="suite-1")),
    "a shipper too soon": ("turnaround", lambda plan: units_of(plan, "BEN/2/pack", shipper="shipper-1")),
    "a second dose a week late": ("pair_window", lambda plan: dose_moved(plan, FACTS, "ANA", 2, 7)),
    "a booster eleven days late": ("booster_window", lambda plan: dose_moved(plan, FACTS, "ANA", 3, 11)),
    "a follow-up visit fifteen days late": ("follow_up_window", lambda plan: moved(plan, FACTS, FOLLOW_UP, days=15)),
    "a cost it does not have": ("cost_as_stated", lambda plan: replace(plan, cost=(0, 0, 0))),
    "a bound above the cost": ("cost_as_stated", lambda plan: replace(plan, bound=(1, 0, 0))),
}


@pytest.mark.parametrize(("rule", "bend"), BENDS.values(), ids=BENDS.keys())
def test_a_bent_plan_breaks_one_rule(rule: str, bend: Callable[[Plan], Plan]) -> None:
    found = violations(bend(valid_plan()), FACTS)
    assert [one.rule for one in found] == [rule]
    assert found[0].message


def test_more_than_twenty_bends_of_one_plan_are_tried() -> None:
    assert len(BENDS) > 20


def test_an_unplanned_dose_needs_a_reason_that_says_something() -> None:
    steps = [one.id for one in valid_plan().courses[0].activities if one.dose == 3]
    plan = dropped(valid_plan(), FACTS, *steps)
    for reasons, expected in ((("the plant is closed",), 0), ((), 1), ((" ",), 1)):
        assert len(violations(listed(plan, Unplanned("ANA", 3, reasons)), FACTS)) == expected


def test_an_unplanned_follow_up_visit_is_listed_without_a_dose() -> None:
    plan = dropped(valid_plan(), FACTS, FOLLOW_UP)
    assert violations(listed(plan, Unplanned("ANA", None, ("week-20: the clinic is full",))), FACTS) == []


def test_a_patient_without_a_course_is_missed() -> None:
    plan = restated(replace(valid_plan(), courses=valid_plan().courses[:1]), FACTS)
    found = violations(plan, FACTS)
    assert [(one.rule, one.patient, one.message) for one in found] == [
        ("accounted_for", "BEN", "BEN: has 0 courses instead of one")
    ]


def test_the_plan_itself_is_untouched_by_bending() -> None:
    plan = valid_plan()
    for _, bend in BENDS.values():
        bend(plan)
    assert plan == valid_plan()
