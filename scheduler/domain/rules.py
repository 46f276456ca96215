"""The specification: what a plan may be, one named rule at a time. It knows nothing of how plans are made.

`violations` judges a plan against the facts. `RULES` holds the rules every program has, in order; each limit of a
protocol is one more rule under its own name, in protocol order, right after ``continuous_hold`` (`rules_of`).
A rule is a function from an indexed plan (`Judged`) to the violations it finds, its source in the docstring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from scheduler.domain.cost import cost_of
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.domain.protocol import Protocol
from scheduler.domain.rules_context import Judged, Violation, comparable
from scheduler.domain.rules_courier import arrival_open, departure, departure_places, handover
from scheduler.domain.rules_course import accounted_for, complete_course, dose_volume, quarter_hour
from scheduler.domain.rules_time import (
    closure,
    continuous_hold,
    duration,
    hindrance,
    limit_rule,
    opening_hours,
    registration,
    sequence,
)
from scheduler.domain.rules_units import cold_custody, line_clearance, qualified_hours, turnaround, unit_capacity
from scheduler.domain.rules_visits import booster_window, follow_up_window, one_visit_at_a_time, pair_window

__all__ = ["RULES", "Rule", "Violation", "rules_of", "violations"]

Rule = Callable[[Judged], Iterator[Violation]]


def cost_as_stated(judged: Judged) -> Iterator[Violation]:
    """The stated cost is the plan's cost, and the stated bound is not above it (both compared level by level).

    Activities that are no stretch of time are left out. Source: docs/domain.md section 5.
    """
    plan = judged.plan
    sound = (replace(one, activities=tuple(filter(comparable, one.activities))) for one in plan.courses)
    cost = cost_of(replace(plan, courses=tuple(sound)), judged.facts)
    if plan.cost != cost:
        yield Violation("cost_as_stated", "", (), f"the plan states cost {plan.cost} but costs {cost}")
    if plan.bound > plan.cost:
        yield Violation("cost_as_stated", "", (), f"the bound {plan.bound} is above the cost {plan.cost}")


RULES: list[tuple[str, Rule]] = [
    ("accounted_for", accounted_for),
    ("complete_course", complete_course),
    ("dose_volume", dose_volume),
    ("quarter_hour", quarter_hour),
    ("duration", duration),
    ("registration", registration),
    ("opening_hours", opening_hours),
    ("closure", closure),
    ("hindrance", hindrance),
    ("sequence", sequence),
    ("continuous_hold", continuous_hold),
    ("departure", departure),
    ("handover", handover),
    ("departure_places", departure_places),
    ("arrival_open", arrival_open),
    ("unit_capacity", unit_capacity),
    ("line_clearance", line_clearance),
    ("turnaround", turnaround),
    ("qualified_hours", qualified_hours),
    ("cold_custody", cold_custody),
    ("pair_window", pair_window),
    ("booster_window", booster_window),
    ("follow_up_window", follow_up_window),
    ("one_visit_at_a_time", one_visit_at_a_time),
    ("cost_as_stated", cost_as_stated),
]


def rules_of(protocol: Protocol) -> list[tuple[str, Rule]]:
    """Every rule of a protocol in order: the common rules, its limits after ``continuous_hold``."""
    after = [name for name, _ in RULES].index("continuous_hold") + 1
    limits: list[tuple[str, Rule]] = [(limit.name, limit_rule(limit)) for limit in protocol.limits]
    return [*RULES[:after], *limits, *RULES[after:]]


def violations(plan: Plan, facts: Facts, without: frozenset[str] = frozenset()) -> list[Violation]:
    """Every violation of every rule, in the order of the rules; none means the plan may be published.

    Parameters
    ----------
    without
        Names of rules to leave out, to see what a rule alone forbids. Without ``closure`` nothing is closed, courier
        lanes and doors included.
    """
    if "closure" in without:
        facts = replace(facts, network=replace(facts.network, closures=()))
    judged = Judged.of(plan, facts)
    return [found for name, rule in rules_of(facts.protocol) if name not in without for found in rule(judged)]
