"""Measure repairs of `alsummit`: ``python -m scheduler.repair_bench`` keeps a table in docs/benchmarks.md.

The program is planned once. Then something happens to the plan as published, and it is put right: by the repair, and
beside it by planning anew for quality alone, which does not know what was told. Every repaired plan must pass the
referee, but for what may not move.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from scheduler.bench import PAGE, machine
from scheduler.documents.files import write_all
from scheduler.domain.calendars import Closure, local_instant
from scheduler.domain.course import FOLLOW_UP, Facts
from scheduler.domain.diff import counts, plan_diff
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.planning.planner import make_plan
from scheduler.planning.repair import Repaired, Standing, repair
from scheduler.planning.told import with_only
from scheduler.programs import load_program

PROGRAM = "alsummit"
PLANNED = 30.0  # seconds for the plan, and for each plan made anew
REPAIRED = 30.0
MIDWAY = date(2028, 2, 15)  # about half of the doses are given
FULLEST = date(2027, 9, 28)  # the weeks after Chuseok: four fills on nearly every day
AHEAD = 28  # days, a change that everybody can still be told of
BEGIN = "<!-- repairs: written by make repair-bench -->"
END = "<!-- end of repairs -->"

Shut = tuple[str, str | None]  # a place or lane, and a kind of resource there or all of it


@dataclass(frozen=True)
class Scenario:
    """What happens: `shut` from a day on for so many days, or as many lots fail; declared at `now`."""

    name: str
    now: datetime
    shut: tuple[Shut, ...] = ()
    since: date = MIDWAY
    days: int = 0
    lots: int = 0


@dataclass(frozen=True)
class Row:
    """What one scenario measured: seconds that passed, seconds of one processor, and what planning anew would move."""

    scenario: str
    found: Repaired
    seconds: float
    processor: float
    anew: int


def scenarios(facts: Facts) -> list[Scenario]:
    """What the table shows."""
    zone = facts.network.sites[0].zone
    (plant,) = facts.network.plants
    crew: tuple[Shut, ...] = ((plant.code, "fill_crew"),)
    early, late = (local_instant(MIDWAY - timedelta(days=ahead), 60, zone) for ahead in (AHEAD, 0))
    fullest = local_instant(FULLEST - timedelta(days=AHEAD), 60, zone)
    return [
        Scenario("fill line closed 3 days", early, crew, days=3),
        Scenario("the same, declared on the day", late, crew, days=3),
        Scenario("the same in the fullest weeks", fullest, crew, FULLEST, 3),
        Scenario("fill line closed 7 days", early, crew, days=7),
        Scenario("the same in the fullest weeks", fullest, crew, FULLEST, 7),
        Scenario("3 public holidays added", early, _holiday(facts), days=3),
        Scenario("Yangsan closed 2 weeks", early, (("PNY", None),), days=14),
        Scenario("the same, declared on the day", late, (("PNY", None),), days=14),
        Scenario("3 lots failed in one night", late, lots=3),
    ]


def _holiday(facts: Facts) -> tuple[Shut, ...]:
    """Everything that closes on public holidays."""
    places = [
        (place.code, one.kind) for place in facts.network.places for one in place.resources if one.closes_on_holidays
    ]
    return (*places, *((lane.code, None) for lane in facts.network.lanes))


def as_changed(facts: Facts, scenario: Scenario) -> Facts:
    """The program with the closures of a scenario."""
    zone = facts.network.sites[0].zone
    days = (scenario.since, scenario.since + timedelta(days=scenario.days))
    during = Interval(*(local_instant(day, 0, zone) for day in days))
    closures = (Closure(where, during, scenario.name, kind) for where, kind in scenario.shut if scenario.days)
    return replace(facts, network=facts.network.with_closures(*closures))


def standings(facts: Facts, courses: Sequence[PlannedCourse], scenario: Scenario) -> list[Standing]:
    """The courses as told, with what may move by the fences of the policy; the steps of failed lots may move too."""
    plant_at = scenario.now + timedelta(days=facts.policy.plant_fence_days)
    patients_at = scenario.now + timedelta(days=facts.policy.patient_fence_days)
    visits = {step.kind for step in facts.protocol.steps if step.attended} | {FOLLOW_UP}
    failed = _failed(courses, scenario, plant_at)
    return [
        Standing(
            facts.patient(course.patient),
            course,
            frozenset(
                one.id
                for one in course.activities
                if one.start_at < (patients_at if one.kind in visits else plant_at)
                and (course.patient, one.dose) not in failed
            ),
        )
        for course in courses
    ]


def _failed(courses: Iterable[PlannedCourse], scenario: Scenario, plant_at: datetime) -> set[tuple[str, int | None]]:
    """The first lots that are growing when it happens and are filled after the plant's fence."""
    growing = [
        (one.end_at, course.patient, one.dose)
        for course in courses
        for one in course.activities
        if one.kind == "expansion" and one.start_at < scenario.now and plant_at < one.end_at
    ]
    return {(patient, dose) for _, patient, dose in sorted(growing)[: scenario.lots]}


def measure(facts: Facts, plan: Plan, scenario: Scenario) -> Row:
    """Put the plan right, and plan anew.

    Raises
    ------
    RuntimeError
        If the repaired plan breaks a rule with something that may move.
    """
    changed = as_changed(facts, scenario)
    told = standings(facts, plan.courses, scenario)
    began, worked = time.monotonic(), time.process_time()
    found = repair(changed, told, scenario.now, seconds=REPAIRED)
    seconds, processor = time.monotonic() - began, time.process_time() - worked
    movable = {name for one in told for name in one.movable}
    wrong = [one for one in found.stuck if movable.issuperset(one.activities)]
    if wrong:
        raise RuntimeError(f"{scenario.name}: the referee refuses the repair: {wrong[0].rule}: {wrong[0].message}")
    return Row(scenario.name, found, round(seconds, 1), round(processor, 1), _moved_anew(changed, told, scenario))


def _moved_anew(facts: Facts, told: Sequence[Standing], scenario: Scenario) -> int:
    """How many visits that may move planning anew moves or drops."""
    anew = make_plan(facts, time_limit=PLANNED)
    ids = frozenset(name for one in told for name in one.movable)
    old = replace(anew, courses=tuple(with_only(one.course, ids) for one in told))
    new = replace(anew, courses=tuple(with_only(one, ids) for one in anew.courses))
    count = counts(plan_diff(old, new, facts, now=scenario.now).visits)
    return count["moved"] + count["dropped"]


HEADINGS = (
    "what happens", "doses lost", "visits moved", "retimed", "price", "bound", "proven", "stuck", "seconds",
    "of a processor", "planned anew: visits moved",
)  # fmt: skip


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for row in rows:
        found = row.found
        cells = (
            row.scenario,
            str(sum(one.dose is not None for one in found.plan.unplanned)),
            str(found.visits_moved),
            str(found.visits_retimed),
            " / ".join(f"{one:,}" for one in found.price),
            " / ".join(f"{one:,}" for one in found.bound),
            " / ".join("yes" if one else "no" for one in found.proven),
            str(len({name for one in found.stuck for name in one.activities})),
            f"{row.seconds:.1f}",
            f"{row.processor:.1f}",
            str(row.anew),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def section(rows: Iterable[Row]) -> str:
    """The section of docs/benchmarks.md between its two marks."""
    return f"""{BEGIN}

## Repairs

Written by `make repair-bench`. Machine: {machine()}.
`{PROGRAM}`, planned once in {PLANNED:g} s and published. Then something happens, {AHEAD} days ahead unless it says
otherwise, from {MIDWAY:%-d %B %Y} on (about half of all doses are given) or, in the fullest weeks, from
{FULLEST:%-d %B %Y} on (after Chuseok, with four fills on nearly every day). Visits within the patients' fence and plant
work within the plant's stay. Price and bound are level 1 and the price of the moved visits ([domain.md](domain.md)
section 5); the bound holds over all courses and everything that may move. *Proven*, in turn: no repair keeps more
doses; none that keeps as many moves visits for less; none of these retimes fewer. *Stuck* counts steps that break a
rule and may not move: they are decisions for people. Beside the seconds that passed stand those a processor worked,
which other work on the machine does not stretch. *Planned anew* is the same program planned for quality alone: how
many of the visits that may move it would move.

{table(rows)}
{END}
"""


def with_section(page: str, text: str) -> str:
    """The page with its section of repairs replaced, or put at its end."""
    if BEGIN not in page:
        return f"{page.rstrip()}\n\n{text}"
    before, _, old = page.partition(BEGIN)
    rest = old.partition(END)[2].lstrip()
    return f"{before}{text}\n{rest}" if rest else before + text


def main() -> None:
    """Measure all scenarios and write their section."""
    facts = load_program(PROGRAM)
    plan = make_plan(facts, time_limit=PLANNED)
    rows: list[Row] = []
    for scenario in scenarios(facts):
        rows.append(measure(facts, plan, scenario))
        print(table(rows[-1:]).splitlines()[-1], flush=True)
    docs = Path("docs")
    write_all(docs, {PAGE: with_section((docs / PAGE).read_text(encoding="utf-8"), section(rows))})


if __name__ == "__main__":
    main()
