"""Courier lanes: departures, planned transit, holidays and closures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from scheduler.domain.intervals import Interval
from scheduler.domain.logistics import CourierLane, Network
from tests.domain.world import FACTS, LANES, NETWORK, NORTH, PLANT, SOUTH, at, site, with_closure

LONG = NETWORK.lane("south-out")


@pytest.mark.parametrize(
    ("on", "minutes"),
    [
        # Seollal is 6-9 February 2027: 4 February is two days before, 11 February two days after; 300 x 2.1 = 630.
        (date(2027, 2, 3), 300),
        (date(2027, 2, 4), 630),
        (date(2027, 2, 8), 630),
        (date(2027, 2, 11), 630),
        (date(2027, 2, 12), 300),
    ],
)
def test_the_long_lane_takes_longer_around_seollal(on: date, minutes: int) -> None:
    assert NETWORK.transit_minutes(LONG, on) == minutes


def test_a_lane_without_factors_takes_the_same_around_seollal() -> None:
    assert NETWORK.transit_minutes(NETWORK.lane("north-out"), date(2027, 2, 5)) == 90


def test_planned_transit_is_rounded_up_to_a_quarter_of_an_hour() -> None:
    # 95 min become 105; 70 min x 2.1 = 147 become 150; 60 min stay 60.
    lane = replace(LONG, p99_minutes=95, factors=())
    assert NETWORK.transit_minutes(lane, date(2027, 2, 18)) == 105
    assert NETWORK.transit_minutes(replace(LONG, p99_minutes=70), date(2027, 2, 5)) == 150
    assert NETWORK.transit_minutes(replace(lane, p99_minutes=60), date(2027, 2, 18)) == 60


def test_departures_of_a_day_carry_their_planned_arrival() -> None:
    day = date(2027, 2, 18)
    runs = NETWORK.departures_on(NETWORK.lane("north-out"), day)
    assert [run.departs_at for run in runs] == [at(day, one) for one in ("06:00", "09:00", "13:00", "17:00", "20:00")]
    assert runs[0].arrives_at == at(day, "07:30")


def test_nothing_leaves_on_sundays_and_holidays() -> None:
    assert NETWORK.departures_on(LONG, date(2027, 2, 21)) == []
    assert NETWORK.departures_on(LONG, date(2027, 2, 8)) == []
    assert len(NETWORK.departures_on(replace(LONG, closes_on_holidays=False), date(2027, 2, 8))) == 5


def test_a_closed_lane_loses_the_runs_on_the_road() -> None:
    # Closed 07:00-12:00: the runs of 06:00 (on the road until 07:30) and 09:00 fall out.
    day = date(2027, 2, 18)
    shut = with_closure(FACTS, "north-out", at(day, "07:00"), at(day, "12:00")).network
    lane = shut.lane("north-out")
    assert [run.departs_at for run in shut.departures_on(lane, day)] == [
        at(day, one) for one in ("13:00", "17:00", "20:00")
    ]
    assert len(shut.departures_on(lane, day, ignore_closures=True)) == 5


def test_a_run_leaves_by_the_wall_clock_of_its_origin() -> None:
    # 06:00 in New York is 11:00 UTC on 12 March and 10:00 UTC on 15 March 2027, after the clocks changed.
    abroad = replace(site(NORTH), zone="America/New_York")
    lane = CourierLane("out", NORTH, SOUTH, 50, 90, tuple(range(5)), (360,), 1, 15, False)
    network = Network("abroad", (abroad, site(SOUTH)), (lane,), {"kr": {}})
    assert network.departures_on(lane, date(2027, 3, 12))[0].departs_at == datetime(2027, 3, 12, 11, tzinfo=UTC)
    assert network.departures_on(lane, date(2027, 3, 15))[0].departs_at == datetime(2027, 3, 15, 10, tzinfo=UTC)


def test_a_network_finds_its_places_and_lanes() -> None:
    assert [one.code for one in NETWORK.sites] == [NORTH, SOUTH]
    assert [one.code for one in NETWORK.plants] == [PLANT]
    assert NETWORK.lanes_between(PLANT, NORTH) == (LANES[1],)
    with pytest.raises(KeyError):
        NETWORK.lane("nowhere")
    with pytest.raises(KeyError):
        NETWORK.place("MOON")


def test_holidays_shut_rooms_but_not_refrigerators() -> None:
    holiday = date(2027, 2, 8)
    assert NETWORK.calendar(NORTH, "procedure_room").open_on(holiday) == []
    assert NETWORK.calendar(NORTH, "refrigerator").open_on(holiday) != []


def test_a_closure_of_one_resource_leaves_the_others_open() -> None:
    day = date(2027, 2, 18)
    shut = with_closure(FACTS, NORTH, at(day, "00:00"), at(day, "23:00"), "clinic").network
    assert shut.calendar(NORTH, "clinic").open_on(day) == []
    assert shut.calendar(NORTH, "procedure_room").open_on(day) != []


def test_a_unit_out_of_service_leaves_the_resource_open_until_every_unit_is() -> None:
    # North's pharmacy has two hatches and opens from 06:00 to 18:00. Both are out of service from 09:00 to 10:00.
    day = date(2027, 2, 18)
    one = with_closure(FACTS, NORTH, at(day, "08:00"), at(day, "10:00"), "pharmacy", "pharmacy-1")
    both = with_closure(one, NORTH, at(day, "09:00"), at(day, "12:00"), "pharmacy", "pharmacy-2").network
    whole, morning = Interval(at(day, "06:00"), at(day, "18:00")), Interval(at(day, "06:00"), at(day, "09:00"))
    assert one.network.calendar(NORTH, "pharmacy").open_on(day) == [whole]
    assert both.calendar(NORTH, "pharmacy").open_on(day) == [morning, Interval(at(day, "10:00"), at(day, "18:00"))]
    assert both.out_of_service == {
        (NORTH, "pharmacy", "pharmacy-1"): [Interval(at(day, "08:00"), at(day, "10:00"))],
        (NORTH, "pharmacy", "pharmacy-2"): [Interval(at(day, "09:00"), at(day, "12:00"))],
    }
