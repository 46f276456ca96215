"""Every shipped program, planned once; and the small one with its files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from scheduler.documents.plan_json import plan_json
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.planning.planner import make_plan
from scheduler.programs import load_program, shipped_programs
from tests.programs_planned.small import small_plan, write_program

# A cap, not a wish: the search ends when nothing is left to prove, about 25 s for the largest program.
SECONDS = 120.0


class Planned(NamedTuple):
    """A program's facts and its plan."""

    facts: Facts
    plan: Plan


class Small(NamedTuple):
    """The small program's file and the plan.json written for it."""

    program: Path
    plan_json: Path


@cache
def plan_shipped(name: str) -> Planned:
    facts = load_program(name)
    return Planned(facts, make_plan(facts, seed=0, time_limit=SECONDS))


@pytest.fixture(scope="session", params=[info.name for info in shipped_programs()])
def planned(request: pytest.FixtureRequest) -> Planned:
    """A shipped program with its plan."""
    return plan_shipped(request.param)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The small program, planned and written."""
    directory = tmp_path_factory.mktemp("small")
    program = write_program(directory)
    path = directory / "plan.json"
    path.write_text(plan_json(small_plan(directory), load_program(str(program)).network), encoding="utf-8")
    return Small(program, path)
