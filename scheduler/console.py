"""What the command line prints: tables, lists and a progress bar; plain text where no terminal listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from scheduler.documents.readable import course_rows, shelf_life_lines, summary_lines
from scheduler.documents.summary import Summary
from scheduler.domain.course import Facts
from scheduler.domain.plan import Levels, Plan, PlannedCourse, Unplanned
from scheduler.domain.rules import Violation
from scheduler.planning.progress import Progress

PLAIN_WIDTH = 160
SHOWN_PER_RULE = 10


def console(*, stderr: bool = False) -> Console:
    """A console that takes every text literally; wide where no terminal listens, so that files keep whole lines."""
    found = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not found.is_terminal:
        found.width = PLAIN_WIDTH
    return found


def say(text: str = "") -> None:
    """One line on standard output."""
    console().print(text, soft_wrap=True)


def complain(text: str) -> None:
    """One line on standard error."""
    console(stderr=True).print(text, soft_wrap=True)


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A table on standard output."""
    shown = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        shown.add_row(*row)
    console().print(shown)


def say_summary(summary: Summary) -> None:
    """The figures of a plan, one a line."""
    for label, words in summary_lines(summary):
        say(f"{label:24}{words}")


def say_unplanned(unplanned: Iterable[Unplanned]) -> None:
    """What has no place in the plan, with the reasons."""
    for one in unplanned:
        what = "follow-up visit" if one.dose is None else f"dose {one.dose}"
        say(f"{one.patient}, {what}: unplanned; {'; '.join(one.reasons)}")


def say_violations(violations: list[Violation]) -> None:
    """Violations grouped by rule, the first few of each."""
    by_rule: dict[str, list[Violation]] = {}
    for one in violations:
        by_rule.setdefault(one.rule, []).append(one)
    for rule, broken in by_rule.items():
        say(f"{rule}: broken {len(broken)} time{'' if len(broken) == 1 else 's'}")
        for one in broken[:SHOWN_PER_RULE]:
            say(f"  {', '.join(one.activities) or one.patient or 'the plan'}: {one.message}")
        if len(broken) > SHOWN_PER_RULE:
            say(f"  and {len(broken) - SHOWN_PER_RULE} more")


def say_course(plan: Plan, course: PlannedCourse, facts: Facts) -> None:
    """One patient's course: every activity in local time, and what is left of each dose's shelf life."""
    say(f"{course.patient} at {course.site}, registered {course.registered_on:%a %Y-%m-%d}, {course.weight_kg:g} kg")
    rows = course_rows(course, facts)
    headings = ("day", "start", "end", "time zone", "place", "step", "dose", "units", "remark")
    table(headings, rows)
    if len({row.zone for row in rows}) > 1:
        say("A transit starts in its origin's time zone and ends in its destination's.")
    for line in shelf_life_lines(plan, course.patient, facts):
        say(line)
    say_unplanned(one for one in plan.unplanned if one.patient == course.patient)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[Progress], None]]:
    """Show a planning run on standard error: a bar on a terminal, elsewhere one plain line for each new stage."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield _StageLines(what)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[levels]}"), TimeElapsedColumn())
    with ProgressBar(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(what, total=1.0, levels="")

        def show(one: Progress) -> None:
            bar.update(task, description=f"{what}: {one.stage}", completed=one.done, levels=_levels(one))

        yield show


class _StageLines:
    """Prints a line for every new stage."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.stage = ""

    def __call__(self, one: Progress) -> None:
        if one.stage != self.stage:
            self.stage = one.stage
            complain(f"{self.what}: {one.stage} {_levels(one)}".rstrip())


def _levels(one: Progress) -> str:
    shown = ((word, levels) for word, levels in (("cost", one.cost), ("bound", one.bound)) if levels is not None)
    return " ".join(f"{word} {_slashed(levels)}" for word, levels in shown)


def _slashed(levels: Levels) -> str:
    return "/".join(str(level) for level in levels)
