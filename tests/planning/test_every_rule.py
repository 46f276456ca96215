"""Every rule of every shipped program decides some tiny program, or is true of all plans the planner makes."""

from __future__ import annotations

import pytest

# Importing these fills SHOWN.
import tests.planning.test_rules_of_limits
import tests.planning.test_rules_of_time
import tests.planning.test_rules_of_units
import tests.planning.test_rules_of_visits  # noqa: F401
from scheduler.domain.protocol import Limit
from scheduler.domain.rules import RULES
from scheduler.programs.library import shipped_programs
from scheduler.programs.loader import load_program
from tests.planning.small import SHOWN

BY_CONSTRUCTION = {
    "accounted_for": "a dose is in the plan exactly when its steps are, and else listed as unplanned",
    "complete_course": "a dose is placed with all its steps or not at all, and every stay is given a unit",
    "dose_volume": "volume and syringes are read from the weight band when the fill is written",
    "quarter_hour": "the planner counts in quarters of an hour",
    "duration": "an allowed start comes with its end",
    "continuous_hold": "the edges of a hold are the edges of the steps it is stated between",
    "cost_as_stated": "the cost is recomputed from the finished plan by the function the rule uses",
}
SAME_AS = {"leukapheresis_hold": "marrow_hold", "manufacture_days": "culture_days"}


def shipped_limits() -> dict[str, Limit]:
    """The limits of all shipped programs by name."""
    programs = (load_program(one.name) for one in shipped_programs())
    return {limit.name: limit for facts in programs for limit in facts.protocol.limits}


def bounds(limit: Limit) -> list[bool]:
    """Which of the bounds a limit has."""
    values = (limit.at_least_minutes, limit.at_most_minutes, limit.at_least_days, limit.at_most_days)
    return [value is not None for value in values]


LIMITS = shipped_limits()


@pytest.mark.parametrize("name", [*(name for name, _ in RULES), *LIMITS])
def test_every_rule_decides_a_tiny_program_or_holds_by_construction(name: str) -> None:
    shown, built_in, alike = name in SHOWN, name in BY_CONSTRUCTION, name in SAME_AS
    assert [shown, built_in, alike].count(True) == 1


@pytest.mark.parametrize("name", SAME_AS)
def test_a_limit_that_stands_for_another_bounds_the_same_way(name: str) -> None:
    assert bounds(LIMITS[name]) == bounds(LIMITS[SAME_AS[name]])
    assert SAME_AS[name] in SHOWN


def test_no_list_names_a_rule_that_is_gone() -> None:
    assert {*SHOWN, *BY_CONSTRUCTION, *SAME_AS} == {*(name for name, _ in RULES), *LIMITS}
