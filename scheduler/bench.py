"""Measure every shipped program: ``python -m scheduler.bench [PROGRAM ...]`` prints a table and keeps it in docs/.

Each program runs in a process of its own, so that its peak memory is its own. The baseline is first come, first
served: same facts, same referee, same clock.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scheduler.documents.files import write_all
from scheduler.documents.summary import gap_of
from scheduler.domain.plan import Levels
from scheduler.domain.rules import violations
from scheduler.planning.planner import first_come_first_served_plan, make_plan
from scheduler.planning.progress import Progress
from scheduler.programs import load_program, shipped_programs

TIME_LIMIT = 30.0
PAGE = "benchmarks.md"


@dataclass(frozen=True)
class Row:
    """What one program measured; seconds count from the loaded facts, `gap` is in per cent per level."""

    program: str
    patients: int
    first_seconds: float
    first_cost: Levels
    seconds: float
    cost: Levels
    bound: Levels
    gap: tuple[float, float, float]
    unplanned: int
    peak_mb: int
    greedy_seconds: float
    greedy_cost: Levels


def measure(name: str) -> Row:
    """Plan one program twice, by the planner and first come, first served; both must pass the referee.

    Raises
    ------
    RuntimeError
        If the referee refuses either plan.
    """
    facts = load_program(name)
    began = time.monotonic()
    first: list[tuple[float, Levels]] = []

    def watch(report: Progress) -> None:
        if report.cost is not None and not first:
            first.append((time.monotonic() - began, report.cost))

    plan = make_plan(facts, time_limit=TIME_LIMIT, progress=watch)
    seconds = time.monotonic() - began
    greedy = first_come_first_served_plan(facts)
    for one in (plan, greedy):
        broken = violations(one, facts)
        if broken:
            raise RuntimeError(f"{name}: the referee refuses the plan: {broken[0].rule}: {broken[0].message}")
    found = first[0] if first else (seconds, plan.cost)
    return Row(
        program=name,
        patients=len(facts.patients),
        first_seconds=round(found[0], 1),
        first_cost=found[1],
        seconds=round(seconds, 1),
        cost=plan.cost,
        bound=plan.bound,
        gap=gap_of(plan.cost, plan.bound, facts.policy.waiting_day_cost).percent,
        unplanned=len(plan.unplanned),
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        greedy_seconds=greedy.wall_seconds,
        greedy_cost=greedy.cost,
    )


def _in_own_process(name: str) -> Row:
    done = subprocess.run(
        [sys.executable, "-m", "scheduler.bench", "--row", name], check=True, stdout=subprocess.PIPE, text=True
    )
    raw: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
    return Row(**values)


def machine() -> str:
    """The machine in words: processor, cores, Python."""
    name = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        models = [line.split(":", 1)[1].strip() for line in listing.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _levels(levels: Levels) -> str:
    return " / ".join(f"{level:,}" for level in levels)


HEADINGS = (
    "program", "patients", "first plan, s", "final plan, s", "cost", "bound", "gap, %", "unplanned", "peak, MB",
    "first come, s", "first come, cost",
)  # fmt: skip


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + "---|" * len(HEADINGS)]
    for row in rows:
        cells = (
            row.program,
            str(row.patients),
            f"{row.first_seconds:.1f}",
            f"{row.seconds:.1f}",
            _levels(row.cost),
            _levels(row.bound),
            " / ".join(f"{one:.3f}" for one in row.gap),
            str(row.unplanned),
            str(row.peak_mb),
            f"{row.greedy_seconds:.1f}",
            _levels(row.greedy_cost),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def page(rows: list[Row]) -> str:
    """docs/benchmarks.md."""
    return f"""# Benchmarks

Written by `make bench`. Machine: {machine()}.
Time limit {TIME_LIMIT:g} s a program; seconds count from the loaded facts. Cost and bound are the three levels of
[domain.md](domain.md) section 5: level 1 / level 2 / level 3. The gap is what is not proven, in per cent of the cost.
*First come* is the baseline: in the order of registration, each patient takes the earliest complete course that
passes every rule and is never moved again. Every plan in the table passed the referee. Times depend on the machine and
on what else it does; compare rows of one run.

{table(rows)}"""


def _other_sections(path: Path) -> str:
    """What other benchmarks wrote on the page, from the first mark of theirs on."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    _, mark, rest = text.partition("<!-- ")
    return f"\n{mark}{rest}" if mark else ""


def main(arguments: list[str]) -> None:
    """Measure the named programs, or all, and write docs/benchmarks.md when all were measured."""
    if arguments[:1] == ["--row"]:
        print(json.dumps(asdict(measure(arguments[1]))))
        return
    rows: list[Row] = []
    for name in arguments or [one.name for one in shipped_programs()]:
        print(f"measuring {name} ...", file=sys.stderr)
        rows.append(_in_own_process(name))
    print(table(rows))
    if not arguments:
        write_all(Path("docs"), {PAGE: page(rows) + _other_sections(Path("docs") / PAGE)})


if __name__ == "__main__":
    main(sys.argv[1:])
