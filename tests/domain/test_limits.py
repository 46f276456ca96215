"""The protocol's limits: one rule each, elapsed time or local days, and which occurrences a limit binds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.domain.protocol import Limit
from scheduler.domain.rules import Violation, violations
from scheduler.domain.rules_context import Judged
from scheduler.domain.rules_time import limited_pairs
from tests.domain.treatment import ref
from tests.domain.world import (
    ALONE,
    ANA,
    PLANT,
    activity,
    ana,
    anas_plan,
    at,
    bent,
    expanded,
    first_culture,
    moved,
    one_dose,
    plan_of,
)


def found(plan: Plan, *without: str) -> list[Violation]:
    return violations(plan, ALONE, frozenset(without))


def test_marrow_hold_ends_after_a_day() -> None:
    # Harvest ends 20 January 09:30; isolation on the 21st at 09:30 is 24 h later, at 09:45 it is 24 h 15 min.
    def isolated(clock: str, until: str) -> Plan:
        day = date(2027, 1, 21)
        plan = bent(anas_plan(), ALONE, "ANA/isolation", start_at=at(day, clock), end_at=at(day, until))
        return bent(plan, ALONE, "ANA/culture", start_at=at(day, until))

    assert found(isolated("09:30", "13:00")) == []
    message = (
        "24 h 15 min from ANA/harvest end on Wed 2027-01-20 09:30 at NORTH (Asia/Seoul) to ANA/isolation start on "
        "Thu 2027-01-21 09:45 at PLANT (Asia/Seoul); at most 24 h allowed"
    )
    assert found(isolated("09:45", "13:15")) == [
        Violation("marrow_hold", "ANA", ("ANA/harvest", "ANA/isolation"), message)
    ]


def cultured(days: int) -> Plan:
    """ANA's plan with the harvest so many days before the first fill (28 in her plan)."""
    plan = anas_plan()
    for name in ("ANA/harvest", "ANA/marrow_transit", "ANA/isolation"):
        plan = moved(plan, ALONE, name, days=28 - days)
    return bent(plan, ALONE, "ANA/culture", start_at=activity(plan, "ANA/isolation").end_at)


def test_culture_days_are_counted_in_local_days_of_the_plant() -> None:
    # 30 days before Wed 17 February is Mon 18 January; 34 days before is Thu 14 January.
    assert found(cultured(30)) == []
    message = (
        "34 days from ANA/isolation end on Thu 2027-01-14 15:30 at PLANT (Asia/Seoul) to ANA/1/fill start on "
        "Wed 2027-02-17 12:30 at PLANT (Asia/Seoul); at most 30 days allowed"
    )
    expected = Violation("culture_days", "ANA", ("ANA/isolation", "ANA/1/fill"), message)
    assert found(cultured(34), "masked_interval") == [expected]
    assert [one.rule for one in found(cultured(23), "masked_interval")] == ["culture_days"]


def test_masked_interval_holds_from_harvest_to_injection() -> None:
    # The injection is the day after the fill, so 34 days of culture are 35 days from harvest to injection.
    one = found(cultured(34), "culture_days")[0]
    assert (one.rule, one.activities) == ("masked_interval", ("ANA/harvest", "ANA/1/injection"))
    assert one.message.startswith("35 days from ANA/harvest start")


def test_bank_available_from_the_fourteenth_day_of_the_culture() -> None:
    # Isolation ends 20 January: day 14 is 3 February. The culture still holds incubator-1, so the other one is used.
    def thawed(day: int) -> Plan:
        on = date(2027, 2, day)
        plan = bent(anas_plan(), ALONE, "ANA/2/thaw", start_at=at(on, "08:00"), end_at=at(on, "09:00"))
        units = {"incubator": "incubator-2"}
        return bent(plan, ALONE, "ANA/2/expansion", start_at=at(on, "09:00"), units=units)

    assert found(thawed(3), "expansion_days") == []
    one = found(thawed(2), "expansion_days")
    assert [(each.rule, each.activities) for each in one] == [("bank_available", ("ANA/isolation", "ANA/2/thaw"))]
    assert "; at least 14 days allowed" in one[0].message


def test_expansion_days_end_after_sixteen() -> None:
    # 16 days before Mon 15 March is Sat 27 February, 17 days before is Fri 26 February.
    def thawed(day: int) -> Plan:
        on = date(2027, 2, day)
        plan = bent(anas_plan(), ALONE, "ANA/2/thaw", start_at=at(on, "08:00"), end_at=at(on, "09:00"))
        return bent(plan, ALONE, "ANA/2/expansion", start_at=at(on, "09:00"))

    assert found(thawed(27)) == []
    one = found(thawed(26))
    assert [(each.rule, each.activities) for each in one] == [("expansion_days", ("ANA/2/thaw", "ANA/2/fill"))]


def tapped(clock: str, until: str, leaves: str, arrives: str) -> Plan:
    """ANA's first tap on Tue 16 February, two days before the injection."""
    day = date(2027, 2, 16)
    plan = bent(anas_plan(), ALONE, "ANA/1/csf_tap", start_at=at(day, clock), end_at=at(day, until))
    return bent(plan, ALONE, "ANA/1/csf_transit", start_at=at(day, leaves), end_at=at(day, arrives))


def test_tap_day_before_means_the_calendar_day_before() -> None:
    # Tapped until 16:00 on Tuesday, filled on Wednesday 12:30: 20.5 h, so only the day is wrong.
    message = (
        "2 days from ANA/1/csf_tap start on Tue 2027-02-16 15:00 at NORTH (Asia/Seoul) to ANA/1/injection start on "
        "Thu 2027-02-18 09:00 at NORTH (Asia/Seoul); at most 1 day allowed"
    )
    expected = Violation("tap_day_before", "ANA", ("ANA/1/csf_tap", "ANA/1/injection"), message)
    assert found(tapped("15:00", "16:00", "16:30", "18:00")) == [expected]


def test_csf_hold_ends_after_a_day() -> None:
    # From Tuesday 12:30 to Wednesday 12:30 is 24 h; from 12:15 it is 24 h 15 min.
    late = tapped("11:30", "12:30", "13:30", "15:00")
    assert found(late, "tap_day_before") == []
    early = bent(
        late, ALONE, "ANA/1/csf_tap", start_at=at(date(2027, 2, 16), "11:15"), end_at=at(date(2027, 2, 16), "12:15")
    )
    one = found(early, "tap_day_before")
    assert [(each.rule, each.activities) for each in one] == [("csf_hold", ("ANA/1/csf_tap", "ANA/1/fill"))]
    assert one[0].message.startswith("24 h 15 min from")


def test_shelf_life_runs_to_the_end_of_the_injection() -> None:
    # The first fill ends Wed 17 February 15:00: an injection until Fri 15:00 is given within 48 h, until 15:15 is not.
    def given(clock: str, until: str) -> Plan:
        day = date(2027, 2, 19)
        return bent(anas_plan(), ALONE, "ANA/1/injection", start_at=at(day, clock), end_at=at(day, until))

    assert found(given("14:00", "15:00"), "tap_day_before") == []
    message = (
        "48 h 15 min from ANA/1/fill end on Wed 2027-02-17 15:00 at PLANT (Asia/Seoul) to ANA/1/injection end on "
        "Fri 2027-02-19 15:15 at NORTH (Asia/Seoul); at most 48 h allowed"
    )
    assert found(given("14:15", "15:15"), "tap_day_before") == [
        Violation("shelf_life", "ANA", ("ANA/1/fill", "ANA/1/injection"), message)
    ]


def pairs(limit: Limit, base: Facts = ALONE, plan: Plan | None = None) -> list[tuple[str, str]]:
    judged = Judged.of(plan or anas_plan(), base)
    return [(first.id, last.id) for first, last in limited_pairs(limit, judged.courses[0])]


def test_a_limit_without_upper_bound_binds_every_dose_to_the_one_harvest() -> None:
    limit = Limit("bank", ref("isolation.end"), ref("fill.start"), at_least_days=14)
    assert pairs(limit) == [("ANA/isolation", f"ANA/{dose}/fill") for dose in (1, 2, 3)]


def test_a_limit_with_upper_bound_binds_the_dose_the_harvest_serves() -> None:
    limit = Limit("culture", ref("isolation.end"), ref("fill.start"), at_most_days=30)
    assert pairs(limit) == [("ANA/isolation", "ANA/1/fill")]


def test_a_limit_between_steps_of_a_dose_binds_each_dose_to_itself() -> None:
    limit = Limit("csf", ref("csf_tap.end"), ref("fill.start"), at_most_minutes=60)
    assert pairs(limit) == [(f"ANA/{dose}/csf_tap", f"ANA/{dose}/fill") for dose in (1, 2, 3)]


def test_a_limit_on_an_absent_step_binds_nothing() -> None:
    # Dose 1 comes from the culture, so it has no thaw.
    limit = Limit("expansion", ref("thaw.end"), ref("fill.start"), at_most_days=16)
    assert pairs(limit) == [(f"ANA/{dose}/thaw", f"ANA/{dose}/fill") for dose in (2, 3)]
    assert pairs(Limit("first", ref("thaw@1.end"), ref("fill@1.start"), at_most_days=16)) == []


def test_a_limit_between_named_doses_binds_these_two() -> None:
    limit = Limit("between", ref("injection@1.start"), ref("injection@3.start"), at_least_days=90)
    assert pairs(limit) == [("ANA/1/injection", "ANA/3/injection")]


def test_a_limit_from_one_named_dose_binds_every_other_dose_to_it() -> None:
    limit = Limit("since", ref("injection@1.start"), ref("injection.start"), at_least_days=20)
    assert pairs(limit) == [("ANA/1/injection", "ANA/2/injection"), ("ANA/1/injection", "ANA/3/injection")]
    assert pairs(Limit("since", ref("harvest@1.start"), ref("injection.start"), at_most_days=32)) == [
        ("ANA/harvest", "ANA/1/injection")
    ]
    assert pairs(Limit("since", ref("harvest@1.start"), ref("injection@2.start"), at_most_days=90)) == [
        ("ANA/harvest", "ANA/2/injection")
    ]


def harvest_per_dose() -> Facts:
    """Two doses of the small world, each from a harvest and a culture of its own, harvests 24 to 28 days apart."""
    protocol = ALONE.protocol
    steps = tuple(
        replace(one, after=("csf_transit", "culture")) if one.kind == "fill" else one for one in protocol.steps
    )
    kept = tuple(one for one in steps if one.kind not in ("thaw", "expansion"))
    limits = tuple(one for one in protocol.limits if one.name not in ("bank_available", "expansion_days"))
    between = Limit("harvest_interval", ref("harvest@1.start"), ref("harvest@2.start"), None, None, 24, 28)
    changed = replace(
        protocol, supply="harvest-per-dose", doses=protocol.doses[:2], steps=kept, limits=(*limits, between)
    )
    return replace(ALONE, protocol=changed)


def two_harvests(second_on: date) -> Plan:
    """ANA with a harvest on 20 January for dose 1, another for dose 2; their cultures overlap."""
    activities = []
    for dose, harvest_on, fill_on in ((1, date(2027, 1, 20), date(2027, 2, 17)), (2, second_on, date(2027, 3, 15))):
        steps = first_culture(ANA, harvest_on, dose, at(fill_on, "12:30"))
        activities += [replace(one, id=f"ANA/{dose}/{one.kind}", dose=dose) for one in steps]
        activities += one_dose(ANA, dose, fill_on, 1, "12:30")
    activities += [one for one in ana().activities if one.kind == "follow_up"]
    course = PlannedCourse("ANA", ANA.site, PLANT, ANA.registered_on, ANA.weight_kg, tuple(activities))
    return plan_of(harvest_per_dose(), course)


def test_a_harvest_for_each_dose_lets_two_cultures_of_one_patient_overlap() -> None:
    # 28 days before Mon 15 March is Mon 15 February, 26 days after the first harvest and 3 before the injection.
    plan = two_harvests(date(2027, 2, 15))
    assert violations(plan, harvest_per_dose()) == []
    first, second = activity(plan, "ANA/1/culture"), activity(plan, "ANA/2/culture")
    assert first.during.overlaps(second.during)


def test_harvest_interval_binds_the_two_harvests() -> None:
    # Wed 10 February is 21 days after 20 January; the culture of dose 2 then takes 33 days, which is judged elsewhere.
    found = violations(
        two_harvests(date(2027, 2, 10)), harvest_per_dose(), frozenset({"culture_days", "masked_interval"})
    )
    rules = [(one.rule, one.activities) for one in found]
    assert rules == [("harvest_interval", ("ANA/1/harvest", "ANA/2/harvest"))]


def test_a_bank_has_no_second_harvest_to_bind() -> None:
    limit = Limit("harvest_interval", ref("harvest@1.start"), ref("harvest@2.start"), at_least_days=24)
    assert pairs(limit) == []


def test_expanded_is_thawed_fourteen_days_before_the_fill() -> None:
    thaw = expanded(ANA, 2, 1, activity(anas_plan(), "ANA/2/fill"))[0]
    assert thaw == activity(anas_plan(), "ANA/2/thaw")
