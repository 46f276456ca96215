"""The commands that ask why: why-not and why-so-late, against the database, as a planner."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.frame import PLANNER, app, database
from scheduler.console import say
from scheduler.domain.errors import BadInput

if TYPE_CHECKING:
    from scheduler.planning.why_not import Answer
    from scheduler.planning.why_so_late import Lateness

NO, UNDECIDED = 1, 3
CODES = {"yes": 0, "no": NO, "undecided": UNDECIDED}

PatientArgument = Annotated[str, typer.Argument(metavar="PATIENT", help="A study id, such as HYU-012.")]
SecondsOption = Annotated[float, typer.Option("--seconds", min=0, max=3600, help="How long to look at most.")]


@app.command("why-not", epilog="Example: marrowline why-not HYU-012 2027-03-23 --dose 2")
def why_not(
    patient: PatientArgument,
    on: Annotated[str, typer.Argument(metavar="DATE", help="The local date of the site, such as 2027-03-23.")],
    dose: Annotated[
        int | None, typer.Option("--dose", min=1, max=99, help="By default the course's first step.")
    ] = None,
    step: Annotated[str | None, typer.Option("--step", help="Another step the patient attends.")] = None,
    follow_up: Annotated[str | None, typer.Option("--follow-up", help="A follow-up visit by its name.")] = None,
    others_move: Annotated[bool, typer.Option("--others-move", help="Others may move as well.")] = False,
    seconds: SecondsOption = 30.0,
) -> None:
    """Whether a visit can be on a date, beside everything that is booked: yes and how, or no and why. Changes nothing.

    Ends with 0 for a yes, with 1 for a no, which is proved, and with 3 when the time was too short to decide.
    """
    from scheduler.booking.board import Board
    from scheduler.booking.errors import Refused
    from scheduler.booking.why_not import Visit, read
    from scheduler.persistence.unit_of_work import UnitOfWork
    from scheduler.planning.why_not import why_not as decided

    visit, asked_on = Visit(dose, step, follow_up), _date(on)
    with database() as (opened, clock):
        try:
            with UnitOfWork(opened, now=clock(), principal=PLANNER, write=False) as work:
                found = read(work, Board(), patient, visit, asked_on, others_move=others_move)
        except Refused as refused:
            raise _bad(patient, refused.slug, refused.sentence) from refused
    assert found.question is not None
    answer = decided(found.situation, found.question, seconds=seconds, others=found.others)
    _tell(answer)
    raise typer.Exit(CODES[answer.verdict])


@app.command("why-so-late", epilog="Example: marrowline why-so-late HYU-012")
def why_so_late(patient: PatientArgument, seconds: SecondsOption = 60.0) -> None:
    """What keeps a patient's next dose from being earlier, rule by rule in days. Changes nothing.

    Ends with 0 when every step is proved, with 1 when the dose has no place at all, with 3 when the time was too short.
    """
    from scheduler.booking.board import Board
    from scheduler.booking.errors import Refused
    from scheduler.booking.why_not import read
    from scheduler.persistence.unit_of_work import UnitOfWork
    from scheduler.planning.why_so_late import why_so_late as decided

    with database() as (opened, clock):
        try:
            with UnitOfWork(opened, now=clock(), principal=PLANNER, write=False) as work:
                found = read(work, Board(), patient, None, None)
        except Refused as refused:
            raise _bad(patient, refused.slug, refused.sentence) from refused
    late = decided(found.situation, seconds=seconds)
    _tell_late(late)
    raise typer.Exit(CODES[late.verdict])


def _tell(answer: Answer) -> None:
    said = {"yes": "YES", "no": "NO, proved", "undecided": "NOT DECIDED in the time given"}
    say(f"{said[answer.verdict]}.")
    if answer.course is not None and answer.cost is not None:
        now = "no course yet" if answer.cost_now is None else f"now {_levels(answer.cost_now)}"
        say(f"The course costs {_levels(answer.cost)} ({now}).")
        say(f"Other visits that move: {', '.join(answer.moved) or 'none'}.")
        for one in answer.others:
            say(f"{one.patient} moves to make room.")
    for reason in answer.reasons:
        say(f"  because {reason.sentence} [{reason.rule}]")
    for change in answer.changes:
        say(f"  possible {change.sentence} [{change.kind}]")
    if answer.verdict == "no" and not answer.explained:
        say("  Not all reasons could be worked out in the time given.")


def _tell_late(late: Lateness) -> None:
    if late.dose is None:
        say("No dose can move any more.")
        return
    booked = "not booked" if late.booked_on is None else f"booked for {late.booked_on}"
    say(f"Dose {late.dose}: registered on {late.registered_on}, {booked}.")
    if late.bare_on is not None:
        say(f"  {late.bare_on}  the steps alone")
    for part in late.parts:
        say(f"  {part.earliest_on}  +{part.days} d  {part.sentence}")
    if late.earliest_on is not None:
        say(f"Earliest possible as things are: {late.earliest_on}.")
    elif late.verdict == "undecided":
        say("The rest was not decided in the time given.")


def _levels(cost: tuple[int, int, int]) -> str:
    return "/".join(map(str, cost))


def _date(written: str) -> date:
    try:
        return datetime.strptime(written, "%Y-%m-%d").date()
    except ValueError as error:
        raise BadInput("DATE", "date", f"{written!r} is no date", "Write it as 2027-03-23") from error


def _bad(patient: str, slug: str, sentence: str) -> BadInput:
    head, _, remedy = sentence.rstrip(".").partition(". ")
    return BadInput(patient, slug, head, remedy or "Check the patient, the visit and the date")
