"""Smallest sets, for questions that more can only help: whoever is enough alone, and the fewest who are together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 16  # so many are tried together at first; trying all costs more than it tells


def singly(names: Sequence[T], enough: Callable[[Sequence[T]], bool]) -> list[T]:
    """The names of which each is enough alone, in their order; a set that is not enough has none."""
    found: list[T] = []
    for first in range(0, len(names), AT_ONCE):
        found += _singly(names[first : first + AT_ONCE], enough)
    return found


def _singly(names: Sequence[T], enough: Callable[[Sequence[T]], bool]) -> list[T]:
    if not enough(names):
        return []
    if len(names) == 1:
        return list(names)
    half = len(names) // 2
    return _singly(names[:half], enough) + _singly(names[half:], enough)


def fewest(names: Sequence[T], enough: Callable[[frozenset[T]], bool]) -> frozenset[T]:
    """A smallest-by-inclusion set that is enough, from early names where it can; all names together must be enough.

    Found by halving: what the first half leaves to do is sought in the second, and then the other way round.
    """

    def needed(given: frozenset[T], some: Sequence[T], *, looked: bool) -> frozenset[T]:
        if looked and enough(given):
            return frozenset()
        if len(some) == 1:
            return frozenset(some)
        first, second = some[: len(some) // 2], some[len(some) // 2 :]
        late = needed(given | frozenset(first), second, looked=True)
        return late | needed(given | late, first, looked=bool(late))

    return needed(frozenset(), names, looked=True)


def least(enough: Callable[[int], bool], most: int) -> int | None:
    """The least number from 0 to `most` that is enough: doubled until one is, then halved down to it."""
    high = 0
    while not enough(high):
        if high >= most:
            return None
        high = min(max(2 * high, 1), most)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
