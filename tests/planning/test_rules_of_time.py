"""What the rules on hours, order and couriers are worth: each decides the optimum of a tiny program.

The cost of ANA alone, 877, is derived in `small.one_dose`; level 3 is 24 x days to dose 1 + whole hours in the cold.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from scheduler.domain.course import Facts
from scheduler.domain.protocol import Registration, Step, Use
from scheduler.domain.rules import violations
from tests.domain.world import ANA, NORTH, PLANT, WORKDAYS, at, hours, with_closure, with_hindrance
from tests.planning.small import (
    TWO,
    WED,
    found,
    laned,
    local,
    one_dose,
    planned,
    resourced,
    roomy,
    shows,
    weekly,
    with_limits,
    with_steps,
    worth,
)


def visits_only(*steps: Step) -> Facts:
    """A treatment of site visits alone, begun by the first of them at least 7 days after Mon 4 Jan 2027."""
    facts = with_limits(with_steps(one_dose(), *steps))
    begins = Registration(steps[0].kind, 7, 42)
    return replace(facts, protocol=replace(facts.protocol, cold_chain=None, registration=begins))


SCAN = Step("scan", "dose", "site", "site", 60, uses=(Use("clinic"),), attended=True)
INJECTION = Step("injection", "dose", "site", "site", 60, uses=(Use("procedure_room"),), attended=True)


@shows("registration")
def test_without_the_wait_after_registration_ana_is_harvested_on_the_day_she_registers() -> None:
    # Harvest from Mon 4 Jan: 26 days end on Sat 30 Jan, fill Mon 1 Feb, injection Tue 2 Feb, day 29: 696 + 13 = 709.
    assert worth(one_dose(), "registration") == ((0, 0, 877), (0, 0, 709), {"registration"})


@shows("opening_hours")
def test_without_opening_hours_ana_does_not_wait_for_the_day_the_room_opens() -> None:
    # Nothing but an injection, from day 7 on, Mon 11 Jan: 7 x 24 = 168. The room works on Wednesdays: day 9, 216.
    facts = resourced(visits_only(INJECTION), NORTH, "procedure_room", hours=hours((WED,), 8, 17))
    assert worth(facts, "opening_hours") == ((0, 0, 216), (0, 0, 168), {"opening_hours"})


@shows("closure")
def test_without_its_closure_the_fill_crew_works_two_days_earlier() -> None:
    # No fill crew on Mon 8 and Tue 9 Feb: fill Wed 10, injection Thu 11 Feb, day 38: 38 x 24 + 13 = 925.
    since, until = at(date(2027, 2, 8), "00:00"), at(date(2027, 2, 10), "00:00")
    facts = with_closure(one_dose(), PLANT, since, until, "fill_crew")
    assert worth(facts, "closure") == ((0, 0, 925), (0, 0, 877), {"closure"})


@shows("hindrance")
def test_without_her_hindrance_ana_is_injected_two_days_earlier() -> None:
    # ANA is away on Mon 8 and Tue 9 Feb: tap Wed 10, injection Thu 11 Feb, day 38: 38 x 24 + 13 = 925.
    since, until = at(date(2027, 2, 8), "00:00"), at(date(2027, 2, 10), "00:00")
    facts = with_hindrance(one_dose(), "ANA", since, until)
    assert worth(facts, "hindrance") == ((0, 0, 925), (0, 0, 877), {"hindrance"})


def test_cells_that_are_ready_late_are_filled_late_and_others_are_not() -> None:
    # No fill of ANA's before Wed 10 Feb: injection Thu 11 Feb, 925. BEN, beside her, stays at 877: 1802.
    late = with_hindrance(
        roomy(one_dose(*TWO)), "ANA", at(date(2027, 1, 1), "00:00"), at(date(2027, 2, 10), "00:00"), "fill"
    )
    plan = planned(late)
    assert (violations(plan, late), plan.cost) == ([], (0, 0, 1802))
    assert local(found(plan, "BEN/1/injection").start_at) == "Tue 02-09 08:00"


def test_a_patient_who_is_always_away_has_no_dose_and_is_told_why() -> None:
    away = with_hindrance(one_dose(), "ANA", at(date(2027, 1, 1), "00:00"), at(date(2028, 1, 1), "00:00"))
    (unplanned,) = planned(away).unplanned
    assert unplanned.reasons == ("what keeps ANA away leaves no time: a fever",)


@shows("sequence")
def test_without_the_order_of_steps_ana_is_injected_before_her_scan() -> None:
    # Scan Mon 11 Jan at 16:00, the only hour of the clinic; the room shuts at 17:00, so the injection is on day 8: 192.
    # Unordered it is on the morning of the scan, day 7: 168.
    facts = visits_only(SCAN, replace(INJECTION, after=("scan",)))
    facts = resourced(facts, NORTH, "clinic", hours=weekly(WORKDAYS, "16:00", "17:00"))
    assert worth(facts, "sequence") == ((0, 0, 192), (0, 0, 168), {"sequence"})


@shows("departure")
def test_another_departure_brings_the_dose_earlier() -> None:
    # A transit exists only as a run of its lane, so the rule cannot be left out; its worth is that of one run more.
    # With 09:00 as the first run the courier arrives at 10:30, receipt ends at 11:00: 18:30 to 11:00 counts 16: 880.
    late = laned(one_dose(), "north-out", departures=(9 * 60, 13 * 60))
    slow, fast = planned(late), planned(one_dose())
    assert violations(slow, late) == []
    assert (slow.cost, fast.cost) == ((0, 0, 880), (0, 0, 877))
    assert {one.rule for one in violations(fast, late)} == {"departure"}
    assert planned(late, "departure").cost == slow.cost


@shows("handover")
def test_without_the_hand_over_time_the_box_is_packed_later() -> None:
    # Handed over 7 h before 06:00: packed by 23:00, so filled by 17:30; 17:30 to 08:00 counts 14 instead of 13.
    facts = laned(one_dose(), "north-out", handover_minutes=7 * 60)
    assert worth(facts, "handover") == ((0, 0, 878), (0, 0, 877), {"handover"})


@shows("departure_places")
def test_with_one_place_a_run_the_second_patient_waits_for_the_next_run() -> None:
    # Both on Tue 9 Feb. One leaves at 06:00 (13 h); the other at 09:00, arrives 10:30, receipt 11:00: 18:30 to 11:00
    # counts 16. 2 x 864 + 13 + 16 = 1757; with places for both 2 x 877 = 1754.
    facts = laned(roomy(one_dose(*TWO)), "north-out", places=1)
    assert worth(facts, "departure_places") == ((0, 0, 1757), (0, 0, 1754), {"departure_places"})


@shows("arrival_open")
def test_without_a_door_to_open_the_courier_comes_at_night() -> None:
    # Runs at 13:00 and 22:00. At 22:00 it would be packed by 21:45, so filled by 16:15, and arrive at 23:30, pharmacy
    # shut. So it leaves on Tue at 13:00: receipt ends at 15:00, and the fill may end on Mon at 20:00 (release Tue 07:00
    # to 12:00): 19 h. At night: 16:15 to 08:00 counts 15.
    facts = laned(one_dose(), "north-out", departures=(13 * 60, 22 * 60))
    assert worth(facts, "arrival_open") == ((0, 0, 883), (0, 0, 879), {"arrival_open"})


def test_the_whole_course_of_ana_stands_at_the_hours_derived_by_hand() -> None:
    plan = planned(one_dose())
    starts = {one.id: local(one.start_at) for one in plan.courses[0].activities}
    assert plan.status == "optimal"
    assert starts["ANA/1/fill"] == "Mon 02-08 16:00"
    assert starts["ANA/1/release"] == "Mon 02-08 18:30"
    assert starts["ANA/1/transit"] == "Tue 02-09 06:00"
    assert starts["ANA/1/injection"] == "Tue 02-09 08:00"
    # The harvest is 26 to 30 days before the fill, from 7 days after Mon 4 Jan on: Mon 11 or Tue 12 Jan.
    assert found(plan, "ANA/harvest").start_at in (at(date(2027, 1, 11), "08:00"), at(date(2027, 1, 12), "08:00"))
    assert plan.courses[0].patient == ANA.id
