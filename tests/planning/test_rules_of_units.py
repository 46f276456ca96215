"""What the rules on units are worth: ANA and BEN at North, registered on the same day, share a plant.

With enough of everything each costs 877 (`small.one_dose`), together 1754: both injected on Tue 9 Feb 2027.
"""

from __future__ import annotations

from dataclasses import replace

from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.domain.rules import violations
from tests.domain.world import PLANT
from tests.planning.small import TWO, laned, one_dose, planned, resourced, roomy, shows, worth


def both(kind: str, **changes: object) -> Facts:
    """ANA and BEN with one resource of the plant changed."""
    return resourced(roomy(one_dose(*TWO)), PLANT, kind, **changes)


def squeezed(plan: Plan, kind: str) -> Plan:
    """The same plan with every unit of a kind called the first one."""
    courses = (
        replace(
            course,
            activities=tuple(
                replace(one, units={**one.units, kind: f"{kind}-1"}) if kind in one.units else one
                for one in course.activities
            ),
        )
        for course in plan.courses
    )
    return replace(plan, courses=tuple(courses))


@shows("unit_capacity")
def test_with_one_incubator_the_second_culture_begins_when_the_first_one_ends() -> None:
    # ANA's culture ends with the fill on Mon 8 Feb. BEN's isolation may end that very moment: 26 days later is Sat 6
    # Mar, fill Mon 8 Mar, injection Tue 9 Mar, day 64: 1536 + 13 = 1549. 877 + 1549 = 2426. With two: 1754.
    narrow = both("incubator", units=1)
    alone, side_by_side = planned(narrow), planned(both("incubator", units=2))
    assert violations(alone, narrow) == []
    assert (alone.cost, side_by_side.cost) == ((0, 0, 2426), (0, 0, 1754))
    refused = violations(squeezed(side_by_side, "incubator"), narrow)
    assert {one.rule for one in refused} == {"unit_capacity"}


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
def test_with_one_place_in_the_cold_store_two_doses_wait_for_each_other() -> None:
    # Only the 06:00 run. Each dose is in the store from the end of its fill to its pack, 5 h later. For Tue the fluid
    # arrives at 12:00 and fills end between 14:30 and 18:30 (benches close at 24:00): two stays of 5 h do not fit one
    # after the other before 23:30. So one of them is a day later: 877 + 901 = 1778. Without the cold: 1754, and no
    # unit of the store, the shipper or the refrigerator is named.
    facts = laned(both("cold_store", units=1), "north-out", departures=(6 * 60,))
    ruled, free, broken = worth(facts, "cold_custody")
    assert (ruled, free) == ((0, 0, 1778), (0, 0, 1754))
    assert broken == {"cold_custody", "complete_course"}


def test_with_a_later_run_two_doses_share_one_place_in_the_cold_store_in_turn() -> None:
    # One is filled from 12:00 to 14:30, stored till 19:30, packed for 06:00: 17 h. The other is filled until 20:00,
    # stored till Tue 12:00 (release from 07:00), leaves at 13:00, receipt ends at 15:00: 19 h. 2 x 864 + 36 = 1764,
    # less than a day later for one of them.
    assert planned(both("cold_store", units=1)).cost == (0, 0, 1764)
