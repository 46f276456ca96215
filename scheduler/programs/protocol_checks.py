"""What must hold inside one protocol: known steps and doses, no circles, one first dose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from scheduler.domain.protocol import Protocol, StepRef
from scheduler.domain.rules import RULES
from scheduler.programs.table import Table


def check_protocol(table: Table, protocol: Protocol) -> None:
    """Refuse a protocol that contradicts itself; `table` is the top of its file and gives errors their place."""
    _check_unique(table, "steps", [step.kind for step in protocol.steps])
    _check_unique(table, "limits", [limit.name for limit in protocol.limits])
    _check_unique(table, "doses", [dose.number for dose in protocol.doses])
    _check_unique(table, "arms", [arm.name for arm in protocol.arms])
    _check_unique(table, "follow_ups", [one.name for one in protocol.follow_ups])
    _check_limit_names(table, protocol)
    _check_doses(table, protocol)
    _check_references(table, protocol)
    _check_restarts(table, protocol)
    _check_order(table, protocol)
    _check_administration(table, protocol)
    _check_arms(table, protocol)


def circle(leads_to: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle in a graph as the names along it, or an empty list where there is none."""
    try:
        TopologicalSorter(leads_to).prepare()
    except CycleError as problem:
        return [str(name) for name in problem.args[1]]
    return []


def _check_unique(table: Table, key: str, names: list[str] | list[int]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise table.error(f"{key}[{name}]", f"{name!r} stands twice", "Give each its own name")


def _check_limit_names(table: Table, protocol: Protocol) -> None:
    taken = [name for name, _ in RULES]
    for limit in protocol.limits:
        if limit.name in taken:
            problem = f"{limit.name!r} is the name of a rule that every program has"
            raise table.error(f"limits[{limit.name}].name", problem, "Choose another name")


def _check_doses(table: Table, protocol: Protocol) -> None:
    numbers = [dose.number for dose in protocol.doses]
    first = [dose.number for dose in protocol.doses if dose.role == "first"]
    if len(first) != 1 or numbers != sorted(numbers) or first[0] != numbers[0]:
        problem = f"the roles of doses {numbers} do not begin with exactly one 'first'"
        raise table.error("doses", problem, "List doses in ascending order, the lowest with role 'first', no other")
    for dose in protocol.doses:
        if dose.anchor is not None and dose.anchor not in numbers:
            raise _unknown_dose(table, f"doses[{dose.number}].anchor", dose.anchor, numbers)
    for one in protocol.follow_ups:
        if one.anchor is not None and one.anchor not in numbers:
            raise _unknown_dose(table, f"follow_ups[{one.name}].anchor", one.anchor, numbers)
    anchors = {f"dose {dose.number}": [f"dose {dose.anchor}"] for dose in protocol.doses if dose.anchor is not None}
    found = circle(anchors)
    if found:
        problem = f"the anchors go round in a circle: {' -> '.join(found)}"
        raise table.error(f"doses[{found[0].removeprefix('dose ')}].anchor", problem, "Anchor one of them at dose 1")


def _unknown_dose(table: Table, key: str, number: int, numbers: list[int]) -> Exception:
    return table.error(key, f"there is no dose {number}", f"Name one of the doses {', '.join(map(str, numbers))}")


def _references(protocol: Protocol) -> Iterator[tuple[str, StepRef]]:
    for step in protocol.steps:
        for name, edge in zip(("from", "until"), step.hold or (), strict=False):
            yield f"steps[{step.kind}].hold.{name}", edge
        for index, use in enumerate(step.uses):
            for name, ref in (("from", use.from_ref), ("until", use.until_ref)):
                if ref is not None:
                    yield f"steps[{step.kind}].uses[{index}].{name}", ref
    for limit in protocol.limits:
        yield f"limits[{limit.name}].from", limit.from_ref
        yield f"limits[{limit.name}].to", limit.to_ref
    if protocol.cold_chain is not None:
        yield "cold_chain.from", protocol.cold_chain.from_ref
        yield "cold_chain.until", protocol.cold_chain.until_ref


def _check_references(table: Table, protocol: Protocol) -> None:
    steps = {step.kind: step for step in protocol.steps}
    numbers = [dose.number for dose in protocol.doses]
    for key, ref in _references(protocol):
        if ref.kind not in steps:
            raise _unknown_step(table, key, ref.kind, steps)
        if ref.dose is None:
            continue
        if ref.dose not in numbers:
            raise _unknown_dose(table, key, ref.dose, numbers)
        if protocol.supply == "bank" and steps[ref.kind].per == "harvest":
            problem = f"'{ref}' numbers a harvest, but with supply = 'bank' there is one"
            raise table.error(key, problem, f"Write '{ref.kind}.{ref.edge}'")
    for step in protocol.steps:
        for number in step.doses or ():
            if number not in numbers:
                raise _unknown_dose(table, f"steps[{step.kind}].doses", number, numbers)
        for kind in step.after:
            if kind not in steps:
                raise _unknown_step(table, f"steps[{step.kind}].after", kind, steps)
    if protocol.registration.step not in steps:
        raise _unknown_step(table, "registration.step", protocol.registration.step, steps)


def _check_restarts(table: Table, protocol: Protocol) -> None:
    first = protocol.doses[0].number
    for step in protocol.steps:
        key = f"steps[{step.kind}].restarts"
        if step.restarts and (protocol.supply != "bank" or step.per != "dose"):
            problem = "only with supply = 'bank' a dose is restarted, and only steps with per = 'dose' come back then"
            raise table.error(key, problem, "Remove it")
        for number in step.restarts:
            if number != first or step.belongs_to(number, ()):
                problem = f"{step.kind!r} cannot come in when dose {number} is restarted"
                remedy = (
                    f"Only dose {first} is made from the culture: write [{first}], on a step whose 'doses' leave it out"
                )
                raise table.error(key, problem, remedy)


def _unknown_step(table: Table, key: str, kind: str, steps: Iterable[str]) -> Exception:
    return table.error(key, f"there is no step {kind!r}", f"Name one of: {', '.join(steps)}")


def _check_order(table: Table, protocol: Protocol) -> None:
    found = circle({step.kind: step.after for step in protocol.steps})
    if found:
        problem = f"steps wait for each other in a circle: {' -> '.join(found)}"
        raise table.error(f"steps[{found[0]}].after", problem, "Remove one of these 'after' entries")
    holds = {step.kind: [ref.kind for ref in step.hold] for step in protocol.steps if step.hold is not None}
    found = circle(holds)
    if found:
        problem = f"holds reach from or to each other in a circle: {' -> '.join(found)}"
        raise table.error(f"steps[{found[0]}].hold", problem, "Let a hold reach between steps that last minutes")


def _check_administration(table: Table, protocol: Protocol) -> None:
    kinds = [step.kind for step in protocol.steps]
    if protocol.administration not in kinds:
        raise _unknown_step(table, "administration", protocol.administration, kinds)
    step = protocol.step(protocol.administration)
    if step.per != "dose" or step.doses is not None or not step.attended or step.minutes is None:
        problem = f"{step.kind!r} cannot be the day of every dose"
        remedy = "Name a step with per = 'dose', at = 'site', minutes, attended = true and no 'doses'"
        raise table.error("administration", problem, remedy)


def _check_arms(table: Table, protocol: Protocol) -> None:
    numbers = [dose.number for dose in protocol.doses]
    for arm in protocol.arms:
        for number in arm.doses:
            if number not in numbers:
                raise _unknown_dose(table, f"arms[{arm.name}]", number, numbers)
        _check_arm_anchors(table, protocol, arm.name, set(arm.doses))


def _check_arm_anchors(table: Table, protocol: Protocol, arm: str, doses: set[int]) -> None:
    for number in sorted(doses):
        anchor = protocol.dose(number).anchor
        if anchor is not None and anchor not in doses:
            problem = f"dose {number} counts from dose {anchor}, which the arm does not have"
            raise table.error(f"arms[{arm}]", problem, f"Give the arm dose {anchor} or take dose {number} away")
