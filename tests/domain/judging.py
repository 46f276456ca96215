"""Short cuts for tests of rules: the names of the rules a plan breaks, and facts with a step changed."""

from __future__ import annotations

from dataclasses import replace

from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan
from scheduler.domain.protocol import Step
from scheduler.domain.rules import violations


def names(plan: Plan, base: Facts, *without: str) -> list[str]:
    return [one.rule for one in violations(plan, base, frozenset(without))]


def with_step(base: Facts, step: Step) -> Facts:
    steps = tuple(step if one.kind == step.kind else one for one in base.protocol.steps)
    return replace(base, protocol=replace(base.protocol, steps=steps))


def without_use(base: Facts, kind: str, resource: str) -> Facts:
    step = base.protocol.step(kind)
    return with_step(base, replace(step, uses=tuple(use for use in step.uses if use.resource != resource)))
