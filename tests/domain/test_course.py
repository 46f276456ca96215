"""Which steps a course consists of, and the ids of its activities."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.domain.course import activity_id, doses_of, follow_up_id, steps_of
from scheduler.domain.protocol import Arm
from tests.domain.world import ANA, FACTS, PROTOCOL, ana

ACTIVE = Arm("active", 1, (1, 2, 3), ())
SINGLE = Arm("single", 1, (1,), (3, 2))
CONTROL = Arm("control", 1, (), (1, 2, 3))


def kinds(arm: Arm | None, dose: int | None) -> list[str]:
    return [one.step.kind for one in steps_of(PROTOCOL, arm) if one.dose == dose]


def test_one_harvest_serves_the_whole_course() -> None:
    assert kinds(None, None) == ["harvest", "marrow_transit", "isolation", "culture"]
    assert {one.serves for one in steps_of(PROTOCOL, None) if one.dose is None} == {1}


def test_the_first_dose_comes_from_the_culture_and_the_others_from_the_bank() -> None:
    made = ["csf_tap", "csf_transit", "fill", "release", "pack", "transit", "receipt", "injection"]
    assert kinds(None, 1) == made
    assert kinds(None, 2) == kinds(ACTIVE, 3) == ["thaw", "expansion", *made]


def test_a_comparator_dose_handles_no_cells() -> None:
    assert kinds(SINGLE, None) == kinds(ACTIVE, None)
    assert kinds(SINGLE, 2) == kinds(None, 1)
    assert kinds(CONTROL, None) == ["harvest", "marrow_transit"]


def test_a_harvest_for_each_dose_carries_the_dose() -> None:
    protocol = replace(PROTOCOL, supply="harvest-per-dose")
    harvests = [(one.dose, one.serves) for one in steps_of(protocol, None) if one.step.kind == "harvest"]
    assert harvests == [(1, 1), (2, 2), (3, 3)]


def test_an_arm_without_doses_has_no_steps() -> None:
    assert steps_of(PROTOCOL, Arm("none", 1, (), ())) == []


def test_doses_of_an_arm_ascend_and_an_unknown_arm_has_all() -> None:
    assert doses_of(PROTOCOL, SINGLE) == doses_of(PROTOCOL, None) == (1, 2, 3)


def test_ids_name_the_patient_the_dose_and_the_step() -> None:
    assert activity_id("ANA", 1, "fill") == "ANA/1/fill"
    assert activity_id("ANA", None, "harvest") == "ANA/harvest"
    assert follow_up_id("ANA", "week-20") == "ANA/week-20/follow_up"


def test_facts_know_their_patients_and_arms() -> None:
    assert FACTS.patient("ANA") == ANA
    assert FACTS.arm_of("ANA") is None
    known = replace(FACTS, protocol=replace(PROTOCOL, arms=(CONTROL,)), arms={"ANA": "control"})
    assert known.arm_of("ANA") == CONTROL
    with pytest.raises(KeyError):
        FACTS.patient("DORA")


def test_a_planned_course_finds_its_activities_by_kind_and_dose() -> None:
    found = ana().find("fill", 2)
    assert found is not None
    assert found.id == "ANA/2/fill"
    assert ana().find("fill", 4) is None
    assert ana().find("follow_up", None) is None
