"""What the pools hold: units taken at every tick, and where nothing is left."""

from __future__ import annotations

from solver.problem import Problem


class Loads:
    """Units taken of every pool at every tick."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.freed = 0
        self.reset()

    def reset(self) -> None:
        """Back to what is taken before any course is placed."""
        self.freed += 1
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
        """Take (`by` = 1) or give back (-1) one unit during ``[first, last)``."""
        if last > first:
            taken = self.taken[pool][first:last]
            taken += by
            self._full[pool][first:last] = (taken >= self.problem.capacity[pool]).tobytes()

    def free(self, pool: int, first: int, last: int) -> None:
        """Give back one unit for good; what was known to be impossible may be possible now, which `freed` counts."""
        self.change(pool, first, last, -1)
        self.freed += 1
