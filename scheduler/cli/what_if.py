"""The command that asks what if: two plans of a program side by side, or what is booked under other facts."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from scheduler.cli.frame import FLAWED, PLANNER, app, database
from scheduler.cli.plans import Seed, TimeLimit, check_seconds, made, refuse_if_broken
from scheduler.console import say, table
from scheduler.documents.files import prepare, write_all
from scheduler.documents.plan_files import write_plan
from scheduler.documents.plan_reader import read_plan
from scheduler.documents.summary import Summary, summarise, summary_json
from scheduler.documents.what_if import (
    HEADINGS,
    SENTENCES,
    Figure,
    figures,
    in_words,
    load_in_words,
    table_rows,
    verdict,
)
from scheduler.domain.course import Capacity, Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan
from scheduler.domain.what_if import CAPACITIES, Change, PolicyChange
from scheduler.programs import load_program
from scheduler.programs.changes import change_json, checked_facts, read_changes

FORMAT = "marrowline-what-if/1"
NAME = "what-if"
EXAMPLE = 'Example: marrowline what-if alsummit --change "units YONGIN suite +1" --time-limit 20'


@app.command(NAME, epilog=EXAMPLE)
def what_if(
    program: Annotated[str | None, typer.Argument(help="A program's name or path; not with --booked.")] = None,
    other: Annotated[str | None, typer.Argument(help="Another program to compare it with.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--change", help="What shall be different; may be given again.")
    ] = None,
    booked: Annotated[bool, typer.Option("--booked", help="Ask it of the plan in force in the database.")] = False,
    time_limit: TimeLimit = 10.0,
    seed: Seed = 0,
    before: Annotated[
        Path | None, typer.Option("--before", help="A plan.json of the program, not to plan anew.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Directory to keep both plans in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show before and after: what more units, other hours, a holiday or another policy would do to a plan.

    Changes are written as docs/what-if.md lists them. With --booked the plan in force is repaired under the changed
    facts in a sandbox and nothing is written; --time-limit is then the limit of the whole answer. A plan after the
    changes that lacks doses ends with 1.
    """
    changes = read_changes(change or ())
    check_seconds(time_limit)
    if booked:
        _refuse_with_booked(program, before, out)
        _ask_the_booked(changes, time_limit, as_json=as_json)
    else:
        _ask_the_program(program or "alsummit", other, changes, time_limit, seed, before, out, as_json=as_json)


def _ask_the_program(
    program: str,
    other: str | None,
    changes: Sequence[Change],
    time_limit: float,
    seed: int,
    before: Path | None,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    if not changes and other is None:
        raise BadInput("--change", "change", "is missing", "Say what shall be different, or name a second program")
    facts = load_program(program)
    after = checked_facts(load_program(other or program, capacity=_capacity(changes)), changes)
    for folder in _folders(out):
        prepare(folder)
    old = made(facts, time_limit, seed) if before is None else _kept(before, facts)
    new = made(after, time_limit, seed)
    for plan, known in ((old, facts), (new, after)):
        refuse_if_broken(plan, known)
    summaries = summarise(old, facts), summarise(new, after)
    what = "; ".join([*([f"{program} -> {other}"] if other else []), *map(str, changes)])
    listed = figures(*summaries)
    sentences = (in_words(what, *summaries), load_in_words(listed), SENTENCES[verdict(*summaries)])
    document = _document(changes, listed, sentences) | {
        name: json.loads(summary_json(one)) for name, one in zip(("before", "after"), summaries, strict=True)
    }
    _keep(out, ((old, summaries[0], facts), (new, summaries[1], after)), document)
    _show(listed, sentences, document, as_json=as_json)
    raise typer.Exit(FLAWED if summaries[1].doses_unplanned else 0)


def _ask_the_booked(changes: Sequence[Change], seconds: float, *, as_json: bool) -> None:
    if not changes:
        raise BadInput("--change", "change", "is missing", "Say what shall be different")
    until = time.monotonic() + seconds
    # These take half a second to import: only questions to a database pay for them.
    from scheduler.booking.board import Board
    from scheduler.persistence.unit_of_work import UnitOfWork
    from scheduler.reoptimise import what_if as asked

    if not asked.LEAST_SECONDS <= seconds <= asked.MOST_SECONDS:
        remedy = f"Write a number from {asked.LEAST_SECONDS:g} to {asked.MOST_SECONDS:g}"
        raise BadInput("--time-limit", "seconds", f"{seconds:g} is out of range", remedy)
    with database() as (opened, clock):
        with UnitOfWork(opened, now=clock(), principal=PLANNER, write=False) as work:
            found = asked.read_booked(work, Board())
        answer = asked.what_if(found, changes, until - time.monotonic())
    document = _document(changes, answer.figures, answer.sentences) | {"cut_short": answer.cut_short}
    _show(answer.figures, answer.sentences, document, as_json=as_json)
    lost = next((one.after for one in answer.figures if one.name == "doses lost"), None)
    raise typer.Exit(FLAWED if lost or answer.cut_short else 0)


def _refuse_with_booked(program: str | None, before: Path | None, out: Path | None) -> None:
    for name, given in (("PROGRAM", program), ("--before", before), ("--out", out)):
        if given is not None:
            raise BadInput(name, NAME, "cannot be given with --booked", "The database knows its program and its plan")


def _capacity(changes: Sequence[Change]) -> Capacity | None:
    """The capacity some change asks for: only where that knows the arms is their list opened."""
    asked = [one.value for one in changes if isinstance(one, PolicyChange) and one.key == "capacity"]
    return next((one for one in CAPACITIES if asked and one == asked[-1]), None)


def _kept(path: Path, facts: Facts) -> Plan:
    plan = read_plan(path)
    if plan.program != facts.program:
        problem = f"is of program {plan.program!r}, not of {facts.program!r}"
        raise BadInput(str(path), "program", problem, "Name a plan of the program, or leave --before out")
    return plan


def _folders(out: Path | None) -> list[Path]:
    return [] if out is None else [out / "before", out / "after"]


def _keep(out: Path | None, plans: Sequence[tuple[Plan, Summary, Facts]], document: dict[str, Any]) -> None:
    for folder, (plan, summary, facts) in zip(_folders(out), plans, strict=False):
        write_plan(plan, summary, facts, folder)
    if out is not None:
        write_all(out, {"what-if.json": _json(document)})


def _document(changes: Sequence[Change], listed: Sequence[Figure], sentences: Sequence[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "changes": [{"line": str(one), **change_json(one)} for one in changes],
        "figures": [
            {
                "name": one.name,
                "unit": one.unit,
                "before": one.before,
                "after": one.after,
                "difference": one.difference,
            }
            for one in listed
        ],
        "sentences": list(sentences),
    }


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _show(listed: Sequence[Figure], sentences: Sequence[str], document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(_json(document))
        return
    if listed:
        table(HEADINGS, table_rows(listed))
    for one in sentences:
        say(one)
