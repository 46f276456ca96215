"""What the pools hold: units taken at every tick, and where nothing is left."""

from __future__ import annotations

from collections import deque

from solver.problem import Problem

REMEMBERED = 500  # of what was given back for good, the last so many
Stretch = tuple[int, int, int]  # a pool and the half-open ticks


class Loads:
    """Units taken of every pool at every tick.

    `lasting` counts what was taken or given back for good, `freed` the latter alone.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.freed = 0
        self.lasting = 0
        self._lately: deque[Stretch] = deque(maxlen=REMEMBERED)
        self.reset()

    def reset(self) -> None:
        """Back to what is taken before any course is placed."""
        self.freed += REMEMBERED + 1
        self.lasting += 1
        self.taken = [load.copy() for load in self.problem.load]
        # Where a pool is full, as bytes: looking for a full tick in a stretch is by far the commonest question.
        self._full = [
            bytearray((taken >= capacity).tobytes())
            for taken, capacity in zip(self.taken, self.problem.capacity, strict=True)
        ]

    def fits(self, pool: int, first: int, last: int) -> bool:
        """Whether one more unit is free during the whole of ``[first, last)``."""
        return last <= first or self._full[pool].find(1, first, last) < 0

    def change(self, pool: int, first: int, last: int, by: int) -> None:
        """Take (`by` = 1) or give back (-1) one unit during ``[first, last)``, for a moment: it will be undone."""
        if last > first:
            taken = self.taken[pool][first:last]
            taken += by
            self._full[pool][first:last] = (taken >= self.problem.capacity[pool]).tobytes()

    def take(self, pool: int, first: int, last: int) -> None:
        """Take one unit for good."""
        self.change(pool, first, last, 1)
        self.lasting += 1

    def free(self, pool: int, first: int, last: int) -> None:
        """Give back one unit for good; what was known to be impossible may be possible now."""
        self.change(pool, first, last, -1)
        self.freed += 1
        self.lasting += 1
        self._lately.append((pool, first, last))

    def freed_since(self, count: int) -> list[Stretch] | None:
        """What was given back since `freed` stood at a count; None when that is more than is remembered."""
        number = self.freed - count
        return None if number > len(self._lately) else list(self._lately)[len(self._lately) - number :]
