"""The command that compares two plans: diff."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from scheduler.cli.frame import FLAWED, app, clock_of
from scheduler.cli.plans import ProgramOption, refuse_if_broken
from scheduler.console import say
from scheduler.documents.diff_blinded import site_diff_json, site_share
from scheduler.documents.diff_json import diff_json
from scheduler.documents.diff_reader import read_reasons
from scheduler.documents.diff_text import diff_lines, site_diff_lines
from scheduler.documents.plan_reader import read_plan
from scheduler.domain.course import Facts
from scheduler.domain.diff import PlanDiff, plan_diff
from scheduler.domain.diff_reasons import closure_reasons, unplanned_reasons
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan
from scheduler.programs import load_program
from scheduler.settings import load_settings

OldPlan = Annotated[Path, typer.Argument(metavar="OLD_JSON", help="The plan.json people were told.")]
NewPlan = Annotated[Path, typer.Argument(metavar="NEW_JSON", help="The plan.json that shall replace it.")]


@app.command(
    epilog="Example: marrowline diff out/told/plan.json out/repaired/plan.json --now 2027-03-01T02:30:00+09:00"
)
def diff(
    old_json: OldPlan,
    new_json: NewPlan,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    audience: Annotated[str, typer.Option("--audience", help="Who will read it: plant, or site:CODE.")] = "plant",
    steps: Annotated[bool, typer.Option("--steps", help="List the steps of plant, couriers and pharmacies.")] = False,
    now: Annotated[str | None, typer.Option("--now", help="When it is told, with UTC offset; by default now.")] = None,
    reasons: Annotated[Path | None, typer.Option("--reasons", help="A JSON file that says why things change.")] = None,
    program: ProgramOption = None,
) -> None:
    """Compare two plans: which visits move, from when to when, why, and who must be told.

    Closures of the program and what the new plan says of unplanned doses are known as reasons; --reasons adds others.
    Plan files do not tell which visits are confirmed: none counts as such. A new plan with unplanned doses ends with 1.
    """
    site = _site(audience)
    old, new = read_plan(old_json), read_plan(new_json)
    _same_program(old, new, old_json, new_json)
    facts = load_program(program or new.program)
    why = {
        **unplanned_reasons(new),
        **closure_reasons(old, facts.network),
        **(read_reasons(reasons) if reasons else {}),
    }
    found = plan_diff(old, new, facts, now=_now(now), reasons=why)
    if site is not None:
        refuse_if_broken(new, facts)
        _say_to_site(found, facts, site, as_json=as_json)
    elif as_json:
        sys.stdout.write(diff_json(found, facts.network))
    else:
        _say_lines(diff_lines(found, facts, steps=steps))
    raise typer.Exit(FLAWED if new.unplanned else 0)


def _say_to_site(found: PlanDiff, facts: Facts, site: str, *, as_json: bool) -> None:
    share = site_share(found, facts, site)
    if as_json:
        sys.stdout.write(site_diff_json(share))
    else:
        _say_lines(site_diff_lines(share))


def _say_lines(lines: Iterable[str]) -> None:
    for line in lines:
        say(line)


def _site(audience: str) -> str | None:
    kind, _, site = audience.partition(":")
    if audience != "plant" and (kind != "site" or not site):
        raise BadInput("--audience", "audience", f"{audience!r} is not known", "Write plant, or site:CODE")
    return site or None


def _same_program(old: Plan, new: Plan, old_json: Path, new_json: Path) -> None:
    if old.program != new.program:
        problem = f"is of program {new.program!r}, but {old_json} is of {old.program!r}"
        raise BadInput(str(new_json), "program", problem, "Compare two plans of the same program")


def _now(written: str | None) -> datetime:
    if written is None:
        return clock_of(load_settings())()
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None or not 1900 <= found.year <= 9000:
        raise BadInput("--now", "time", f"{written!r} is not a time with UTC offset", "Write 2027-03-01T02:30:00+09:00")
    return found
