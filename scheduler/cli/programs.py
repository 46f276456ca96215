"""Commands that set a database up: migrate and import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.frame import PLANNER, app, database
from scheduler.cli.plans import TimeLimit, check_seconds, made
from scheduler.console import say
from scheduler.documents.plan_json import plan_json
from scheduler.documents.plan_reader import plan_from_json
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan
from scheduler.programs import load_program
from scheduler.programs.files import read_text

if TYPE_CHECKING:
    from scheduler.booking.import_program import Imported
    from scheduler.clock import Clock
    from scheduler.persistence.database import Database


@app.command(epilog="Example: MARROWLINE_DATABASE_URL=sqlite:///trial.db marrowline migrate")
def migrate() -> None:
    """Create the tables of the database, or bring them to this version. Safe to run again, and from several places."""
    with database(current=False) as (opened, _clock):
        before = opened.revision()
        opened.migrate()
        now = opened.revision()
    say(f"The tables are at revision {now}" + (", as they were" if now == before else f", from {before or 'nothing'}"))


@app.command("import", epilog="Example: marrowline import alsummit --plan out/alsummit/plan.json")
def import_(
    program: Annotated[str, typer.Argument(help="A shipped program's name, or the path of a program file.")],
    plan_json: Annotated[
        Path | None, typer.Option("--plan", metavar="PLAN_JSON", help="Book this plan instead of making one.")
    ] = None,
    time_limit: TimeLimit = 30.0,
) -> None:
    """Enter a program, its patients and their planned courses into the database.

    A database serves one program, and a running program keeps its facts. Importing the same again changes nothing.
    The plan is judged by every rule; what breaks one is not booked.
    """
    check_seconds(time_limit)
    facts = load_program(program)
    text = None if plan_json is None else read_text(plan_json)
    given = None if text is None else plan_from_json(text, str(plan_json))
    if given is not None and given.program != facts.program:
        raise BadInput(str(plan_json), "program", f"is a plan of {given.program}", f"Give a plan of {facts.program}")
    with database() as (opened, clock):
        if given is None and _all_without_course(opened, clock, facts):
            given = made(facts, time_limit, seed=0)
            text = plan_json_of(given, facts)
        found = imported(opened, clock, program, facts, given, text or "")
    _tell(facts, found)


def plan_json_of(plan: Plan, facts: Facts) -> str:
    """The document of a plan."""
    return plan_json(plan, facts.network)


def imported(opened: Database, clock: Clock, program: str, facts: Facts, plan: Plan | None, document: str) -> Imported:
    """Import a program and book its plan, in one transaction."""
    from scheduler.booking.board import Board
    from scheduler.booking.import_program import import_program
    from scheduler.persistence.bundle import bundle_of
    from scheduler.persistence.unit_of_work import UnitOfWork

    with UnitOfWork(opened, now=clock(), principal=PLANNER) as work:
        found = import_program(work, Board(), bundle_of(program), facts, plan, document)
        work.commit()
    return found


def _all_without_course(opened: Database, clock: Clock, facts: Facts) -> bool:
    """Whether the program has patients and nobody has a course: a plan made now would know of no other bookings."""
    from scheduler.persistence import repositories
    from scheduler.persistence.unit_of_work import UnitOfWork

    with UnitOfWork(opened, now=clock(), principal=PLANNER, write=False) as work:
        taken = repositories.courses(work.session, site=None, after="", limit=1)
    return bool(facts.patients) and not taken


def _tell(facts: Facts, found: Imported) -> None:
    if not (found.program or found.patients or found.courses):
        say(f"{facts.program}: nothing new; program, patients and courses are as they were")
        return
    say(
        f"{facts.program}: {'program entered' if found.program else 'program as it was'}, "
        f"{found.patients} new patients, {found.courses} courses booked"
    )
