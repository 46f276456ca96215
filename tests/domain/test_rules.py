"""Each rule: a plan that obeys it, and the same plan bent once with exactly the violation that follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from scheduler.domain.plan import Activity, Unplanned
from scheduler.domain.protocol import StartHours
from scheduler.domain.rules import RULES, Violation, rules_of, violations
from tests.domain.judging import names, with_step
from tests.domain.treatment import LIMITS, PROTOCOL
from tests.domain.world import (
    ALONE,
    ANA,
    FACTS,
    NORTH,
    PLANT,
    activity,
    ana,
    anas_plan,
    at,
    bent,
    dose_moved,
    dropped,
    facts,
    moved,
    plan_of,
    valid_plan,
    with_closure,
    with_hindrance,
)


def test_every_rule_accepts_the_plan_of_ana_and_ben() -> None:
    assert violations(valid_plan(), FACTS) == []


def test_the_limits_of_the_protocol_stand_between_continuous_hold_and_departure() -> None:
    order = [name for name, _ in rules_of(PROTOCOL)]
    assert order[:11] == [name for name, _ in RULES][:11]
    assert order[10 : 11 + len(LIMITS) + 1] == ["continuous_hold", *(one.name for one in LIMITS), "departure"]
    assert len(order) == len(RULES) + len(LIMITS)


def test_a_rule_left_out_finds_nothing() -> None:
    plan = bent(valid_plan(), FACTS, "ANA/1/release", units={"qc_bench": "qc_bench-9"})
    assert names(plan, FACTS) == ["complete_course"]
    assert names(plan, FACTS, "complete_course") == []


def test_accounted_for_misses_a_dose_that_is_neither_planned_nor_unplanned() -> None:
    steps = [one.id for one in ana().activities if one.dose == 3]
    silent = dropped(valid_plan(), FACTS, *steps)
    message = "ANA: dose 3 is not planned and listed 0 times as unplanned"
    assert violations(silent, FACTS) == [Violation("accounted_for", "ANA", (), message)]
    listed = replace(silent, unplanned=(Unplanned("ANA", 3, ("the plant is closed",)),))
    assert violations(listed, FACTS) == []


def test_complete_course_misses_a_step_of_a_planned_dose() -> None:
    plan = dropped(valid_plan(), FACTS, "ANA/2/release")
    assert violations(plan, FACTS) == [
        Violation("complete_course", "ANA", ("ANA/2/release",), "ANA: ANA/2/release is missing")
    ]


def test_complete_course_allows_no_harvest_without_any_dose() -> None:
    keep = {"ANA/harvest", "ANA/marrow_transit"}
    plan = dropped(anas_plan(), ALONE, *(one.id for one in ana().activities if one.id not in keep))
    reasons = tuple(Unplanned("ANA", dose, ("no slot",)) for dose in (1, 2, 3))
    plan = replace(plan, unplanned=reasons)
    found = violations(plan, ALONE)
    assert [(one.rule, one.activities) for one in found] == [
        ("complete_course", ("ANA/harvest",)),
        ("complete_course", ("ANA/marrow_transit",)),
    ]


def test_dose_volume_follows_the_weight_band() -> None:
    # 60.5 kg lies in the band 59-61 kg: 60 kg x 0.1 mL/kg = 6.0 mL, in ceil(6.0 / 4) = 2 syringes.
    assert (activity(valid_plan(), "ANA/1/fill").volume_ml, activity(valid_plan(), "ANA/1/fill").syringes) == (6.0, 2)
    plan = bent(valid_plan(), FACTS, "ANA/1/fill", volume_ml=6.2)
    message = "ANA/1/fill carries 6.2 mL in 2 syringes; at 60.5 kg it carries 6.0 mL in 2"
    assert violations(plan, FACTS) == [Violation("dose_volume", "ANA", ("ANA/1/fill",), message)]


def test_dose_volume_needs_a_band_for_the_weight() -> None:
    heavy = replace(ANA, weight_kg=131.0)
    plan = plan_of(facts(heavy), replace(ana(), weight_kg=131.0))
    assert violations(plan, facts(heavy)) == [Violation("dose_volume", "ANA", (), "ANA: no weight band holds 131.0 kg")]


def test_quarter_hour_refuses_ten_past() -> None:
    plan = moved(valid_plan(), FACTS, "ANA/week-20/follow_up", minutes=10)
    message = (
        "ANA/week-20/follow_up runs from Thu 2027-07-08 10:10 at NORTH (Asia/Seoul) "
        "to Thu 2027-07-08 11:10 at NORTH (Asia/Seoul): not on the quarter of an hour"
    )
    assert violations(plan, FACTS) == [Violation("quarter_hour", "ANA", ("ANA/week-20/follow_up",), message)]


def test_quarter_hour_refuses_a_time_without_offset() -> None:
    one = activity(valid_plan(), "ANA/1/release")
    plan = bent(valid_plan(), FACTS, one.id, start_at=one.start_at.replace(tzinfo=None))
    assert [(found.rule, found.activities) for found in violations(plan, FACTS)] == [("quarter_hour", (one.id,))]


def test_duration_is_what_the_protocol_says() -> None:
    name = "ANA/week-20/follow_up"
    plan = bent(valid_plan(), FACTS, name, end_at=at(date(2027, 7, 8), "11:15"))
    message = f"{name} on Thu 2027-07-08 10:00 at NORTH (Asia/Seoul) lasts 1 h 15 min instead of 1 h"
    assert violations(plan, FACTS) == [Violation("duration", "ANA", (name,), message)]


def test_duration_refuses_a_step_that_ends_before_it_starts() -> None:
    one = activity(valid_plan(), "ANA/1/release")
    plan = bent(valid_plan(), FACTS, one.id, start_at=one.end_at, end_at=one.start_at)
    assert [(found.rule, found.activities) for found in violations(plan, FACTS)] == [("duration", (one.id,))]


def test_registration_keeps_seven_days_before_the_harvest() -> None:
    # Harvest on 20 January: registered on the 13th is 7 days before, on the 14th 6 days.
    for day, expected in ((13, []), (14, ["registration"])):
        patient = replace(ANA, registered_on=date(2027, 1, day))
        plan = plan_of(facts(patient), replace(ana(), registered_on=patient.registered_on))
        assert names(plan, facts(patient)) == expected


def test_opening_hours_keep_the_clinic_shut_on_saturday() -> None:
    name = "ANA/week-20/follow_up"
    assert names(moved(valid_plan(), FACTS, name, days=1), FACTS) == []
    message = (
        f"{name} from Sat 2027-07-10 10:00 at NORTH (Asia/Seoul) to Sat 2027-07-10 11:00 at NORTH (Asia/Seoul) "
        "is outside the hours of clinic"
    )
    plan = moved(valid_plan(), FACTS, name, days=2)
    assert violations(plan, FACTS) == [Violation("opening_hours", "ANA", (name,), message)]


def test_opening_hours_must_hold_a_step_to_its_end() -> None:
    # The clinic shuts at 17:00: an hour from 16:00 fits, an hour from 16:15 does not.
    name = "ANA/week-20/follow_up"
    assert names(moved(valid_plan(), FACTS, name, minutes=360), FACTS) == []
    assert names(moved(valid_plan(), FACTS, name, minutes=375), FACTS) == ["opening_hours"]


def test_opening_hours_end_at_the_last_start_inclusive() -> None:
    harvest = PROTOCOL.step("harvest")
    for last_start, expected in ((8 * 60, []), (8 * 60 - 15, ["opening_hours"])):
        starts = (StartHours((0, 1, 2, 3), 7 * 60, last_start),)
        base = with_step(ALONE, replace(harvest, starts=starts))
        assert names(anas_plan(), base) == expected


def test_closure_of_a_place_stops_the_work_there() -> None:
    shut = with_closure(FACTS, NORTH, at(date(2027, 7, 8), "00:00"), at(date(2027, 7, 9), "00:00"))
    message = (
        "ANA/week-20/follow_up on Thu 2027-07-08 10:00 at NORTH (Asia/Seoul): NORTH is closed from "
        "Thu 2027-07-08 00:00 at NORTH (Asia/Seoul) to Fri 2027-07-09 00:00 at NORTH (Asia/Seoul): pipes burst"
    )
    assert violations(valid_plan(), shut) == [Violation("closure", "ANA", ("ANA/week-20/follow_up",), message)]


def test_closure_of_the_plant_leaves_cells_in_their_incubator() -> None:
    since, until = at(date(2027, 1, 25), "00:00"), at(date(2027, 2, 1), "00:00")
    assert names(valid_plan(), with_closure(FACTS, PLANT, since, until)) == []


def test_closure_of_the_incubators_by_name_forbids_the_culture() -> None:
    since, until = at(date(2027, 1, 25), "00:00"), at(date(2027, 2, 1), "00:00")
    found = violations(anas_plan(), with_closure(ALONE, PLANT, since, until, "incubator"))
    assert [(one.rule, one.activities) for one in found] == [("closure", ("ANA/culture",))]


def test_closure_of_the_cold_store_by_name_forbids_storing_there() -> None:
    # The first dose waits in the cold store from 15:00 to 20:00 on 17 February.
    day = date(2027, 2, 17)
    late = with_closure(ALONE, PLANT, at(day, "20:00"), at(day, "21:00"), "cold_store")
    assert names(anas_plan(), late) == []
    early = with_closure(ALONE, PLANT, at(day, "19:45"), at(day, "21:00"), "cold_store")
    assert [(one.rule, one.activities) for one in violations(anas_plan(), early)] == [("closure", ("ANA/1/fill",))]


def test_closure_of_one_unit_forbids_what_is_done_in_it_and_nothing_else() -> None:
    # ANA is filled in suite-1 from 12:30 to 15:00 on 17 February.
    day = date(2027, 2, 17)
    shut = with_closure(ALONE, PLANT, at(day, "14:00"), at(day, "18:00"), "suite", "suite-1")
    message = (
        "ANA/1/fill on Wed 2027-02-17 12:30 at PLANT (Asia/Seoul): suite-1 at PLANT is out of service from "
        "Wed 2027-02-17 14:00 at PLANT (Asia/Seoul) to Wed 2027-02-17 18:00 at PLANT (Asia/Seoul): pipes burst"
    )
    assert violations(anas_plan(), shut) == [Violation("closure", "ANA", ("ANA/1/fill",), message)]
    other = with_closure(ALONE, PLANT, at(day, "14:00"), at(day, "18:00"), "suite", "suite-2")
    assert names(anas_plan(), other) == []


def test_a_unit_may_be_cleared_while_it_is_out_of_service() -> None:
    # The fill ends at 15:00; the 60 min of line clearance fall into the closure.
    day = date(2027, 2, 17)
    shut = with_closure(ALONE, PLANT, at(day, "15:00"), at(day, "18:00"), "suite", "suite-1")
    assert names(anas_plan(), shut) == []


def test_what_waits_in_a_unit_is_hit_when_that_goes_out_of_service() -> None:
    since, until = at(date(2027, 1, 25), "00:00"), at(date(2027, 2, 1), "00:00")
    shut = with_closure(ALONE, PLANT, since, until, "incubator", "incubator-1")
    assert [(one.rule, one.activities) for one in violations(anas_plan(), shut)] == [("closure", ("ANA/culture",))]


def test_the_only_unit_out_of_service_is_the_resource_closed() -> None:
    # North has one procedure room, and its hatch is where the 06:00 run of 18 February arrives at 07:30.
    day = date(2027, 2, 18)
    for unit in (None, "procedure_room-1"):
        shut = with_closure(ALONE, NORTH, at(day, "08:00"), at(day, "12:00"), "procedure_room", unit)
        assert [one.activities for one in violations(anas_plan(), shut)] == [("ANA/1/injection",)]
        assert shut.network.calendar(NORTH, "procedure_room").open_on(day)[0].start_at == at(day, "12:00")
    one_hatch = with_closure(ALONE, NORTH, at(day, "06:00"), at(day, "08:00"), "pharmacy", "pharmacy-2")
    assert names(anas_plan(), one_hatch) == []
    both = with_closure(one_hatch, NORTH, at(day, "06:00"), at(day, "08:00"), "pharmacy", "pharmacy-1")
    assert names(anas_plan(), both) == ["closure", "arrival_open"]


def test_hindrance_keeps_a_patient_from_every_visit() -> None:
    day = date(2027, 7, 8)
    away = with_hindrance(FACTS, "ANA", at(day, "10:45"), at(date(2027, 7, 10), "00:00"))
    message = (
        "ANA/week-20/follow_up on Thu 2027-07-08 10:00 at NORTH (Asia/Seoul) cannot be from "
        "Thu 2027-07-08 10:45 at NORTH (Asia/Seoul) to Sat 2027-07-10 00:00 at NORTH (Asia/Seoul): a fever"
    )
    assert violations(valid_plan(), away) == [Violation("hindrance", "ANA", ("ANA/week-20/follow_up",), message)]
    assert names(valid_plan(), away, "hindrance") == []


def test_hindrance_is_half_open_and_concerns_one_patient() -> None:
    day = date(2027, 7, 8)
    assert names(valid_plan(), with_hindrance(FACTS, "ANA", at(day, "11:00"), at(day, "12:00"))) == []
    assert names(valid_plan(), with_hindrance(FACTS, "ANA", at(day, "09:00"), at(day, "10:00"))) == []
    assert names(valid_plan(), with_hindrance(FACTS, "BEN", at(day, "09:00"), at(day, "12:00"))) == []


def test_hindrance_of_a_patient_leaves_the_plant_alone() -> None:
    # ANA is filled on 17 February, the day of her tap and the day before her injection.
    since, until = at(date(2027, 2, 17), "12:00"), at(date(2027, 2, 18), "06:00")
    assert names(anas_plan(), with_hindrance(ALONE, "ANA", since, until)) == []
    assert names(anas_plan(), with_hindrance(ALONE, "ANA", since, until, "fill")) == ["hindrance"]


def test_hindrance_of_a_dose_concerns_that_dose_alone() -> None:
    # Dose 1 is filled on 17 February, dose 2 on 15 March: cells ready later than either.
    since, until = at(date(2027, 1, 1), "00:00"), at(date(2027, 4, 1), "00:00")
    late = with_hindrance(ALONE, "ANA", since, until, "fill", dose=2)
    assert [one.activities for one in violations(anas_plan(), late)] == [("ANA/2/fill",)]


def test_hindrance_of_a_hold_forbids_nothing_by_itself() -> None:
    since, until = at(date(2027, 1, 1), "00:00"), at(date(2027, 4, 1), "00:00")
    assert names(anas_plan(), with_hindrance(ALONE, "ANA", since, until, "culture")) == []


def test_sequence_puts_the_receipt_after_the_arrival() -> None:
    plan = moved(valid_plan(), FACTS, "ANA/1/receipt", minutes=-15)
    message = (
        "ANA/1/receipt starts on Thu 2027-02-18 07:15 at NORTH (Asia/Seoul), "
        "before ANA/1/transit ends on Thu 2027-02-18 07:30 at NORTH (Asia/Seoul)"
    )
    expected = Violation("sequence", "ANA", ("ANA/1/receipt", "ANA/1/transit"), message)
    assert violations(plan, FACTS) == [expected]


def test_continuous_hold_ends_exactly_at_the_fill() -> None:
    plan = bent(valid_plan(), FACTS, "ANA/culture", end_at=at(date(2027, 2, 17), "12:15"))
    message = (
        "ANA/culture ends on Wed 2027-02-17 12:15 at PLANT (Asia/Seoul) instead of fill.start: "
        "Wed 2027-02-17 12:30 at PLANT (Asia/Seoul)"
    )
    assert violations(plan, FACTS) == [Violation("continuous_hold", "ANA", ("ANA/culture", "ANA/1/fill"), message)]


def test_continuous_hold_starts_exactly_at_the_end_of_the_thaw() -> None:
    plan = bent(valid_plan(), FACTS, "ANA/2/expansion", start_at=at(date(2027, 3, 1), "09:15"))
    assert names(plan, FACTS) == ["continuous_hold"]


def test_without_the_closure_rule_lanes_and_doors_are_open_too() -> None:
    day = date(2027, 2, 18)
    shut = with_closure(ALONE, "north-out", at(day, "00:00"), at(day, "12:00"))
    shut = with_closure(shut, NORTH, at(day, "00:00"), at(day, "07:45"), "pharmacy")
    assert names(anas_plan(), shut) == ["closure", "departure", "arrival_open"]
    assert names(anas_plan(), shut, "closure") == []


def test_departure_is_one_of_the_lane() -> None:
    # The 10:30 run at 10:45 arrives 12:15, still before the fill at 12:30.
    plan = moved(valid_plan(), FACTS, "ANA/1/csf_transit", minutes=15)
    message = "ANA/1/csf_transit: nothing leaves on lane north-in on Wed 2027-02-17 10:45 at NORTH (Asia/Seoul)"
    assert violations(plan, FACTS) == [Violation("departure", "ANA", ("ANA/1/csf_transit",), message)]


def test_departure_takes_as_long_as_planned_that_day() -> None:
    plan = bent(valid_plan(), FACTS, "ANA/1/transit", end_at=at(date(2027, 2, 18), "07:15"))
    message = (
        "ANA/1/transit: the run of lane north-out on Thu 2027-02-18 06:00 at PLANT (Asia/Seoul) arrives on "
        "Thu 2027-02-18 07:30 at NORTH (Asia/Seoul), not Thu 2027-02-18 07:15 at NORTH (Asia/Seoul)"
    )
    assert violations(plan, FACTS) == [Violation("departure", "ANA", ("ANA/1/transit",), message)]


@pytest.mark.parametrize("lane_code", ["south-out", "north-in", "nowhere", None])
def test_departure_needs_a_lane_between_the_two_places(lane_code: str | None) -> None:
    plan = bent(valid_plan(), FACTS, "ANA/1/transit", lane=lane_code)
    message = f"ANA/1/transit: {lane_code} is no lane from PLANT to NORTH"
    assert violations(plan, FACTS) == [Violation("departure", "ANA", ("ANA/1/transit",), message)]


def test_departure_does_not_happen_while_the_lane_is_closed() -> None:
    # The run is on the road from 06:00 to 07:30; a closure from 07:30 on does not touch it.
    day = date(2027, 2, 18)
    assert names(anas_plan(), with_closure(ALONE, "north-out", at(day, "07:30"), at(day, "12:00"))) == []
    assert names(anas_plan(), with_closure(ALONE, "north-out", at(day, "07:15"), at(day, "12:00"))) == ["departure"]


def test_handover_takes_a_quarter_of_an_hour() -> None:
    # Harvest 08:45-10:15 leaves 15 min before the 10:30 run, harvest 09:00-10:30 leaves none.
    assert names(moved(valid_plan(), FACTS, "ANA/harvest", minutes=45), FACTS) == []
    plan = moved(valid_plan(), FACTS, "ANA/harvest", minutes=60)
    message = (
        "ANA/marrow_transit leaves on Wed 2027-01-20 10:30 at NORTH (Asia/Seoul) but ANA/harvest ends on "
        "Wed 2027-01-20 10:30 at NORTH (Asia/Seoul): less than 15 min for the hand-over"
    )
    assert violations(plan, FACTS) == [Violation("handover", "ANA", ("ANA/marrow_transit", "ANA/harvest"), message)]


def test_pair_window_ends_five_days_after_the_target() -> None:
    plan = dose_moved(anas_plan(), ALONE, "ANA", 2, 7)
    message = (
        "ANA/2/injection on Tue 2027-03-23 09:00 at NORTH (Asia/Seoul) is +7 d off its target 2027-03-16; "
        "-2 to +5 allowed"
    )
    assert violations(plan, ALONE) == [Violation("pair_window", "ANA", ("ANA/2/injection", "ANA/1/injection"), message)]
    # Three days late is allowed and costs three days at level 1.
    near = dose_moved(anas_plan(), ALONE, "ANA", 2, 3)
    assert violations(near, ALONE) == []
    assert near.cost[0] == 3


def test_pair_window_needs_its_anchor() -> None:
    firsts = [one.id for one in ana().activities if one.dose == 1]
    plan = dropped(anas_plan(), ALONE, *firsts)
    plan = replace(plan, unplanned=(Unplanned("ANA", 1, ("the plant is closed",)),))
    found = violations(plan, ALONE, frozenset({"continuous_hold"}))
    assert [one.rule for one in found] == ["pair_window", "booster_window", "follow_up_window"]
    assert found[0].message == (
        "ANA/2/injection on Tue 2027-03-16 09:00 at NORTH (Asia/Seoul) is counted from dose 1, which is not planned"
    )


def test_booster_window_ends_a_week_after_the_target() -> None:
    assert names(dose_moved(anas_plan(), ALONE, "ANA", 3, 7), ALONE) == []
    plan = dose_moved(anas_plan(), ALONE, "ANA", 3, 11)
    # Eleven days after Fri 18 June is Tue 29 June.
    message = (
        "ANA/3/injection on Tue 2027-06-29 09:00 at NORTH (Asia/Seoul) is +11 d off its target 2027-06-18; "
        "-7 to +7 allowed"
    )
    expected = Violation("booster_window", "ANA", ("ANA/3/injection", "ANA/1/injection"), message)
    assert violations(plan, ALONE) == [expected]


def test_follow_up_window_ends_two_weeks_after_the_target() -> None:
    name = "ANA/week-20/follow_up"
    assert names(moved(valid_plan(), FACTS, name, days=14), FACTS) == []
    plan = moved(valid_plan(), FACTS, name, days=15)
    message = (
        f"{name} on Fri 2027-07-23 10:00 at NORTH (Asia/Seoul) is +15 d off its target 2027-07-08; -14 to +14 allowed"
    )
    assert violations(plan, FACTS) == [Violation("follow_up_window", "ANA", (name,), message)]


def test_one_visit_at_a_time_for_one_patient() -> None:
    # The third injection a week later is Fri 25 June 09:00-10:00, 13 days before week 20.
    name = "ANA/week-20/follow_up"
    plan = moved(dose_moved(anas_plan(), ALONE, "ANA", 3, 7), ALONE, name, days=-13)
    assert violations(plan, ALONE) == []
    plan = moved(plan, ALONE, name, minutes=-15)
    message = (
        f"{name} starts on Fri 2027-06-25 09:45 at NORTH (Asia/Seoul), "
        "before ANA/3/injection ends on Fri 2027-06-25 10:00 at NORTH (Asia/Seoul)"
    )
    assert violations(plan, ALONE) == [Violation("one_visit_at_a_time", "ANA", ("ANA/3/injection", name), message)]


def test_cost_as_stated_is_the_cost_of_the_plan() -> None:
    plan = replace(valid_plan(), cost=(0, 0, 2274))
    message = "the plan states cost (0, 0, 2274) but costs (0, 0, 2275)"
    assert violations(plan, FACTS) == [Violation("cost_as_stated", "", (), message)]


def test_cost_as_stated_is_not_below_the_bound() -> None:
    plan = replace(valid_plan(), bound=(0, 0, 2275))
    assert violations(plan, FACTS) == []
    plan = replace(plan, bound=(0, 1, 0))
    message = "the bound (0, 1, 0) is above the cost (0, 0, 2275)"
    assert violations(plan, FACTS) == [Violation("cost_as_stated", "", (), message)]


def distorted(one: Activity) -> list[Activity]:
    """One activity made nonsense in every field."""
    shift = timedelta(days=400)
    return [
        replace(one, id="", kind="dance", dose=9),
        replace(one, dose=None if one.dose else 1),
        replace(one, place="MOON"),
        replace(one, place=PLANT if one.place == NORTH else NORTH, units={}),
        replace(one, units=dict.fromkeys(one.units, "nobody") | {"dance_floor": "x"}, lane="nowhere"),
        replace(one, start_at=one.end_at, end_at=one.start_at),
        replace(one, start_at=one.start_at.replace(tzinfo=None)),
        replace(one, start_at=one.start_at - shift, end_at=one.end_at + shift),
        replace(one, start_at=one.start_at + shift, end_at=one.end_at + shift),
        replace(one, volume_ml=-1.0, syringes=0),
    ]


@pytest.mark.parametrize("name", [one.id for one in ana().activities])
def test_an_activity_of_nonsense_is_refused_without_an_error(name: str) -> None:
    plan, course = anas_plan(), ana()
    for wrong in distorted(activity(plan, name)):
        activities = tuple(wrong if one.id == name else one for one in course.activities)
        broken = replace(plan, courses=(replace(course, activities=activities),))
        assert set(names(broken, ALONE)) - {"cost_as_stated"}


def test_a_course_without_a_plant_is_refused_without_an_error() -> None:
    plan = replace(anas_plan(), courses=(replace(ana(), plant=None),))
    assert {"complete_course", "departure"} <= set(names(plan, ALONE))
