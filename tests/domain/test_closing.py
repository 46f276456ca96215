"""Closures that belong together: a temporary holiday is like one of the list, half capacity is half of every room."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from scheduler.domain.calendars import Closure, Holiday
from scheduler.domain.closing import half_capacity, holiday
from scheduler.domain.course import Facts
from scheduler.domain.intervals import Interval
from tests.domain.world import FACTS, NORTH, PLANT, SOUTH, at, lane
from tests.planning.small import resourced

THURSDAY = date(2027, 2, 18)
DAY = Interval(at(THURSDAY, "00:00"), at(date(2027, 2, 19), "00:00"))


def closed(facts: Facts, *closures: Closure) -> Facts:
    return replace(facts, network=facts.network.with_closures(*closures))


def listed(facts: Facts, on: date) -> Facts:
    """The same facts with a day more in the list of holidays."""
    days = {**facts.network.holidays["kr"], on: Holiday(on, "Holiday")}
    return replace(facts, network=replace(facts.network, holidays={"kr": days}))


def test_a_temporary_holiday_closes_what_a_holiday_of_the_list_closes() -> None:
    declared, known = closed(FACTS, *holiday(FACTS, THURSDAY)), listed(FACTS, THURSDAY)
    for place in FACTS.network.places:
        for one in place.resources:
            for on in (date(2027, 2, 17), THURSDAY, date(2027, 2, 19)):
                shut, right = (each.network.calendar(place.code, one.kind).open_on(on) for each in (declared, known))
                assert shut == right, (place.code, one.kind, on)
    for each in FACTS.network.lanes:
        for on in (date(2027, 2, 17), THURSDAY, date(2027, 2, 19)):
            assert declared.network.departures_on(each, on) == known.network.departures_on(each, on)


def test_a_temporary_holiday_leaves_dock_benches_and_incubators_open() -> None:
    shut = {(one.where, one.resource) for one in holiday(FACTS, THURSDAY)}
    assert {kind for where, kind in shut if where == PLANT} == {"suite", "fill_crew"}
    assert {kind for where, kind in shut if where == NORTH} == {"harvest_room", "procedure_room", "pharmacy", "clinic"}
    assert {where for where, kind in shut if kind is None} == {one.code for one in FACTS.network.lanes}


def test_a_holiday_of_one_place_closes_that_place_and_what_leaves_from_it() -> None:
    shut = holiday(FACTS, THURSDAY, [NORTH], "election")
    assert {one.where for one in shut} == {NORTH, "north-in"}
    assert {one.reason for one in shut} == {"election"}


def test_a_run_of_the_evening_before_still_arrives_on_a_holiday() -> None:
    # It leaves at 20:00 and takes 5 h.
    declared = closed(FACTS, *holiday(FACTS, THURSDAY))
    late = declared.network.departures_on(declared.network.lane("south-out"), date(2027, 2, 17))[-1]
    assert (late.departs_at, late.arrives_at) == (at(date(2027, 2, 17), "20:00"), at(THURSDAY, "01:00"))


def test_a_lane_without_runs_that_day_is_not_closed() -> None:
    weekdays = replace(lane("north-in", NORTH, PLANT, 90), weekdays=(0,))
    facts = replace(FACTS, network=replace(FACTS.network, lanes=(weekdays,)))
    assert [one for one in holiday(facts, THURSDAY) if one.where == "north-in"] == []


def test_of_several_rooms_the_last_half_is_out_of_service() -> None:
    # Of five rooms two are, of one room none: that one is closed in the afternoon instead.
    facts = resourced(resourced(FACTS, NORTH, "procedure_room", units=5), NORTH, "clinic", units=2)
    afternoon = Interval(at(THURSDAY, "12:00"), DAY.end_at)
    assert half_capacity(facts, NORTH, DAY) == [
        Closure(NORTH, afternoon, "half capacity", "harvest_room"),
        Closure(NORTH, DAY, "half capacity", "procedure_room", "procedure_room-4"),
        Closure(NORTH, DAY, "half capacity", "procedure_room", "procedure_room-5"),
        Closure(NORTH, DAY, "half capacity", "clinic", "clinic-2"),
    ]


def test_the_only_room_is_closed_every_afternoon_of_the_stretch_and_no_longer() -> None:
    during = Interval(at(THURSDAY, "15:00"), at(date(2027, 2, 20), "13:00"))
    found = [one.during for one in half_capacity(FACTS, SOUTH, during) if one.resource == "clinic"]
    assert found == [
        Interval(at(THURSDAY, "15:00"), at(date(2027, 2, 19), "00:00")),
        Interval(at(date(2027, 2, 19), "12:00"), at(date(2027, 2, 20), "00:00")),
        Interval(at(date(2027, 2, 20), "12:00"), at(date(2027, 2, 20), "13:00")),
    ]


def test_only_rooms_of_visits_are_halved_and_only_at_a_place_there_is() -> None:
    assert {one.resource for one in half_capacity(FACTS, NORTH, DAY)} == {"harvest_room", "procedure_room", "clinic"}
    with pytest.raises(KeyError):
        half_capacity(FACTS, "MOON", DAY)
