"""What the rules on units are worth: ANA and BEN at North, registered on the same day, share a plant.

With enough of everything each costs 877 (`small.one_dose`), together 1754: both injected on Tue 9 Feb 2027.
"""

from __future__ import annotations

from datetime import date

from scheduler.domain.course import Facts
from scheduler.domain.protocol import StartHours, Use
from scheduler.domain.rules import violations
from scheduler.planning.planner import first_come_first_served_plan
from tests.domain.world import NORTH, PLANT, WORKDAYS, at, with_closure
from tests.planning.small import TWO, found, laned, one_dose, planned, resourced, roomy, shows, stepped, weekly, worth


def both(kind: str, **changes: object) -> Facts:
    """ANA and BEN with one resource of the plant changed."""
    return resourced(roomy(one_dose(*TWO)), PLANT, kind, **changes)


@shows("unit_capacity")
def test_with_one_incubator_the_second_culture_begins_when_the_first_one_ends() -> None:
    # ANA's culture ends with the fill on Mon 8 Feb. BEN's isolation may end that very moment: 26 days later is Sat 6
    # Mar, fill Mon 8 Mar, injection Tue 9 Mar, day 64: 1536 + 13 = 1549. 877 + 1549 = 2426. With room for two: 1754.
    assert worth(both("incubator", units=1), "unit_capacity") == ((0, 0, 2426), (0, 0, 1754), {"unit_capacity"})


@shows("line_clearance")
def test_without_line_clearance_the_only_suite_goes_from_one_patient_to_the_next() -> None:
    # One fill 16:00 to 18:30 (13 h), the other before it. Cleared for 60 min it ends at 15:00: 17 h to 08:00; else at
    # 16:00: 16 h. 2 x 864 + 13 + 17 = 1758 and 1757.
    assert worth(both("suite", units=1), "line_clearance") == ((0, 0, 1758), (0, 0, 1757), {"line_clearance"})


@shows("turnaround")
def test_without_turnaround_the_only_shipper_leaves_again_on_the_day_it_arrives() -> None:
    # The shipper is back from receipt on Tue 9 Feb at 08:00. Away for 24 h it is packed on Wed at 08:00, leaves at
    # 09:00, receipt ends at 11:00; the fill ended on Tue at 19:00, as release ends at 24:00: 16 h. 877 + 37 x 24 + 16 =
    # 1781. At once it is packed on Tue at 08:00: the same hours a day earlier, 1757.
    assert worth(both("shipper", units=1), "turnaround") == ((0, 0, 1781), (0, 0, 1757), {"turnaround"})


@shows("qualified_hours")
def test_a_shipper_that_is_cold_for_eight_hours_is_packed_in_the_morning() -> None:
    # Packed on Mon at 23:30, received on Tue at 08:00: 8.5 h. In 8 h: packed from 06:00 on, with the 09:00 run, receipt
    # ends at 11:00; the fill may end at 19:00 (release until 24:00): 16 h. 864 + 16 = 880.
    facts = resourced(one_dose(), PLANT, "shipper", max_hold_minutes=8 * 60)
    assert worth(facts, "qualified_hours") == ((0, 0, 880), (0, 0, 877), {"qualified_hours"})


@shows("cold_custody")
def test_without_a_refrigerator_the_dose_comes_with_a_run_that_meets_the_injection() -> None:
    # North has no refrigerator, injects from 10:00 on, and its pharmacy is shut from 08:30 to 10:30. From the 06:00 run
    # receipt ends by 08:30, 90 min before the injection, 60 are allowed. From the 09:00 run it ends at 11:00: the fill
    # may end at 19:00 (release until 24:00): 16 h, 880. Anyhow: 18:30 to 10:00 counts 15, 879.
    facts = stepped(one_dose(), "receipt", uses=(Use("pharmacy"),))
    facts = stepped(facts, "injection", starts=(StartHours(WORKDAYS, 10 * 60, 17 * 60),))
    morning, day = weekly(WORKDAYS, "06:00", "08:30"), weekly(WORKDAYS, "10:30", "18:00")
    facts = resourced(facts, NORTH, "pharmacy", hours=(*morning, *day))
    assert worth(facts, "cold_custody") == ((0, 0, 880), (0, 0, 879), {"cold_custody"})


def test_with_one_of_two_suites_out_of_service_the_second_fill_waits_for_the_first() -> None:
    # As with the only suite, cleared for 60 min: 1758. Nobody is in suite-1 meanwhile.
    since, until = at(date(2027, 2, 8), "00:00"), at(date(2027, 2, 10), "00:00")
    facts = with_closure(both("suite"), PLANT, since, until, "suite", "suite-1")
    plan = planned(facts)
    assert (violations(plan, facts), plan.cost) == ([], (0, 0, 1758))
    assert {found(plan, f"{name}/1/fill").units["suite"] for name in ("ANA", "BEN")} == {"suite-2"}


def test_room_by_count_that_no_unit_has_costs_a_dose_and_says_so() -> None:
    # Cultures last from mid-January to 8 February and there are two incubators. From 20 to 25 January the first is
    # out of service, from 25 to 30 January the second: there is always room for one, yet no unit is there throughout.
    days = [at(date(2027, 1, day), "00:00") for day in (20, 25, 30)]
    facts = one_dose()
    for unit, since, until in (("incubator-1", days[0], days[1]), ("incubator-2", days[1], days[2])):
        facts = with_closure(facts, PLANT, since, until, "incubator", unit)
    plan = first_come_first_served_plan(facts)
    assert violations(plan, facts) == []
    assert [one.reasons for one in plan.unplanned] == [
        ("no incubator at PLANT is free and in service all the time it takes",)
    ]


def test_with_only_the_first_run_one_place_in_the_cold_store_is_not_enough_for_two_doses_a_day() -> None:
    # Each dose is in the store from the end of its fill to its pack, 5 h later. Fluid arrives at 12:00 and fills end
    # between 14:30 and 18:30 (benches close at 24:00): two stays of 5 h do not fit one after the other before 23:30. So
    # one of the doses is a day later: 877 + 901 = 1778.
    facts = laned(both("cold_store", units=1), "north-out", departures=(6 * 60,))
    assert planned(facts).cost == (0, 0, 1778)


def test_with_a_later_run_two_doses_share_one_place_in_the_cold_store_in_turn() -> None:
    # One is filled from 12:00 to 14:30, stored till 19:30, packed for 06:00: 17 h. The other is filled until 20:00,
    # stored till Tue 12:00 (release from 07:00), leaves at 13:00, receipt ends at 15:00: 19 h. 2 x 864 + 36 = 1764,
    # less than a day later for one of them.
    assert planned(both("cold_store", units=1)).cost == (0, 0, 1764)
