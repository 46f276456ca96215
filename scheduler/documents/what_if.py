"""Before and after: what some changes of the facts would do to a plan, in figures, as a table and in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from scheduler.documents.summary import Summary

Verdict = Literal["better", "worse", "equal", "open"]
HEADINGS = ("figure", "before", "after", "difference")
LOAD = "load, "
LEVELS = ("level 1", "level 2", "level 3")


@dataclass(frozen=True)
class Figure:
    """One number before and after, None where there is none; `unit` as a person reads it."""

    name: str
    unit: str
    before: float | None
    after: float | None

    @property
    def difference(self) -> float | None:
        """After minus before, to hundredths; None where one of the two is missing."""
        return None if self.before is None or self.after is None else round(self.after - self.before, 2)


def figures(before: Summary, after: Summary, *, bounded: bool = True) -> list[Figure]:
    """Doses, waiting, targets, cost and load; `bounded` where the plans have bounds worth showing."""
    return [
        Figure("doses planned", "doses", before.doses_planned, after.doses_planned),
        Figure("doses lost", "doses", before.doses_unplanned, after.doses_unplanned),
        *_waiting(before, after),
        Figure("pairs on target", "doses", before.pairs.on_target, after.pairs.on_target),
        Figure("pairs off target", "doses", *(one.pairs.of - one.pairs.on_target for one in (before, after))),
        Figure("boosters off target", "doses", *(one.boosters.of - one.boosters.on_target for one in (before, after))),
        *_cost(before, after, bounded),
        *_load(before, after),
    ]


def _waiting(before: Summary, after: Summary) -> Iterator[Figure]:
    old, new = before.waiting, after.waiting
    medians = (None if one is None else one.median for one in (old, new))
    yield Figure("wait for dose 1, median", "days", *medians)
    yield Figure("wait for dose 1, 95 % within", "days", *(None if one is None else one.p95 for one in (old, new)))


def _cost(before: Summary, after: Summary, bounded: bool) -> Iterator[Figure]:
    for level in (0, 2):
        yield Figure(f"cost, {LEVELS[level]}", "points", before.cost[level], after.cost[level])
        if bounded:
            yield Figure(f"bound, {LEVELS[level]}", "points", before.bound[level], after.bound[level])
            yield Figure(f"gap, {LEVELS[level]}", "%", before.gap.percent[level], after.gap.percent[level])


def _load(before: Summary, after: Summary) -> Iterator[Figure]:
    """How busy each resource is over its used span, and at its busiest moment; those that nothing uses are left out."""
    old, new = ({(one.place, one.resource): one for one in side.utilisation} for side in (before, after))
    for key in dict.fromkeys([*new, *old]):
        sides = old.get(key), new.get(key)
        if any(one is not None and one.busy_minutes for one in sides):
            name = " ".join(key)
            yield Figure(f"{LOAD}{name}", "%", *(None if one is None else one.percent for one in sides))
            most = [None if one is None else one.most_busy for one in sides]
            units = [None if one is None else one.units for one in sides]
            if units[0] != units[1]:
                yield Figure(f"units there are, {name}", "units", *units)
            if most[0] != most[1]:
                yield Figure(f"units busy at most, {name}", "units", *most)


def verdict(before: Summary, after: Summary) -> Verdict:
    """Whether the best plan after is proven to be better, worse or as good as the best plan before.

    The best cost lies between bound and cost, so two levels are told apart where these stretches do not touch. Level 1
    decides; level 3 does where level 1 is proven to be the same, since its bound holds for plans as good on level 1.
    """
    first = _apart(before, after, 0)
    return first if first != "equal" else _apart(before, after, 2)


def _apart(before: Summary, after: Summary, level: int) -> Verdict:
    if after.cost[level] < before.bound[level]:
        return "better"
    if after.bound[level] > before.cost[level]:
        return "worse"
    exact = all(one.cost[level] == one.bound[level] for one in (before, after))
    return "equal" if exact else "open"


SENTENCES: dict[Verdict, str] = {
    "better": "Proven: the best plan after costs less than the best plan before.",
    "worse": "Proven: the best plan after costs more than the best plan before.",
    "equal": "Proven: the best plans before and after cost the same.",
    "open": "Not proven: the difference in cost is within what the bounds leave open. More time may tell.",
}


def in_words(what: str, before: Summary, after: Summary) -> str:
    """What the changes bought: ``units YONGIN suite +1: median wait 41 -> 39 days, no dose more or fewer, ...``."""
    wait = "no dose 1 planned"
    if before.waiting is not None and after.waiting is not None:
        wait = f"median wait {before.waiting.median:g} -> {after.waiting.median:g} days"
    quality = f"level 3 {_signed(after.cost[2] - before.cost[2])} points"
    return f"{what}: {wait}, {doses_in_words(after.doses_planned - before.doses_planned)}, {quality}"


def load_in_words(listed: Sequence[Figure]) -> str:
    """The resource whose load the changes alter most, the first of several; that none changes where none does."""
    loads = [one for one in listed if one.name.startswith(LOAD) and one.difference]
    if not loads:
        return "No load changes."
    most = max(loads, key=lambda one: abs(one.difference or 0))
    return f"The load of {most.name.removeprefix(LOAD)} changes most: {most.before:g} -> {most.after:g} %."


def doses_in_words(more: int) -> str:
    """``2 doses more``, ``1 dose fewer``, ``no dose more or fewer``."""
    if more == 0:
        return "no dose more or fewer"
    return f"{abs(more)} dose{'' if abs(more) == 1 else 's'} {'more' if more > 0 else 'fewer'}"


def table_rows(listed: Sequence[Figure]) -> list[tuple[str, str, str, str]]:
    """The figures as cells: name, before, after with their unit, and the signed difference."""
    return [
        (one.name, _cell(one.before, one.unit), _cell(one.after, one.unit), _signed(one.difference)) for one in listed
    ]


def _cell(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{_number(value)} {unit.removesuffix('s') if value == 1 else unit}"


def _signed(value: float | None) -> str:
    return "-" if value is None else "0" if value == 0 else f"{'+' if value > 0 else '-'}{_number(abs(value))}"


def _number(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def as_text(listed: Sequence[Figure], lines: Sequence[str]) -> str:
    """The table as plain text, numbers to the right, with sentences under it."""
    rows = [HEADINGS, *table_rows(listed)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    told = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([told[0], "-" * len(told[0]), *told[1:], "", *lines]) + "\n"
