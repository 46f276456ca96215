"""A search in a process of its own: what it answers, and every way in which it can fail to."""

from __future__ import annotations

import operator
import os
import signal
import time
from pathlib import Path

import pytest

from scheduler.planning.apart import NoAnswer, TookTooLong, apart
from scheduler.planning.repair import repair
from tests.planning.test_repair import FACTS, NOW, PLAN, Standing

LONG = 3600.0


def standings() -> list[Standing]:
    return [Standing(FACTS.patient(one.patient), one, frozenset()) for one in PLAN.courses]


def test_a_call_is_answered_as_if_it_were_made_here() -> None:
    assert apart(operator.add, 1, 2, seconds=60.0) == 3


def test_a_repair_made_apart_is_the_repair_made_here() -> None:
    found = apart(repair, FACTS, standings(), NOW, seconds=60.0)
    assert found == repair(FACTS, standings(), NOW)


def test_what_the_call_prints_does_not_spoil_its_answer() -> None:
    assert apart(print, "hello", seconds=60.0) is None


def test_a_call_that_stumbles_says_why() -> None:
    with pytest.raises(NoAnswer, match="ZeroDivisionError"):
        apart(operator.truediv, 1, 0, seconds=60.0)


def test_a_call_that_takes_too_long_is_ended() -> None:
    with pytest.raises(TookTooLong, match="took longer than it may"):
        apart(time.sleep, LONG, seconds=0.2)


def test_a_process_that_somebody_kills_gives_no_answer() -> None:
    with pytest.raises(NoAnswer, match=f"was ended by signal {signal.SIGKILL.value}"):
        apart(signal.raise_signal, signal.SIGKILL, seconds=60.0)


def test_who_waits_can_stop_it_and_no_process_is_left() -> None:
    class Enough(Exception):
        pass

    def may_go_on() -> None:
        raise Enough

    before = _children()
    with pytest.raises(Enough):
        apart(time.sleep, LONG, seconds=LONG, may_go_on=may_go_on)
    assert _children() == before


def _children() -> set[str]:
    """The processes whose parent this one is."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended while we were looking
        if int(fields[1]) == os.getpid():
            found.add(stat.parent.name)
    return found
