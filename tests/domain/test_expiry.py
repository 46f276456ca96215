"""The expiry clock in the small world: rooms are open from 08:00 to 17:00, the pharmacy from 06:00 to 18:00.

Couriers to North leave at 06:00, 09:00, 13:00, 17:00 and 20:00 and take 90 minutes, handed over 15 minutes before; the
receipt takes 30 minutes and the injection 60.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.calendars import Closure
from scheduler.domain.expiry import Way, earliest_injection, last_times, latest_injection, next_departure
from scheduler.domain.intervals import Interval
from tests.domain.world import NORTH, PLANT, at
from tests.domain.world import facts as world_facts

WEDNESDAY, THURSDAY, FRIDAY, SATURDAY = (date(2027, 2, day) for day in (17, 18, 19, 20))
FILLED_AT = at(WEDNESDAY, "16:00")
EXPIRES_AT = at(FRIDAY, "16:00")  # 48 hours after the fill
MINUTE = timedelta(minutes=1)


def way(*closures: Closure, expires_at: datetime = EXPIRES_AT, only_on: date | None = None) -> Way:
    facts = world_facts()
    facts = replace(facts, network=facts.network.with_closures(*closures))
    return Way(facts, NORTH, facts.network.lanes_between(PLANT, NORTH), expires_at, lambda on: only_on in (None, on))


def test_the_injection_must_end_before_the_shelf_life_does() -> None:
    # Friday 16:00 less an hour.
    assert latest_injection(way(), FILLED_AT) == at(FRIDAY, "15:00")


def test_the_last_departure_leaves_just_enough_for_receipt_and_injection() -> None:
    # 13:00 + 1:30 + 0:30 = 15:00, the last start. One minute less and it is that of 09:00.
    found = last_times(way(), FILLED_AT)
    assert (found.departure_at, found.hand_over_at) == (at(FRIDAY, "13:00"), at(FRIDAY, "12:45"))
    assert last_times(way(expires_at=EXPIRES_AT - MINUTE), FILLED_AT).departure_at == at(FRIDAY, "09:00")


def test_the_next_departure_is_one_that_can_be_reached_and_is_taken_in() -> None:
    # Wednesday 17:00 and 20:00 arrive when the pharmacy is shut; Thursday 06:00 arrives at 07:30.
    found = next_departure(way(), FILLED_AT)
    assert found is not None
    assert (found.departs_at, found.arrives_at) == (at(THURSDAY, "06:00"), at(THURSDAY, "07:30"))
    late = next_departure(way(), at(THURSDAY, "05:45") + MINUTE)
    assert late is not None
    assert late.departs_at == at(THURSDAY, "09:00")
    assert next_departure(way(), at(FRIDAY, "12:45") + MINUTE) is None


@pytest.mark.parametrize(
    ("arrives", "begins"),
    [
        ("07:30", "08:00"),  # received by 08:00, when the room opens
        ("07:10", "08:00"),  # received by 07:40, the room opens at 08:00
        ("10:00", "10:30"),
        ("14:30", "15:00"),
    ],
)
def test_a_dose_is_given_once_it_was_received_and_the_room_is_open(arrives: str, begins: str) -> None:
    assert earliest_injection(way(), at(FRIDAY, arrives)) == at(FRIDAY, begins)


def test_what_arrives_too_late_is_not_given() -> None:
    assert earliest_injection(way(), at(FRIDAY, "14:30") + MINUTE) is None
    # Thursday evening: the next morning, which is in time.
    assert earliest_injection(way(), at(THURSDAY, "17:00")) == at(FRIDAY, "08:00")


def test_a_closed_room_brings_every_last_moment_forward() -> None:
    shut = Closure(NORTH, Interval(at(FRIDAY, "14:00"), at(FRIDAY, "18:00")), "pipes burst", "procedure_room")
    found = last_times(way(shut), FILLED_AT)
    # The injection ends by 14:00; 09:00 + 1:30 + 0:30 = 11:00 is in time, 15:00 is not.
    assert (found.injection_at, found.departure_at) == (at(FRIDAY, "13:00"), at(FRIDAY, "09:00"))


def test_nobody_is_treated_at_the_weekend() -> None:
    assert latest_injection(way(expires_at=at(SATURDAY, "16:00")), FILLED_AT) == at(FRIDAY, "16:00")


def test_the_window_of_the_dose_counts() -> None:
    assert latest_injection(way(only_on=THURSDAY), FILLED_AT) == at(THURSDAY, "16:00")
    assert earliest_injection(way(only_on=THURSDAY), at(THURSDAY, "17:00")) is None


TICK = timedelta(minutes=5)


def by_ticks(one: Way, place: str, resource: str, lasts: int, since: datetime) -> datetime | None:
    """The first five minutes from which a resource is open for so long, looked for one after the other."""
    calendar = one.facts.network.calendar(place, resource)
    while since <= one.expires_at:
        if calendar.is_open(Interval(since, since + timedelta(minutes=lasts))):
            return since
        since += TICK
    return None


def injection_by_ticks(one: Way, arrives_at: datetime) -> datetime | None:
    received = by_ticks(one, NORTH, "pharmacy", 30, arrives_at)
    given = None if received is None else by_ticks(one, NORTH, "procedure_room", 60, received + timedelta(minutes=30))
    return given if given is not None and given + timedelta(minutes=60) <= one.expires_at else None


@given(
    lives=st.integers(1, 12 * 80),
    arrives=st.integers(0, 12 * 72),
    shuts=st.integers(0, 12 * 72),
    shut_for=st.integers(1, 12 * 10),
    resource=st.sampled_from(["pharmacy", "procedure_room"]),
)
def test_every_moment_is_that_of_a_search_in_steps_of_five_minutes(
    lives: int, arrives: int, shuts: int, shut_for: int, resource: str
) -> None:
    during = Interval(FILLED_AT + shuts * TICK, FILLED_AT + (shuts + shut_for) * TICK)
    one = way(Closure(NORTH, during, "pipes burst", resource), expires_at=FILLED_AT + lives * TICK)
    assert earliest_injection(one, FILLED_AT + arrives * TICK) == injection_by_ticks(one, FILLED_AT + arrives * TICK)
    pharmacy = one.facts.network.calendar(NORTH, "pharmacy")
    runs = [
        run.departs_at
        for lane in one.lanes
        for day in range(6)
        for run in one.facts.network.departures_on(lane, WEDNESDAY + timedelta(days=day))
        if run.departs_at >= FILLED_AT
        and pharmacy.is_open(Interval(run.arrives_at, run.arrives_at + TICK))
        and injection_by_ticks(one, run.arrives_at) is not None
    ]
    assert last_times(one, FILLED_AT).departure_at == max(runs, default=None)


def test_when_it_is_too_late_there_is_no_last_moment() -> None:
    found = last_times(way(), at(FRIDAY, "15:00") + MINUTE)
    assert (found.injection_at, found.departure_at, found.hand_over_at) == (None, None, None)


def test_the_shelf_life_is_that_of_the_protocol() -> None:
    protocol = world_facts().protocol
    limits = tuple(
        replace(one, to_ref=one.to_ref._replace(edge="start")) if one.name == "shelf_life" else one
        for one in protocol.limits
    )
    bent = replace(way(), facts=replace(world_facts(), protocol=replace(protocol, limits=limits)))
    # It ends with the start of the injection then, and the room is open until 17:00.
    assert latest_injection(bent, FILLED_AT) == at(FRIDAY, "16:00")
