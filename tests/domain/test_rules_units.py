"""Rules on places of a departure, doors, units and the cold chain: obeyed, and bent once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan, Unplanned
from scheduler.domain.protocol import Use
from scheduler.domain.rules import Violation, violations
from tests.domain.judging import names, with_step, without_use
from tests.domain.treatment import PROTOCOL, ref
from tests.domain.world import (
    ALONE,
    ANA,
    CHARLIE,
    FACTS,
    NETWORK,
    NORTH,
    activity,
    ana,
    anas_plan,
    at,
    bent,
    facts,
    first_culture,
    moved,
    one_dose,
    plan_of,
    valid_plan,
    with_closure,
)


def shared_departure() -> tuple[Facts, Plan]:
    """CHARLIE's marrow leaves North on Mon 15 March 10:30, with ANA's second CSF; his doses 2 and 3 are unplanned."""
    filled_at = at(date(2027, 4, 12), "12:30")
    steps = first_culture(CHARLIE, date(2027, 3, 15), 2, filled_at) + one_dose(
        CHARLIE, 1, date(2027, 4, 12), 2, "12:30"
    )
    visit = activity(anas_plan(), "ANA/week-20/follow_up")
    # Injection on 13 April; week 20 is 140 days later, 31 August.
    start_at = at(date(2027, 8, 31), "10:00")
    steps.append(
        replace(visit, id="CHARLIE/week-20/follow_up", start_at=start_at, end_at=start_at + timedelta(hours=1))
    )
    course = replace(
        ana(),
        patient="CHARLIE",
        registered_on=CHARLIE.registered_on,
        weight_kg=CHARLIE.weight_kg,
        activities=tuple(steps),
    )
    base = facts(ANA, CHARLIE)
    unplanned = tuple(Unplanned("CHARLIE", dose, ("no weekday in the window",)) for dose in (2, 3))
    return base, plan_of(base, ana(), course, unplanned=unplanned)


def test_departure_places_are_counted_over_all_patients() -> None:
    base, plan = shared_departure()
    message = "2 shipments leave on lane north-in on Mon 2027-03-15 10:30 at NORTH (Asia/Seoul); places: 1"
    crowded = Violation("departure_places", "ANA", ("ANA/2/csf_transit", "CHARLIE/marrow_transit"), message)
    assert violations(plan, base) == [crowded]
    roomy = tuple(replace(one, places=2) for one in NETWORK.lanes)
    assert violations(plan, replace(base, network=replace(NETWORK, lanes=roomy))) == []


def test_arrival_open_wants_somebody_at_the_door() -> None:
    # The unit arrives 07:30 and is received 08:00; the pharmacy is shut until 07:30, then until 08:00.
    plan = moved(anas_plan(), ALONE, "ANA/1/receipt", minutes=30)
    day = date(2027, 2, 18)
    assert names(plan, with_closure(ALONE, NORTH, at(day, "06:00"), at(day, "07:30"), "pharmacy")) == []
    shut = with_closure(ALONE, NORTH, at(day, "06:00"), at(day, "08:00"), "pharmacy")
    message = "ANA/1/transit arrives on Thu 2027-02-18 07:30 at NORTH (Asia/Seoul), when pharmacy is shut"
    assert violations(plan, shut) == [Violation("arrival_open", "ANA", ("ANA/1/transit",), message)]


def test_unit_capacity_keeps_one_bench_for_one_dose() -> None:
    # On 17 June ANA's release runs 15:00-20:00, BEN's 18:00-23:00.
    plan = bent(valid_plan(), FACTS, "BEN/3/release", units={"qc_bench": "qc_bench-1"})
    message = (
        "qc_bench-1 at PLANT is taken by BEN/3/release on Thu 2027-06-17 18:00 at PLANT (Asia/Seoul) "
        "but holds ANA/3/release until Thu 2027-06-17 20:00 at PLANT (Asia/Seoul)"
    )
    assert violations(plan, FACTS) == [Violation("unit_capacity", "BEN", ("BEN/3/release", "ANA/3/release"), message)]


def test_unit_capacity_counts_a_unit_held_from_one_edge_to_another() -> None:
    # On 17 June ANA's third dose waits in the cold store 15:00-20:00, BEN's 18:00-23:00.
    rooms = dict(activity(valid_plan(), "BEN/3/fill").units) | {"cold_store": "cold_store-1"}
    found = violations(bent(valid_plan(), FACTS, "BEN/3/fill", units=rooms), FACTS)
    assert [(one.rule, one.activities) for one in found] == [("unit_capacity", ("BEN/3/fill", "ANA/3/fill"))]


def test_unit_capacity_refuses_a_unit_given_back_before_it_is_taken() -> None:
    backwards = Use("cold_store", from_ref=ref("pack.start"))
    fill = PROTOCOL.step("fill")
    base = with_step(ALONE, replace(fill, uses=(*fill.uses[:2], backwards)))
    found = violations(anas_plan(), base, frozenset({"cold_custody"}))
    assert {one.rule for one in found} == {"unit_capacity"}
    # The fill ends 15:00 but the pack, from which the store would be held, starts 20:00.
    assert found[0].message == (
        "ANA/1/fill gives its cold_store back on Wed 2027-02-17 15:00 at PLANT (Asia/Seoul) "
        "but takes it on Wed 2027-02-17 20:00 at PLANT (Asia/Seoul)"
    )


def test_line_clearance_takes_an_hour_between_two_patients() -> None:
    # ANA's third fill leaves suite-1 at 15:00; BEN's third fill starts 15:30.
    rooms = dict(activity(valid_plan(), "BEN/3/fill").units) | {"suite": "suite-1"}
    plan = bent(valid_plan(), FACTS, "BEN/3/fill", units=rooms)
    message = (
        "suite-1 at PLANT is taken by BEN/3/fill on Thu 2027-06-17 15:30 at PLANT (Asia/Seoul), 30 min after "
        "ANA/3/fill (until Thu 2027-06-17 15:00 at PLANT (Asia/Seoul)); 1 h are due"
    )
    assert violations(plan, FACTS) == [Violation("line_clearance", "BEN", ("BEN/3/fill", "ANA/3/fill"), message)]


def test_turnaround_keeps_a_shipper_away_for_a_day() -> None:
    # shipper-1 comes back with ANA's second dose on 16 March 08:00; BEN's second dose is packed that day at 23:00.
    units = {"dispatch_bench": "dispatch_bench-2", "shipper": "shipper-1"}
    plan = bent(valid_plan(), FACTS, "BEN/2/pack", units=units)
    message = (
        "shipper-1 at PLANT is taken by BEN/2/pack on Tue 2027-03-16 23:00 at PLANT (Asia/Seoul), 15 h after "
        "ANA/2/pack (until Tue 2027-03-16 08:00 at PLANT (Asia/Seoul)); 24 h are due"
    )
    assert violations(plan, FACTS) == [Violation("turnaround", "BEN", ("BEN/2/pack", "ANA/2/pack"), message)]


def with_shipper_hours(base: Facts, minutes: int) -> Facts:
    places = tuple(
        replace(
            place,
            resources=tuple(
                replace(one, max_hold_minutes=minutes) if one.kind == "shipper" else one for one in place.resources
            ),
        )
        for place in base.network.places
    )
    return replace(base, network=replace(base.network, places=places))


def test_qualified_hours_end_before_the_shipper_warms_up() -> None:
    # Packed 20:00, received until 08:00: 12 h in the shipper, 12 h 15 min when the receipt is a quarter later.
    base = with_shipper_hours(ALONE, 12 * 60)
    assert names(anas_plan(), base) == []
    plan = moved(anas_plan(), ALONE, "ANA/1/receipt", minutes=15)
    message = (
        "shipper-1 at PLANT holds ANA/1/pack for 12 h 15 min, until Thu 2027-02-18 08:15 at PLANT (Asia/Seoul); "
        "it is qualified for 12 h"
    )
    assert violations(plan, base) == [Violation("qualified_hours", "ANA", ("ANA/1/pack",), message)]


def test_cold_custody_has_no_gap() -> None:
    # Without a refrigerator a dose is out from 08:00, the end of its receipt: 60 min before the injection at 09:00 is
    # what the cold chain allows, 75 min before 09:15 is not.
    base = without_use(ALONE, "receipt", "refrigerator")
    plan = anas_plan()
    for dose in (1, 2, 3):
        plan = bent(plan, base, f"ANA/{dose}/receipt", units={"pharmacy": "pharmacy-1"})
    assert names(plan, base) == []
    late = moved(plan, base, "ANA/1/injection", minutes=15)
    message = (
        "dose 1 of ANA is nowhere cold from Thu 2027-02-18 08:00 at PLANT (Asia/Seoul) "
        "to Thu 2027-02-18 08:15 at PLANT (Asia/Seoul)"
    )
    assert violations(late, base) == [Violation("cold_custody", "ANA", ("ANA/1/fill", "ANA/1/injection"), message)]
