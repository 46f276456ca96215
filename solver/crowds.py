"""How many stays a pool can take at most on a day: what no repair can go beyond, whatever the hours."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from solver.choices import Stretch
from solver.problem import IntArray


def most_stays(ways: Iterable[Stretch], free: IntArray) -> int:
    """The largest number of stays, each one of the ways, that fit when `free` units are left at every tick.

    Ways may be used again and again. Taking whatever ends first is best: a stay that ends later can always be exchanged
    for it (interval scheduling on several machines, Carlisle and Lloyd 1995).
    """
    listed = sorted(ways, key=lambda one: one[1])
    if not listed:
        return 0
    first = min(begin for begin, _ in listed)
    left = free[first : listed[-1][1]]
    if left.min() == left.max():
        return int(left[0]) * _in_a_row(listed)
    left = left.copy()
    count = 0
    for begin, until in listed:
        part = left[begin - first : until - first]
        fits = int(part.min())
        part -= fits
        count += fits
    return count


def _in_a_row(listed: Iterable[Stretch]) -> int:
    """How many of the ways, sorted by their end, one unit can take one after the other."""
    count, end = 0, -(2**40)
    for begin, until in listed:
        if begin >= end:
            count, end = count + 1, until
    return count


def free_of(capacity: int, taken: np.ndarray) -> IntArray:
    """Units left at every tick, never fewer than none."""
    left: IntArray = np.maximum(capacity - taken.astype(np.int64), 0)
    return left
