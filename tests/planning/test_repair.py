"""Repair: what is hit moves, everything else stays, and the proof says whether fewer promises could be broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.domain.course import Facts
from scheduler.domain.plan import Activity, Plan, PlannedCourse
from scheduler.domain.protocol import Arm, FollowUp, Window
from scheduler.domain.rules import violations
from scheduler.planning.repair import Repaired, Standing, repair, still_broken
from solver.days import DayModel
from tests.domain.world import ANA, NORTH, PLANT, with_closure
from tests.planning.small import BEN_NORTH, one_dose, planned

TRIED = settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Ben is registered a week after Ana, so that they come on different days.
BEN = replace(BEN_NORTH, registered_on=ANA.registered_on + timedelta(days=7))
FACTS = one_dose(ANA, BEN)
PLAN = planned(FACTS)
DAY = timedelta(days=1)


def course_of(plan: Plan, patient: str) -> PlannedCourse:
    return next(one for one in plan.courses if one.patient == patient)


def when(course: PlannedCourse, kind: str, dose: int | None = 1) -> datetime:
    found = course.find(kind, dose)
    assert found is not None
    return found.start_at


NOW = min(when(one, "harvest", None) for one in PLAN.courses) - 20 * DAY


def repaired(facts: Facts, *, fixed: frozenset[str] = frozenset(), confirmed: frozenset[str] = frozenset()) -> Repaired:
    """The plan of Ana and Ben put right under other facts, twenty days before anything begins."""
    standings = [
        Standing(facts.patient(one.patient), one, fixed & {a.id for a in one.activities}, confirmed)
        for one in PLAN.courses
    ]
    return repair(facts, standings, NOW, seconds=5.0)


def injection_day_closed(patient: str, days: int = 1) -> Facts:
    given = when(course_of(PLAN, patient), "injection")
    return with_closure(FACTS, NORTH, given - timedelta(hours=2), given + timedelta(hours=12) + (days - 1) * DAY)


def test_nothing_changes_where_nothing_is_broken() -> None:
    found = repaired(FACTS)
    assert (found.changed, found.visits_moved, found.price, found.bound) == (frozenset(), 0, (0, 0), (0, 0))
    assert found.is_proven
    assert found.plan.courses == PLAN.courses


def test_only_what_a_closure_hits_is_moved_and_that_is_proven_to_be_the_least() -> None:
    facts = injection_day_closed("ANA")
    found = repaired(facts)
    assert violations(found.plan, facts) == []
    assert found.changed == {"ANA"}
    assert course_of(found.plan, "BEN") == course_of(PLAN, "BEN")
    assert when(course_of(found.plan, "ANA"), "injection").date() != when(course_of(PLAN, "ANA"), "injection").date()
    # Tap and injection move, each unconfirmed and told more than 28 days ahead: 1 + 1.
    assert (found.visits_moved, found.price, found.is_proven) == (2, (0, 2), True)


def test_a_confirmed_visit_is_dearer_to_move() -> None:
    facts = injection_day_closed("ANA")
    found = repaired(facts, confirmed=frozenset({"ANA/1/injection"}))
    # The injection costs 4 where it was confirmed, the tap 1.
    assert (found.visits_moved, found.price, found.is_proven) == (2, (0, 5), True)


def test_a_dose_that_has_no_day_left_is_lost_with_its_reason_and_that_is_proven() -> None:
    # With the harvest done the culture must be filled after 26 to 30 days; the site is closed for all of them.
    done = frozenset({"ANA/harvest", "ANA/marrow_transit", "ANA/isolation", "ANA/culture"})
    given = when(course_of(PLAN, "ANA"), "injection")
    facts = with_closure(FACTS, NORTH, given - 6 * DAY, given + 8 * DAY)
    found = repaired(facts, fixed=done)
    (lost,) = [one for one in found.plan.unplanned if one.patient == "ANA"]
    assert lost.dose == 1 and "no time inside its window" in lost.reasons[0]
    # A lost dose costs 1000, and no repair can do better on level 1.
    assert found.price[0] == found.bound[0] == 1000
    assert violations(found.plan, facts) == []


def test_a_course_that_is_observed_only_has_nothing_to_repair() -> None:
    arms = (Arm("treated", 1, (1,), ()), Arm("observed", 1, (), ()))
    policy = replace(FACTS.policy, capacity="open")
    facts = replace(
        FACTS, policy=policy, protocol=replace(FACTS.protocol, arms=arms), arms={"ANA": "treated", "BEN": "observed"}
    )
    plan = planned(facts)
    given = when(course_of(plan, "ANA"), "injection")
    shut = with_closure(facts, NORTH, given - timedelta(hours=2), given + timedelta(hours=12))
    standings = [Standing(facts.patient(one.patient), one, frozenset()) for one in plan.courses]
    found = repair(shut, standings, NOW, seconds=5.0)
    assert (found.changed, found.price, found.is_proven) == ({"ANA"}, (0, 2), True)


def test_without_time_for_a_model_what_was_hit_is_put_back_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DayModel, "solve", lambda model, seconds: None)
    facts = injection_day_closed("ANA")
    found = repaired(facts)
    assert violations(found.plan, facts) == []
    # The same repair, but nothing is proven of it.
    assert (found.changed, found.price, found.bound, found.is_proven) == ({"ANA"}, (0, 2), (0, 0), False)


def test_what_may_not_move_is_left_for_people_to_decide() -> None:
    facts = injection_day_closed("ANA")
    fixed = frozenset(one.id for one in course_of(PLAN, "ANA").activities)
    found = repaired(facts, fixed=fixed)
    assert found.changed == frozenset()
    # The courier would arrive at a closed site, nobody could receive the syringe, nor give it.
    assert {name for one in found.stuck for name in one.activities} == {
        "ANA/1/transit",
        "ANA/1/receipt",
        "ANA/1/injection",
    }


# --- follow-up visits -------------------------------------------------------------------------------------------------


def with_a_check() -> tuple[Facts, Plan]:
    """Ana alone, and a visit 10 weeks after her dose, allowed from 14 days before to 14 days after."""
    facts = one_dose(ANA)
    check = FollowUp("check", 1, Window(70, 0, -14, 14), 30, ("procedure_room",))
    facts = replace(facts, protocol=replace(facts.protocol, follow_ups=(check,)))
    return facts, planned(facts)


def visit_of(plan: Plan) -> Activity:
    (found,) = [one for one in course_of(plan, "ANA").activities if one.kind == "follow_up"]
    return found


def put_right(facts: Facts, plan: Plan, fixed: frozenset[str] = frozenset()) -> Repaired:
    return repair(facts, [Standing(ANA, course_of(plan, "ANA"), fixed)], NOW, seconds=5.0)


def test_a_follow_up_visit_leaves_a_closed_day_and_nothing_else_moves() -> None:
    facts, plan = with_a_check()
    at = visit_of(plan).start_at
    shut = with_closure(facts, NORTH, at - timedelta(hours=10), at + timedelta(hours=14))
    found = put_right(shut, plan)
    assert violations(found.plan, shut) == []
    assert visit_of(found.plan).start_at.date() != at.date()
    assert (found.visits_moved, found.price) == (1, (0, 1))


def test_a_follow_up_visit_without_a_day_left_costs_no_dose() -> None:
    facts, plan = with_a_check()
    at = visit_of(plan).start_at
    shut = with_closure(facts, NORTH, at - 20 * DAY, at + 20 * DAY)
    found = put_right(shut, plan)
    (missed,) = found.plan.unplanned
    assert (missed.dose, found.price[0]) == (None, 0)
    assert when(course_of(found.plan, "ANA"), "injection") == when(course_of(plan, "ANA"), "injection")
    assert violations(found.plan, shut) == []


def test_a_follow_up_visit_that_may_not_move_stays_and_the_rest_is_for_people_to_decide() -> None:
    facts, plan = with_a_check()
    visit = visit_of(plan)
    shut = with_closure(facts, NORTH, visit.start_at - timedelta(hours=10), visit.start_at + timedelta(hours=14))
    found = put_right(shut, plan, frozenset({visit.id}))
    assert visit_of(found.plan).start_at == visit.start_at
    assert {name for one in found.stuck for name in one.activities} == {visit.id}
    assert not found.is_proven


def test_what_is_over_or_excused_needs_no_repair() -> None:
    facts = injection_day_closed("ANA")
    course = course_of(PLAN, "ANA")
    later = when(course, "injection") + 2 * DAY
    over = Standing(ANA, course, frozenset(one.id for one in course.activities))
    assert still_broken(PLAN, facts, [over], later) == []
    assert still_broken(PLAN, facts, [over], NOW) != []
    names = frozenset(one.id for one in course.activities)
    signed = replace(over, excused=dict.fromkeys(("closure", "opening_hours", "arrival_open"), names))
    assert still_broken(PLAN, facts, [signed], NOW) == []
    tap_signed = replace(over, excused={"closure": frozenset({"ANA/1/csf_tap"})})
    assert "ANA/1/injection" in {one.activities[0] for one in still_broken(PLAN, facts, [tap_signed], NOW)}


@TRIED
@given(
    st.sampled_from(["ANA", "BEN"]),
    st.sampled_from([NORTH, PLANT]),
    st.integers(-40, 10),
    st.integers(1, 9),
    st.booleans(),
)
def test_a_repair_keeps_every_rule_moves_nothing_fixed_and_never_beats_its_bound(
    patient: str, where: str, first: int, days: int, begun: bool
) -> None:
    since = when(course_of(PLAN, patient), "injection").replace(hour=0, minute=0) + first * DAY
    facts = with_closure(FACTS, where, since, since + days * DAY)
    begun_by = when(course_of(PLAN, "ANA"), "fill") - 10 * DAY
    fixed = frozenset(
        one.id for course in PLAN.courses for one in course.activities if begun and one.start_at < begun_by
    )
    found = repaired(facts, fixed=fixed)
    stuck = {name for one in found.stuck for name in one.activities}
    assert {name for one in violations(found.plan, facts) for name in one.activities} <= stuck
    assert found.price >= found.bound
    told = {one.id: one for course in PLAN.courses for one in course.activities}
    for one in (one for course in found.plan.courses for one in course.activities if one.id in fixed):
        # A culture under way may end later: it lasts until the fill.
        assert one.start_at == told[one.id].start_at and (one.kind == "culture" or one.end_at == told[one.id].end_at)
