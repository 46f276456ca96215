"""Where the arm is known: comparator doses go without cells, and a control may have no dose at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from scheduler.domain.course import Facts
from scheduler.domain.plan import Activity, Plan, PlannedCourse
from scheduler.domain.protocol import Arm, FollowUp, Window
from scheduler.domain.rules import violations
from tests.domain.world import ANA, NORTH, PROTOCOL, ana, at, dropped, facts, plan_of

ARMS = (Arm("active", 1, (1, 2, 3), ()), Arm("single", 1, (1,), (2, 3)), Arm("control", 1, (), (1, 2, 3)))
REGISTERED = FollowUp("week-4", None, Window(28, 0, -3, 3), 60, ("clinic",))


def lean(arm: str) -> Facts:
    return facts(ANA, protocol=replace(PROTOCOL, arms=ARMS), arms={"ANA": arm})


def anas_plan(base: Facts, *kinds_left_out: str, dose: int | None = None) -> Plan:
    plan = plan_of(base, ana())
    out = [one.id for one in ana().activities if one.kind in kinds_left_out and (dose is None or one.dose == dose)]
    return dropped(plan, base, *out)


def test_a_control_goes_without_the_steps_that_handle_cells() -> None:
    base = lean("control")
    assert violations(anas_plan(base, "isolation", "culture", "thaw", "expansion"), base) == []


def test_a_control_has_no_culture() -> None:
    found = violations(anas_plan(lean("control"), "isolation", "thaw", "expansion"), lean("control"))
    assert [(one.rule, one.activities) for one in found] == [("complete_course", ("ANA/culture",))]


def test_a_single_cycle_needs_no_thaw_after_its_active_dose() -> None:
    base = lean("single")
    assert violations(anas_plan(base, "thaw", "expansion"), base) == []
    found = violations(anas_plan(base, "thaw", "expansion", "isolation", "culture"), base)
    assert [one.activities for one in found] == [("ANA/isolation",), ("ANA/culture",)]


def test_an_unknown_arm_has_every_step() -> None:
    base = facts(ANA, protocol=replace(PROTOCOL, arms=ARMS))
    assert violations(anas_plan(base), base) == []
    assert {one.rule for one in violations(anas_plan(base, "thaw", dose=2), base)} >= {"complete_course"}


def undosed() -> tuple[Facts, Activity]:
    protocol = replace(PROTOCOL, arms=(Arm("none", 1, (), ()),), follow_ups=(*PROTOCOL.follow_ups, REGISTERED))
    start_at = at(date(2027, 2, 1), "10:00")
    visit = Activity(
        "ANA/week-4/follow_up",
        "follow_up",
        None,
        NORTH,
        {"clinic": "clinic-1"},
        start_at,
        start_at + timedelta(hours=1),
    )
    return facts(ANA, protocol=protocol, arms={"ANA": "none"}), visit


def test_a_control_without_doses_is_followed_from_the_registration() -> None:
    # Registered Mon 4 January: 28 days later is Mon 1 February.
    base, visit = undosed()
    course = PlannedCourse("ANA", NORTH, None, ANA.registered_on, ANA.weight_kg, (visit,))
    plan = plan_of(base, course)
    assert plan.cost == (0, 0, 0)
    assert violations(plan, base) == []
    late = replace(visit, start_at=visit.start_at + timedelta(days=4), end_at=visit.end_at + timedelta(days=4))
    found = violations(plan_of(base, replace(course, activities=(late,))), base)
    assert [one.rule for one in found] == ["follow_up_window"]


def test_a_follow_up_counted_from_a_dose_nobody_receives_is_no_visit_of_the_patient() -> None:
    base, visit = undosed()
    extra = replace(visit, id="ANA/week-20/follow_up", start_at=at(date(2027, 7, 8), "10:00"))
    extra = replace(extra, end_at=extra.start_at + timedelta(hours=1))
    course = PlannedCourse("ANA", NORTH, None, ANA.registered_on, ANA.weight_kg, (visit, extra))
    found = violations(plan_of(base, course), base, frozenset({"follow_up_window"}))
    assert [(one.rule, one.activities) for one in found] == [("accounted_for", ("ANA/week-20/follow_up",))]
