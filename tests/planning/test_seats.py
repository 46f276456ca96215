"""Seats: a unit wherever the count leaves one, nobody's times changed, nothing that has begun moved."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.planning.seats import Need, NoSeat, Seating, Seats, Stay, Swap, Unit

NORTH, ROOM = "NORTH", "room"
TRIED = settings(max_examples=300, derandomize=True, deadline=None)


def rooms(count: int) -> tuple[str, ...]:
    return tuple(f"room-{number + 1}" for number in range(count))


def room(number: int) -> Unit:
    return (NORTH, ROOM, f"room-{number}")


def seats_of(count: int, stays: Iterable[tuple[int, int, int]] = ()) -> Seats:
    """So many rooms at North; stays as (room, begins, ends), keyed 1, 2, 3 and so on."""
    seats = Seats({(NORTH, ROOM): rooms(count)})
    for key, (number, begins, ends) in enumerate(stays, start=1):
        seats.put(room(number), Stay(begins, ends, key))
    return seats


def need(begins: int, ends: int, prefers: str | None = None) -> Need:
    return Need(NORTH, ROOM, "ANA/1/injection", ROOM, begins, ends, prefers)


def test_the_first_free_unit_is_given() -> None:
    seats = seats_of(3, [(1, 0, 10), (2, 12, 20)])
    assert seats.seat([need(5, 12)]) == Seating((room(2),), ())


def test_a_unit_is_free_at_the_second_at_which_a_stay_ends() -> None:
    seats = seats_of(1, [(1, 0, 10), (1, 20, 30)])
    assert seats.seat([need(10, 20)]).units == (room(1),)
    with pytest.raises(NoSeat):
        seats.seat([need(9, 20)])
    with pytest.raises(NoSeat):
        seats.seat([need(10, 21)])


def test_the_preferred_unit_is_given_when_it_is_free() -> None:
    assert seats_of(3).seat([need(0, 10, "room-3")]).units == (room(3),)


def test_another_unit_is_given_when_the_preferred_one_is_taken() -> None:
    assert seats_of(2, [(2, 5, 6)]).seat([need(0, 10, "room-2")]) == Seating((room(1),), ())


def test_two_units_swap_what_comes_later_where_none_is_free_throughout() -> None:
    # Room 1 is taken in [10, 20), room 2 in [0, 10): for [0, 20) neither is free, but one of them always is.
    # Room 1 is free first, until 10; from then on it takes over from room 2, whose stay of [10, 20) it hands on.
    seats = seats_of(2, [(2, 0, 10), (1, 10, 20)])
    assert seats.seat([need(0, 20)]) == Seating((room(1),), (Swap(2, room(1), room(2)),))


def test_no_seat_names_what_is_wanted_where_and_by_whom() -> None:
    with pytest.raises(NoSeat, match="NORTH has no room left for ANA/1/injection") as raised:
        seats_of(1, [(1, 0, 10)]).seat([need(9, 11)])
    assert raised.value.need == need(9, 11)


def test_a_unit_of_another_place_is_no_help() -> None:
    seats = Seats({(NORTH, ROOM): rooms(1), ("SOUTH", ROOM): rooms(1)})
    seats.put(room(1), Stay(0, 10, 1))
    with pytest.raises(NoSeat):
        seats.seat([need(0, 10)])


def test_stays_that_are_to_go_do_not_stand_in_the_way() -> None:
    seats = seats_of(1, [(1, 0, 10), (1, 10, 20)])
    assert seats.seat([need(0, 10)], without=frozenset({1})).units == (room(1),)
    with pytest.raises(NoSeat):
        seats.seat([need(0, 11)], without=frozenset({1}))


def test_a_use_without_length_has_a_name_and_takes_nothing() -> None:
    seats = seats_of(1, [(1, 0, 10)])
    found = seats.seat([need(5, 5), need(5, 5, "room-1"), need(10, 20), need(15, 15, "room-9")])
    assert found == Seating((room(1),) * 4, ())


def test_what_is_dropped_is_free_and_says_where_it_was() -> None:
    seats = seats_of(2, [(2, 0, 10)])
    assert seats.at(1) == (room(2), Stay(0, 10, 1))
    assert seats.drop(1) == (room(2), Stay(0, 10, 1))
    assert 1 not in seats
    assert seats.of(room(2)) == []
    with pytest.raises(KeyError):
        seats.drop(1)


# --- out of service ---------------------------------------------------------------------------------------------------


def seats_without(count: int, out: Iterable[tuple[int, int, int]], stays: Iterable[tuple[int, int, int]] = ()) -> Seats:
    """So many rooms at North, some of them out of service; stays as in `seats_of`."""
    stretches: dict[Unit, list[tuple[int, int]]] = {}
    for number, begins, ends in sorted(out):
        stretches.setdefault(room(number), []).append((begins, ends))
    seats = Seats({(NORTH, ROOM): rooms(count)}, stretches)
    for key, (number, begins, ends) in enumerate(stays, start=1):
        seats.put(room(number), Stay(begins, ends, key))
    return seats


def test_a_unit_out_of_service_is_not_given_and_is_up_to_the_second() -> None:
    seats = seats_without(2, [(1, 10, 20)])
    assert seats.seat([need(15, 16, "room-1")]).units == (room(2),)
    assert seats.seat([need(0, 10), need(20, 30)]).units == (room(1), room(1))
    with pytest.raises(NoSeat):
        seats_without(1, [(1, 10, 20)]).seat([need(9, 11)])


def test_what_was_there_before_stays_in_a_unit_that_goes_out_of_service() -> None:
    seats = seats_without(2, [(1, 10, 20)], [(1, 5, 15), (2, 0, 30)])
    with pytest.raises(NoSeat):
        seats.seat([need(15, 16, "room-1")])
    assert seats.seat([need(5, 15, "room-1")], without=frozenset({1})).units == (room(1),)
    with pytest.raises(NoSeat):
        seats.seat([need(5, 16, "room-1")], without=frozenset({1}))


def test_what_was_there_before_goes_to_a_unit_in_service_where_one_is_free() -> None:
    seats = seats_without(2, [(1, 10, 20)], [(1, 5, 15)])
    assert seats.seat([need(5, 15, "room-1")], without=frozenset({1})).units == (room(2),)
    assert seats.seat([need(5, 15, "room-1")], without=frozenset({1}), as_told=True).units == (room(1),)


def test_units_swap_around_one_that_is_out_of_service() -> None:
    # From 0 to 40 neither room 1 (taken from 0) nor room 2 (taken from 20) is free; room 3 works only from 15 on.
    seats = seats_without(3, [(3, 0, 15)], [(1, 0, 20), (2, 20, 40)])
    assert seats.seat([need(0, 40)]) == Seating((room(2),), (Swap(2, room(2), room(1)),))


def test_nothing_is_swapped_onto_a_unit_that_is_out_of_service() -> None:
    # Room 1 is free until 20 and room 2 from 20 on, but room 2's part of a swap would lie in its closure.
    seats = seats_without(2, [(2, 25, 30)], [(2, 0, 20), (1, 20, 40)])
    with pytest.raises(NoSeat):
        seats.seat([need(10, 40)])


class World(NamedTuple):
    """So many rooms, stays that do not overlap, some of them to go, and what is wanted."""

    size: int
    stays: tuple[tuple[int, int, int], ...]
    going: frozenset[int]
    needs: tuple[Need, ...]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    count = draw(st.integers(1, 4))
    stretch = st.tuples(st.integers(0, 24), st.integers(1, 8)).map(lambda one: (one[0], one[0] + one[1]))
    stays: list[tuple[int, int, int]] = []
    for number, (begins, ends) in draw(st.lists(st.tuples(st.integers(1, count), stretch), max_size=12)):
        if all(other != number or ends <= since or until <= begins for other, since, until in stays):
            stays.append((number, begins, ends))
    going = draw(st.frozensets(st.integers(1, len(stays)), max_size=2)) if stays else frozenset()
    wanted = st.tuples(st.integers(0, 24), st.integers(0, 14), st.sampled_from((None, *rooms(count))))
    needs = tuple(
        need(begins, begins + length, prefers) for begins, length, prefers in draw(st.lists(wanted, max_size=4))
    )
    return World(count, tuple(stays), going, needs)


def staying(world: World) -> dict[int, tuple[int, int, int]]:
    return {key: one for key, one in enumerate(world.stays, start=1) if key not in world.going}


def most_wanted(world: World) -> int:
    """How many units are wanted at the worst second."""
    stretches = [one[1:] for one in staying(world).values()] + [(one.begins, one.ends) for one in world.needs]
    return max((sum(begins <= at < ends for begins, ends in stretches) for at in range(40)), default=0)


@TRIED
@given(worlds())
def test_there_is_a_seat_exactly_when_at_every_second_enough_units_are_left(world: World) -> None:
    seats = seats_of(world.size, world.stays)
    if most_wanted(world) <= world.size:
        assert len(seats.seat(world.needs, without=world.going).units) == len(world.needs)
    else:
        with pytest.raises(NoSeat):
            seats.seat(world.needs, without=world.going)


@TRIED
@given(worlds())
def test_what_is_seated_overlaps_nowhere_and_what_has_begun_stays(world: World) -> None:
    seats = seats_of(world.size, world.stays)
    try:
        found = seats.seat(world.needs, without=world.going)
    except NoSeat:
        return
    assert [seats.of(room(number + 1)) for number in range(world.size)] == [
        sorted(Stay(begins, ends, key) for key, (at, begins, ends) in enumerate(world.stays, 1) if at == number + 1)
        for number in range(world.size)
    ]
    where = {key: room(number) for key, (number, _, _) in staying(world).items()}
    first = min((one.begins for one in world.needs if one.begins < one.ends), default=99)
    for key, old, new in found.swaps:
        assert where[key] == old != new
        assert world.stays[key - 1][1] > first
        where[key] = new
    held = [(where[key], begins, ends) for key, (_, begins, ends) in staying(world).items()]
    held += [
        (unit, one.begins, one.ends)
        for unit, one in zip(found.units, world.needs, strict=True)
        if one.begins < one.ends
    ]
    for number in range(world.size):
        taken = sorted(one[1:] for one in held if one[0] == room(number + 1))
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(taken))


@TRIED
@given(worlds(), st.lists(st.tuples(st.integers(1, 4), st.integers(0, 24), st.integers(1, 9)), max_size=3))
def test_nothing_is_ever_put_on_a_unit_while_it_is_out_of_service(
    world: World, listed: list[tuple[int, int, int]]
) -> None:
    out = {number: (begins, begins + length) for number, begins, length in listed}
    seats = seats_without(world.size, [(number, *stretch) for number, stretch in out.items()], world.stays)
    try:
        found = seats.seat(world.needs, without=world.going)
    except NoSeat:
        return
    new = [(unit, one.begins, one.ends) for unit, one in zip(found.units, world.needs, strict=True)]
    new += [(one.new, *world.stays[one.key - 1][1:]) for one in found.swaps]
    went = {(room(number), begins, ends) for number, begins, ends in (world.stays[key - 1] for key in world.going)}
    moved = {one.key for one in found.swaps}
    for number, (begins, ends) in out.items():
        for unit, since, until in new:
            if unit == room(number) and since < until and (unit, since, until) not in went:
                assert until <= begins or ends <= since
    where = [(room(one[0]), *one[1:]) for key, one in staying(world).items() if key not in moved]
    for one in {each[0] for each in new}:
        taken = sorted(each[1:] for each in (*new, *where) if each[0] == one and each[1] < each[2])
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(taken))


@TRIED
@given(worlds())
def test_one_need_has_the_unit_it_prefers_wherever_that_is_free(world: World) -> None:
    seats = seats_of(world.size, world.stays)
    for one in world.needs:
        if one.prefers is None or one.begins == one.ends:
            continue
        mine = [held[1:] for held in staying(world).values() if room(held[0])[2] == one.prefers]
        if all(one.ends <= begins or ends <= one.begins for begins, ends in mine):
            found = seats.seat([one], without=world.going)
            assert found == Seating(((NORTH, ROOM, one.prefers),), ())
