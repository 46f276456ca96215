"""Half-open stretches of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.intervals import Interval, common, merge, subtract

EPOCH = datetime(2027, 1, 4, tzinfo=UTC)


def between(start: int, end: int) -> Interval:
    """The stretch between two hours after the epoch."""
    return Interval(EPOCH + timedelta(hours=start), EPOCH + timedelta(hours=end))


stretches = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 10)).map(lambda one: between(one[0], sum(one))), max_size=8
)


def hours_of(intervals: list[Interval]) -> set[int]:
    """The whole hours inside some stretches."""
    return {hour for hour in range(60) for one in intervals if one.contains(between(hour, hour + 1))}


def test_touching_stretches_do_not_overlap() -> None:
    assert not between(1, 3).overlaps(between(3, 5))
    assert between(1, 3).overlaps(between(2, 5))


def test_a_stretch_contains_itself() -> None:
    assert between(1, 3).contains(between(1, 3))
    assert not between(1, 3).contains(between(1, 4))


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="UTC offset"):
        Interval(datetime(2027, 1, 4), EPOCH)


def test_an_interval_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        between(3, 1)


def test_touching_stretches_merge_into_one() -> None:
    assert merge([between(3, 5), between(1, 3), between(8, 9)]) == [between(1, 5), between(8, 9)]


def test_a_hole_splits_a_stretch() -> None:
    assert subtract([between(0, 10)], [between(3, 4)]) == [between(0, 3), between(4, 10)]


@given(stretches)
def test_merging_keeps_every_hour_and_leaves_gaps_between_pieces(listed: list[Interval]) -> None:
    merged = merge(listed)
    assert hours_of(merged) == hours_of(listed)
    assert all(first.end_at < last.start_at for first, last in pairwise(merged))
    assert merge(merged) == merged


@given(stretches, stretches)
def test_subtracting_leaves_the_hours_outside_the_holes(listed: list[Interval], holes: list[Interval]) -> None:
    left = subtract(merge(listed), holes)
    assert hours_of(left) == hours_of(listed) - hours_of(holes)
    assert all(one.start_at < one.end_at for one in left)
    assert not any(one.overlaps(hole) for one in left for hole in holes)


@given(stretches, stretches)
def test_what_is_common_are_the_hours_in_both(listed: list[Interval], others: list[Interval]) -> None:
    both = common(merge(listed), others)
    assert hours_of(both) == hours_of(listed) & hours_of(others)
    assert all(one.end_at <= two.start_at for one, two in pairwise(both))
