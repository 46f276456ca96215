"""Computing aside: results travel in order, a failure says where, and without time there is nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scheduler.reoptimise.aside import computed_aside

SECONDS = 60.0  # until another process has begun, on a busy machine


def squares(numbers: tuple[int, ...]) -> Iterator[int]:
    for one in numbers:
        yield one * one


def quotients(numbers: tuple[int, ...]) -> Iterator[int]:
    for one in numbers:
        yield 36 // one


def test_what_is_yielded_over_there_arrives_in_order() -> None:
    assert computed_aside(SECONDS, squares, (1, 2, 3)) == [1, 4, 9]


def test_a_failure_over_there_is_told_with_its_trace() -> None:
    with pytest.raises(RuntimeError, match=r"quotients(.|\n)*ZeroDivisionError"):
        computed_aside(SECONDS, quotients, (6, 0))


def test_without_time_there_is_nothing() -> None:
    assert computed_aside(0.0, squares, (1, 2, 3)) == []
