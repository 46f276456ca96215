"""Reasons of a change: what the plant reads, and the one word a blinded reader may learn."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from scheduler.domain.calendars import Closure
from scheduler.domain.diff_reasons import Reason, closure_reason, closure_reasons, unplanned_reasons
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import Unplanned
from tests.domain.world import ALONE, NETWORK, NORTH, PLANT, anas_plan, at, with_closure


def shut(where: str, since: datetime, until: datetime, resource: str | None = None) -> Reason:
    return closure_reason(Closure(where, Interval(since, until), "pipes burst", resource), NETWORK)


MON, THU = at(date(2027, 3, 1), "00:00"), at(date(2027, 3, 4), "00:00")


def test_a_closed_plant_resource_is_supply_and_says_its_last_day() -> None:
    # Closed until midnight of Thursday: Wednesday is the last day.
    assert shut(PLANT, MON, THU, "fill_crew") == Reason("closure at PLANT fill crew, Mon 1 - Wed 3 Mar", "supply")


def test_a_closed_site_is_site_and_a_closed_lane_is_logistics() -> None:
    noon = at(date(2027, 3, 1), "12:00")
    assert shut(NORTH, MON, noon) == Reason("closure at NORTH, Mon 1 Mar", "site")
    assert shut("north-out", MON, THU) == Reason("closure of courier lane north-out, Mon 1 - Wed 3 Mar", "logistics")


def test_a_unit_out_of_service_is_named_and_concerns_what_uses_it() -> None:
    # ANA's second dose is filled in suite-1 on Mon 15 Mar.
    day = date(2027, 3, 15)
    base = with_closure(ALONE, PLANT, at(day, "00:00"), at(day, "23:00"), "suite", "suite-1")
    found = closure_reasons(anas_plan(), base.network)
    assert found == {"ANA/2": Reason("closure at PLANT suite-1, Mon 15 Mar", "supply")}
    other = with_closure(ALONE, PLANT, at(day, "00:00"), at(day, "23:00"), "suite", "suite-2")
    assert closure_reasons(anas_plan(), other.network) == {}


def test_a_closure_over_the_end_of_a_month_names_both() -> None:
    until = at(date(2027, 4, 3), "00:00")
    assert shut(NORTH, at(date(2027, 3, 29), "08:00"), until).text == "closure at NORTH, Mon 29 Mar - Fri 2 Apr"


def test_a_closure_of_nothing_known_is_refused() -> None:
    with pytest.raises(ValueError, match="'MOON'"):
        shut("MOON", MON, THU)


def test_closures_give_reasons_to_the_doses_that_run_into_them() -> None:
    # ANA's fill of dose 2 is on Mon 15 March 12:30 in suite-1; nothing else of her uses a suite that day.
    day = date(2027, 3, 15)
    base = with_closure(ALONE, PLANT, at(day, "00:00"), at(day, "23:00"), "suite")
    found = closure_reasons(anas_plan(), base.network)
    assert found == {"ANA/2": Reason("closure at PLANT suite, Mon 15 Mar", "supply")}


def test_a_closure_that_touches_no_activity_is_nobodys_reason() -> None:
    # The tap of dose 2 ends at 10:00; half-open stretches that touch do not overlap.
    day = date(2027, 3, 15)
    base = with_closure(ALONE, NORTH, at(day, "10:00"), at(day, "10:15"), "procedure_room")
    assert closure_reasons(anas_plan(), base.network) == {}


def test_a_closed_harvest_room_is_a_reason_for_the_whole_course() -> None:
    day = date(2027, 1, 20)
    base = with_closure(ALONE, NORTH, at(day, "07:00"), at(day, "12:00"), "harvest_room")
    assert closure_reasons(anas_plan(), base.network) == {
        "ANA": Reason("closure at NORTH harvest room, Wed 20 Jan", "site")
    }


def test_a_closed_lane_is_a_reason_for_what_would_travel_on_it() -> None:
    # Dose 3 leaves on the 06:00 run of Fri 18 June.
    day = date(2027, 6, 18)
    base = with_closure(ALONE, "north-out", at(day, "05:00"), at(day, "07:00"))
    assert closure_reasons(anas_plan(), base.network) == {
        "ANA/3": Reason("closure of courier lane north-out, Fri 18 Jun", "logistics")
    }


def test_the_first_of_two_closures_is_the_reason() -> None:
    day = date(2027, 3, 15)
    first = with_closure(ALONE, PLANT, at(day, "00:00"), at(day, "23:00"), "suite")
    both = with_closure(first, PLANT, at(day, "00:00"), at(day, "23:00"), "fill_crew")
    assert closure_reasons(anas_plan(), both.network)["ANA/2"].text == "closure at PLANT suite, Mon 15 Mar"


def test_an_unplanned_dose_has_the_plans_own_words_and_no_neutral_one() -> None:
    unplanned = (Unplanned("ANA", 3, ("closed", "no crew")), Unplanned("ANA", None, ("no clinic",)))
    assert unplanned_reasons(replace(anas_plan(), unplanned=unplanned)) == {"ANA/3": Reason("closed; no crew", None)}
