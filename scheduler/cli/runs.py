"""Commands for runs of the plan: plan-run ask, plan-run list, plan-run show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.frame import FLAWED, PLANNER, app, database
from scheduler.console import say, table
from scheduler.domain.errors import BadInput

if TYPE_CHECKING:
    from scheduler.persistence.tables_plans import PlanRunRow

SHOWN = 30

group = typer.Typer(no_args_is_help=True, help="Ask for a run of the plan, and see what became of runs.")
app.add_typer(group, name="plan-run")


@group.command(epilog="Example: marrowline plan-run ask")
def ask() -> None:
    """Ask for a run now; a worker takes it up within seconds. One that waits already is given instead."""
    from scheduler.persistence.unit_of_work import UnitOfWork
    from scheduler.reoptimise import runs
    from scheduler.reoptimise.shift import program_zone

    with database() as (opened, clock):
        zone = program_zone(opened)
        if zone is None:
            raise BadInput("database", "program", "is not there yet", "Run 'marrowline import PROGRAM' first")
        with UnitOfWork(opened, now=clock(), principal=PLANNER) as work:
            number = runs.ask(work, zone).id
            work.commit()
    say(f"Run {number} waits for a worker. Look at it with: marrowline plan-run show {number}")


@group.command("list", epilog="Example: marrowline plan-run list")
def list_() -> None:
    """The latest runs, the newest first."""
    from scheduler.persistence import runs

    with database() as (opened, _clock), opened.session() as session:
        rows = runs.newest(session, before=None, limit=SHOWN)
    table(("run", "night of", "status", "reason"), [_line(one) for one in rows])


@group.command(epilog="Example: marrowline plan-run show 12")
def show(number: Annotated[int, typer.Argument(metavar="RUN", min=1, help="The number of the run.")]) -> None:
    """What became of a run, with its figures; ends with 1 where it failed."""
    from scheduler.persistence import runs

    with database() as (opened, _clock), opened.session() as session:
        row = runs.run(session, number)
    if row is None:
        raise BadInput("plan-run", "run", f"{number} is not there", "Take a number from 'marrowline plan-run list'")
    say(" ".join(one for one in (f"Run {number}, for {row.local_date}: {row.status}.", row.reason) if one))
    for name, value in json.loads(row.result or "{}").items():
        say(f"{name.replace('_', ' ')}: {json.dumps(value, ensure_ascii=False)}")
    if row.status == "failed":
        raise typer.Exit(FLAWED)


def _line(row: PlanRunRow) -> tuple[str, ...]:
    return str(row.id), str(row.local_date), row.status, row.reason or ""
