"""Commands that plan, and that read plans: plan, check, programs, show, export."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from scheduler.cli.frame import FLAWED, app
from scheduler.console import complain, progress_bar, say, say_course, say_summary, say_unplanned, say_violations, table
from scheduler.documents.blinded import share_of, site_view
from scheduler.documents.files import prepare, write_all
from scheduler.documents.plan_files import write_plan
from scheduler.documents.plan_reader import read_plan
from scheduler.documents.summary import summarise
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan
from scheduler.domain.rules import violations
from scheduler.programs import load_program, shipped_programs

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN_JSON", help="A plan.json file.")]
ProgramOption = Annotated[
    str | None, typer.Option("--program", help="The program the plan was made for; the plan names it by itself.")
]
ProgramArgument = Annotated[
    str | None, typer.Argument(metavar="[PROGRAM]", help="Name or path; by default the program the plan names.")
]
TimeLimit = Annotated[float, typer.Option("--time-limit", help="Seconds to spend on improving and proving.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Another seed searches in another order.")]


@app.command(epilog="Example: marrowline plan alsummit --out out/alsummit --time-limit 30")
def plan(
    out: Annotated[Path, typer.Option("--out", help="Directory for plan.json, plan.csv and summary.json.")],
    program: Annotated[
        str, typer.Argument(help="A shipped program's name, or the path of a program file.")
    ] = "alsummit",
    time_limit: TimeLimit = 30.0,
    seed: Seed = 0,
) -> None:
    """Plan every patient's course of a program and write the plan.

    The plan is judged by every rule before it is written: a plan that breaks one is never written.
    """
    facts = load_program(program)
    finish(planned(facts, out, time_limit, seed))


@app.command(epilog="Example: marrowline check out/alsummit/plan.json")
def check(plan_json: PlanFile, program: ProgramArgument = None) -> None:
    """Judge a plan by every rule, and name each one it breaks."""
    plan, facts = _read(plan_json, program)
    broken = violations(plan, facts)
    say_violations(broken)
    say_unplanned(plan.unplanned)
    if not broken:
        say(f"{facts.program}: {len(plan.courses)} courses obey every rule, {len(plan.unplanned)} entries unplanned")
    raise typer.Exit(FLAWED if broken or plan.unplanned else 0)


@app.command(epilog="Example: marrowline programs")
def programs() -> None:
    """List the programs that come with the product."""
    table(("program", "what it is"), ((one.name, one.title) for one in shipped_programs()))


@app.command(epilog="Example: marrowline show out/alsummit/plan.json --patient HYU-001")
def show(
    plan_json: PlanFile,
    patient: Annotated[str, typer.Option("--patient", help="A study id such as HYU-001.")],
    program: ProgramOption = None,
) -> None:
    """Show one patient's course: where, when, with which unit, and what is left of each dose's shelf life."""
    plan, facts = _read(plan_json, program)
    say_course_of(plan, patient, facts, str(plan_json))


@app.command(epilog="Example: marrowline export out/alsummit/plan.json --audience site:HYU --out hyu.json")
def export(
    plan_json: PlanFile,
    audience: Annotated[str, typer.Option("--audience", help="Who will read it: site:CODE.")],
    out: Annotated[Path | None, typer.Option("--out", help="A file; without it the view goes to the screen.")] = None,
    program: ProgramOption = None,
) -> None:
    """Write the view one site may see: its own visits, arrivals and give-by times; no arm, no lot, no plant.

    A plan that breaks a rule is not exported.
    """
    kind, _, site = audience.partition(":")
    if kind != "site" or not site:
        raise BadInput("--audience", "audience", f"{audience!r} is not known", "Write site:CODE, such as site:HYU")
    plan, facts = _read(plan_json, program)
    refuse_if_broken(plan, facts)
    text = site_view(share_of(plan, facts, site), facts.protocol, facts.network, facts.policy.max_wait_days)
    if out is None:
        sys.stdout.write(text)
    else:
        write_all(out.parent, {out.name: text})


def planned(facts: Facts, out: Path, time_limit: float, seed: int) -> Plan:
    """Plan, judge, write and tell; the directory is tried first, so that no minute is spent for nothing."""
    check_seconds(time_limit)
    prepare(out)
    plan = made(facts, time_limit, seed)
    refuse_if_broken(plan, facts)
    summary = summarise(plan, facts)
    write_plan(plan, summary, facts, out)
    say_summary(summary)
    say_unplanned(plan.unplanned)
    say(f"Written to {out}: plan.json, plan.csv, summary.json")
    return plan


def made(facts: Facts, time_limit: float, seed: int) -> Plan:
    """A plan of the program, not judged yet, with its progress on standard error."""
    check_seconds(time_limit)
    # The solver takes a second to import: only commands that plan pay for it.
    from scheduler.planning.planner import make_plan

    with progress_bar(f"Planning {facts.program}") as progress:
        return make_plan(facts, seed=seed, time_limit=time_limit, progress=progress)


def check_seconds(time_limit: float) -> None:
    """BadInput unless this is a length of time."""
    if not (math.isfinite(time_limit) and time_limit > 0):
        raise BadInput("--time-limit", "seconds", f"{time_limit} is not a length of time", "Write a number above 0")


def finish(plan: Plan) -> NoReturn:
    """End with the exit code of a plan."""
    raise typer.Exit(FLAWED if plan.unplanned else 0)


def refuse_if_broken(plan: Plan, facts: Facts) -> None:
    """End with the exit code of a flawed plan, naming the rules, when it breaks any."""
    broken = violations(plan, facts)
    if broken:
        say_violations(broken)
        complain("marrowline: the plan breaks rules; nothing was written")
        raise typer.Exit(FLAWED)


def _read(plan_json: Path, program: str | None) -> tuple[Plan, Facts]:
    plan = read_plan(plan_json)
    return plan, load_program(program or plan.program)


def say_course_of(plan: Plan, patient: str, facts: Facts, where: str) -> None:
    """Print one patient's course; BadInput naming `where` when the plan has none."""
    course = next((one for one in plan.courses if one.patient == patient), None)
    if course is None:
        known = ", ".join(one.patient for one in plan.courses[:3])
        raise BadInput(where, "patient", f"has no course of {patient!r}", f"Name a patient of the plan: {known} ...")
    say_course(plan, course, facts)
