"""The view of one site: what it shows, and that it shows nothing of the arm, the plant or other sites."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from scheduler.documents.blinded import SiteShare, share_of, site_view, visit_id
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan, PlannedCourse, Unplanned
from scheduler.domain.protocol import Arm
from tests.domain.world import (
    ANA,
    BEN,
    CHARLIE,
    FACTS,
    NORTH,
    PLANT,
    SOUTH,
    at,
    plan_of,
    valid_plan,
    with_closure,
)


def view(plan: Plan, site: str = NORTH, base: Facts = FACTS) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text_of(plan, site, base))
    return document


def text_of(plan: Plan, site: str = NORTH, base: Facts = FACTS) -> str:
    return site_view(share_of(plan, base, site), base.protocol, base.network, base.policy.max_wait_days)


def test_a_site_sees_each_visit_of_its_own_patients_once_by_day() -> None:
    shown = [(one["on"], [step["kind"] for step in one["steps"]]) for one in view(valid_plan())["visits"]]
    assert shown == [
        ("2027-01-20", ["harvest"]),
        ("2027-02-17", ["csf_tap"]),
        ("2027-02-18", ["injection"]),
        ("2027-03-15", ["csf_tap"]),
        ("2027-03-16", ["injection"]),
        ("2027-06-17", ["csf_tap"]),
        ("2027-06-18", ["injection"]),
        ("2027-07-08", ["follow_up"]),
    ]


def test_a_dose_visit_shows_its_window_its_arrival_and_its_give_by_time() -> None:
    visits = view(valid_plan())["visits"]
    pair = next(one for one in visits if one["on"] == "2027-03-16")
    # Dose 1 on 18 Feb: target +26 d = 16 Mar, allowed -2 to +5 d. The 06:00 run takes 90 min.
    assert pair["window"] == {"earliest": "2027-03-14", "target": "2027-03-16", "latest": "2027-03-21"}
    assert pair["arrives_at"] == "2027-03-16T07:30:00+09:00"
    # Filled until 15 Mar 15:00, good for 48 h.
    assert pair["give_by"] == "2027-03-17T15:00:00+09:00"
    assert (pair["status"], pair["reason"]) == ("planned", None)


def test_a_follow_up_visit_shows_its_name_and_window_and_no_unit() -> None:
    visit = view(valid_plan())["visits"][-1]
    # 18 Feb + 140 d = 8 Jul, allowed 14 d either way.
    assert visit["window"] == {"earliest": "2027-06-24", "target": "2027-07-08", "latest": "2027-07-22"}
    assert (visit["steps"][0]["name"], visit["arrives_at"], visit["give_by"]) == ("week-20", None, None)


def test_a_follow_up_anchored_at_registration_has_a_window_from_there() -> None:
    follow_up = replace(FACTS.protocol.follow_ups[0], anchor=None)
    base = replace(FACTS, protocol=replace(FACTS.protocol, follow_ups=(follow_up,)))
    # 4 Jan + 140 d = 24 May.
    assert view(valid_plan(), base=base)["visits"][-1]["window"]["target"] == "2027-05-24"


def test_a_site_sees_nothing_of_another_site_of_the_plant_or_of_weights() -> None:
    text = text_of(valid_plan())
    for hidden in (
        "BEN",
        SOUTH,
        PLANT,
        "60.5",
        "suite",
        "incubator",
        "culture",
        "fill",
        "lane",
        "volume",
        "cost",
        "seed",
    ):
        assert hidden not in text, hidden
    assert "ANA" in text


def test_the_share_of_a_site_holds_no_activity_of_the_plant() -> None:
    share = share_of(valid_plan(), FACTS, SOUTH)
    assert {step.kind for step in share.steps} == {"harvest", "csf_tap", "injection", "follow_up"}
    assert set(share.registered_on) == {BEN.id}
    assert set(share.deliveries) == {(BEN.id, 1), (BEN.id, 2), (BEN.id, 3)}


ACTIVE, CONTROL = Arm("active", 1, (1, 2, 3), ()), Arm("control", 1, (), (1, 2, 3))


def lean(arms: dict[str, str]) -> Facts:
    protocol = replace(FACTS.protocol, arms=(ACTIVE, CONTROL))
    return replace(FACTS, protocol=protocol, policy=replace(FACTS.policy, capacity="lean"), arms=arms)


def without_cells(course: PlannedCourse) -> PlannedCourse:
    cells = {step.kind for step in FACTS.protocol.steps if step.cells}
    return replace(course, activities=tuple(one for one in course.activities if one.kind not in cells))


@pytest.mark.parametrize("site", [NORTH, SOUTH])
def test_swapping_two_patients_arms_changes_no_byte_of_a_sites_view(site: str) -> None:
    ana, ben = valid_plan().courses
    unplanned = (Unplanned("CHARLIE", 1, ("no incubator position is free",)),)
    charlie = PlannedCourse(CHARLIE.id, NORTH, None, CHARLIE.registered_on, CHARLIE.weight_kg, ())
    people = (ANA, BEN, CHARLIE)
    one = replace(lean({"ANA": "active", "BEN": "control", "CHARLIE": "active"}), patients=people)
    other = replace(lean({"ANA": "control", "BEN": "active", "CHARLIE": "control"}), patients=people)
    neutral = (Unplanned("CHARLIE", 1, ("the courier is full",)),)
    first = text_of(plan_of(one, ana, without_cells(ben), charlie, unplanned=unplanned), site, one)
    second = text_of(plan_of(other, without_cells(ana), ben, charlie, unplanned=neutral), site, other)
    assert first == second


def unplanned_reason(dose: int | None, base: Facts = FACTS) -> str:
    ana = valid_plan().courses[0]
    left = replace(ana, activities=tuple(one for one in ana.activities if one.dose != dose or dose is None))
    found = view(plan_of(base, left, unplanned=(Unplanned("ANA", dose, ("PLANT has no free suite",)),)), base=base)
    (entry,) = found["unplanned"]
    assert (entry["patient"], entry["dose"], entry["status"]) == ("ANA", dose, "unplanned")
    assert "suite" not in json.dumps(found)
    reason: str = entry["reason"]
    return reason


def test_an_unplanned_dose_is_a_matter_of_supply_when_site_and_couriers_work() -> None:
    assert unplanned_reason(2) == "supply"


def test_an_unplanned_dose_is_a_matter_of_the_site_when_the_site_is_shut_in_its_window() -> None:
    # Dose 2 is allowed from 14 to 21 March.
    shut = with_closure(FACTS, NORTH, at(date(2027, 3, 14), "00:00"), at(date(2027, 3, 22), "00:00"))
    assert unplanned_reason(2, shut) == "site"


def test_an_unplanned_dose_is_a_matter_of_logistics_when_no_courier_comes_in_its_window() -> None:
    shut = with_closure(FACTS, "north-out", at(date(2027, 3, 12), "00:00"), at(date(2027, 3, 23), "00:00"))
    assert unplanned_reason(2, shut) == "logistics"


def test_an_unplanned_follow_up_visit_is_a_matter_of_the_site() -> None:
    assert unplanned_reason(None) == "site"


def test_an_unplanned_first_dose_is_judged_by_the_days_a_patient_may_wait() -> None:
    assert unplanned_reason(1) == "supply"
    shut = with_closure(FACTS, NORTH, at(date(2027, 1, 5), "00:00"), at(date(2028, 1, 5), "00:00"))
    assert unplanned_reason(1, shut) == "site"


def test_a_dose_whose_anchor_is_unplanned_too_is_a_matter_of_supply() -> None:
    plan = valid_plan()
    bare = replace(plan.courses[0], activities=())
    unplanned = tuple(Unplanned("ANA", dose, ("full",)) for dose in (1, 2, 3))
    found = view(plan_of(FACTS, bare, plan.courses[1], unplanned=unplanned))["unplanned"]
    assert [one["reason"] for one in found] == ["supply"] * 3


def test_visit_ids_are_opaque_and_differ_from_visit_to_visit() -> None:
    visits = view(valid_plan())["visits"]
    assert len({one["visit"] for one in visits}) == len(visits)
    assert all(one["visit"].startswith("V-") and "ANA" not in one["visit"] for one in visits)


def test_a_visit_id_stays_when_the_visit_moves_and_differs_between_programs() -> None:
    assert visit_id("small", "ANA/1/injection") == visit_id("small", "ANA/1/injection")
    assert visit_id("small", "ANA/1/injection") != visit_id("large", "ANA/1/injection")


def test_a_site_the_program_does_not_have_is_refused() -> None:
    with pytest.raises(BadInput, match="Sites: NORTH, SOUTH"):
        share_of(valid_plan(), FACTS, PLANT)


def test_a_protocol_without_a_shelf_life_has_no_give_by_time() -> None:
    limits = tuple(one for one in FACTS.protocol.limits if one.name != "shelf_life")
    base = replace(FACTS, protocol=replace(FACTS.protocol, limits=limits))
    visits = view(valid_plan(), base=base)["visits"]
    assert {one["give_by"] for one in visits} == {None}


def test_a_site_without_patients_has_an_empty_view() -> None:
    share = SiteShare("small", NORTH, {}, (), {}, ())
    document = json.loads(site_view(share, FACTS.protocol, FACTS.network, 120))
    assert (document["visits"], document["unplanned"]) == ([], [])
