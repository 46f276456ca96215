"""Commands for what goes wrong: event KIND, and for what is proposed about it: proposal show, proposal diff."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from scheduler.cli.frame import FLAWED, PLANNER, app, database
from scheduler.console import say
from scheduler.domain import events
from scheduler.domain.audience import Principal, Role
from scheduler.domain.errors import BadInput
from scheduler.domain.events import Event

if TYPE_CHECKING:
    from scheduler.persistence.tables_plans import DecisionRow, PlanRow, ProposalRow
    from scheduler.persistence.unit_of_work import UnitOfWork
    from scheduler.reoptimise.answer import Answer

AT_SITES = replace(PLANNER, role=Role.COORDINATOR)
"""Who tells what was done with a patient, at any site."""

OUTCOMES = {
    "in_order": "Nothing has to move.",
    "published": "A repair is in force:",
    "proposed": "A repair waits for a planner's signature:",
    "undecided": "No repair changes anything; what is left are decisions.",
    "later": "No repair was found in the time there was; the next run of the plan looks again.",
}

group = typer.Typer(no_args_is_help=True, help="Say what went wrong; see whom it hits and what can be done.")
app.add_typer(group, name="event")
proposal = typer.Typer(no_args_is_help=True, help="Look at a plan that was proposed.")
app.add_typer(proposal, name="proposal")

Step = Annotated[str, typer.Argument(metavar="STEP", help="The id of the step, such as HYU-012/2/fill.")]
At = Annotated[str, typer.Option("--at", metavar="INSTANT", help="When it showed, with a UTC offset.")]
Since = Annotated[str, typer.Option("--from", metavar="INSTANT", help="Its first instant, with a UTC offset.")]
Until = Annotated[str, typer.Option("--until", metavar="INSTANT", help="Its end, with a UTC offset.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the plant's side.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


# --- one command a kind -----------------------------------------------------------------------------------------------


@group.command(epilog="Example: marrowline event lot-failed HYU-012/1/culture --at 2027-03-02T09:00+09:00")
def lot_failed(step: Step, at: At, as_json: AsJson = False) -> None:
    """A lot cannot be used; the dose is made again, from the bank where there is one."""
    _told(events.LotFailed(step, _instant("--at", at)), as_json)


@group.command(epilog="Example: marrowline event harvest-dry HYU-012/harvest --at 2027-03-02T09:00+09:00")
def harvest_dry(step: Step, at: At, as_json: AsJson = False) -> None:
    """A harvest gave nothing that can be cultured; it is done again."""
    _told(events.HarvestDry(step, _instant("--at", at)), as_json, AT_SITES)


@group.command(epilog="Example: marrowline event tap-failed HYU-012/1/csf_tap --at 2027-03-02T09:00+09:00")
def tap_failed(step: Step, at: At, as_json: AsJson = False) -> None:
    """A tap gave nothing and is not tried again on that day."""
    _told(events.TapFailed(step, _instant("--at", at)), as_json, AT_SITES)


@group.command(epilog="Example: marrowline event shipment-lost HYU-012/1/transit --at 2027-03-02T09:00+09:00")
def shipment_lost(step: Step, at: At, as_json: AsJson = False) -> None:
    """What a courier carried is lost, or comes too late to be used."""
    _told(events.ShipmentLost(step, _instant("--at", at)), as_json)


@group.command(epilog="Example: marrowline event shipment-late HYU-012/1/transit --arrives 2027-03-02T19:00+09:00")
def shipment_late(
    step: Step,
    arrives: Annotated[str, typer.Option("--arrives", metavar="INSTANT", help="When it arrives.")],
    as_json: AsJson = False,
) -> None:
    """A courier is late; what is carried may still be used if the steps after it can wait."""
    _told(events.ShipmentLate(step, _instant("--arrives", arrives)), as_json)


@group.command(
    epilog="Example: marrowline event out-of-service YONGIN --resource suite "
    "--from 2027-03-02T00:00+09:00 --until 2027-03-05T00:00+09:00 --reason Filters"
)
def out_of_service(
    where: Annotated[str, typer.Argument(metavar="WHERE", help="A place or courier lane.")],
    since: Since,
    until: Until,
    reason: Why,
    resource: Annotated[str | None, typer.Option("--resource", help="A kind of resource, by default all.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="One unit of the resource, by default all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Something does not work for a while."""
    during = _instant("--from", since), _instant("--until", until)
    _told(events.OutOfService(where, *during, reason, resource, unit), as_json)


@group.command(
    epilog="Example: marrowline event half-capacity HYU --from 2027-03-02T00:00+09:00 "
    "--until 2027-05-04T00:00+09:00 --reason Walk-out"
)
def half_capacity(
    site: Annotated[str, typer.Argument(metavar="SITE", help="The site's code.")],
    since: Since,
    until: Until,
    reason: Why,
    as_json: AsJson = False,
) -> None:
    """A site has half of its rooms; where there is one of a kind, it has that in the mornings."""
    _told(events.HalfCapacity(site, _instant("--from", since), _instant("--until", until), reason), as_json)


@group.command(epilog='Example: marrowline event holiday 2027-05-06 --name "Temporary holiday"')
def holiday(
    on: Annotated[str, typer.Argument(metavar="DATE", help="The local date.")],
    name: Annotated[str, typer.Option("--name", help="What it is called.")],
    place: Annotated[list[str] | None, typer.Option("--place", help="Where, by default everywhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """A day was declared a public holiday."""
    _told(events.TemporaryHoliday(_day("DATE", on), name, tuple(place) if place else None), as_json)


@group.command(
    epilog="Example: marrowline event visit-postponed HYU-012/1/injection --not-before 2027-03-12 --reason Fever"
)
def visit_postponed(
    visit: Annotated[str, typer.Argument(metavar="VISIT", help="The id of the visit.")],
    not_before: Annotated[str, typer.Option("--not-before", metavar="DATE", help="The first day that is possible.")],
    reason: Why,
    as_json: AsJson = False,
) -> None:
    """A visit cannot be before a date."""
    _told(events.VisitPostponed(visit, _day("--not-before", not_before), reason), as_json)


@group.command(
    epilog='Example: marrowline event read-out HYU-012 1 --ready-from 2027-03-12T08:00+09:00 --reason "Day 14: slow"'
)
def read_out(
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="The study id.")],
    dose: Annotated[int, typer.Argument(metavar="DOSE", min=1, help="The number of the dose.")],
    reason: Why,
    ready_from: Annotated[str | None, typer.Option("--ready-from", metavar="INSTANT", help="Not before.")] = None,
    ready_until: Annotated[str | None, typer.Option("--ready-until", metavar="INSTANT", help="Filled by then.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cells are ahead or behind."""
    first = None if ready_from is None else _instant("--ready-from", ready_from)
    last = None if ready_until is None else _instant("--ready-until", ready_until)
    _told(events.CultureReadOut(patient, dose, first, last, reason), as_json)


@group.command(epilog="Example: marrowline event patient-left HYU-012 --reason withdrawn_consent")
def patient_left(
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="The study id.")],
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            help="withdrawn_consent, death, adverse_event, lost_to_follow_up, not_eligible or other.",
        ),
    ],
    note: Annotated[str | None, typer.Option("--note", help="More about it, for the record.")] = None,
    as_json: AsJson = False,
) -> None:
    """A patient leaves the program, or dies."""
    _told(events.PatientLeft(patient, cast(events.EndReason, reason), note), as_json)


# --- the answer -------------------------------------------------------------------------------------------------------


def _told(event: Event, as_json: bool, who: Principal = PLANNER) -> None:
    """Report an event and print what is answered; ends with 1 where something waits for a person."""
    from scheduler.booking.board import Board
    from scheduler.persistence.unit_of_work import UnitOfWork
    from scheduler.reoptimise.answer import answer

    with database() as (opened, clock):
        board = Board()

        def begin(write: bool) -> UnitOfWork:
            return UnitOfWork(opened, now=clock(), principal=who, write=write)

        found = answer(begin, board, event)
        with begin(False) as work:
            shown = _answer_json(work, found)
    if as_json:
        say(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        for line in _lines(events.KINDS[type(event)], shown):
            say(line)
    if found.outcome not in ("in_order", "published") or found.decisions:
        raise typer.Exit(FLAWED)


def _answer_json(work: UnitOfWork, found: Answer) -> dict[str, Any]:
    from scheduler.persistence import proposals

    pair = None if found.plan is None else proposals.plan(work.session, found.plan, lock=False)
    decisions = (proposals.decision(work.session, name) for name in found.decisions)
    return {
        "event": found.event,
        "outcome": found.outcome,
        "visits": list(found.visits),
        "repair": None if pair is None else _proposal_json(*pair),
        "decisions": [_decision_json(one) for one in decisions if one is not None],
    }


def _decision_json(row: DecisionRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "patient": row.course,
        "dose": row.dose,
        "cause": row.cause,
        "remake_until": _text(row.remake_until),
        "deviation_until": _text(row.deviation_until),
    }


def _proposal_json(row: PlanRow, one: ProposalRow) -> dict[str, Any]:
    return {
        "plan": one.plan,
        "state": row.state,
        "waits_for": one.waits_for,
        "approve_by": _text(one.approve_by),
        "figures": json.loads(one.figures),
        "losses": json.loads(one.losses),
        "text": one.text,
    }


def _lines(kind: str, shown: dict[str, Any]) -> Iterable[str]:
    yield f"{kind} is on record as {shown['event']}."
    visits = shown["visits"]
    yield f"Visits hit: {', '.join(visits)}" if visits else "No visit is hit."
    yield OUTCOMES[shown["outcome"]]
    if shown["repair"] is not None:
        yield from _proposal_lines(shown["repair"])
    for one in shown["decisions"]:
        yield f"Open: {_loss_line(one)} ({one['id']})"


def _proposal_lines(shown: dict[str, Any]) -> Iterable[str]:
    number = shown["figures"]
    yield f"Plan {shown['plan']}, {shown['state']}. {shown['waits_for'] or ''}".rstrip()
    if shown["approve_by"]:
        yield f"It can be approved until {_when(shown['approve_by'])}."
    proven = "proven to be the fewest" if number["proven"] else "not proven to be the fewest"
    yield (
        f"Visits moved: {number['visits_moved']}, {proven}; retimed: {number['visits_retimed']}; "
        f"doses given up: {len(number['doses_lost'])}"
    )
    yield shown["text"]
    for one in shown["losses"]:
        yield f"Cannot be repaired: {_loss_line(one)}"


def _loss_line(one: dict[str, Any]) -> str:
    until = one["remake_until"] or one["deviation_until"]
    helps = f"deciding helps until {_when(until)}" if until else "no decision helps any more"
    return f"dose {one['dose']} of {one['patient']}: {one['cause']}; {helps}"


# --- proposals --------------------------------------------------------------------------------------------------------

Number = Annotated[int, typer.Argument(metavar="PLAN", min=1, help="The number of the plan.")]


@proposal.command(epilog="Example: marrowline proposal show 7")
def show(number: Number, as_json: AsJson = False) -> None:
    """What a plan proposes, why it waits, and until when it can be approved (approving is signed: see the API)."""
    found = _proposal_json(*_found(number))
    if as_json:
        say(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for line in _proposal_lines(found):
        say(line)


@proposal.command(epilog="Example: marrowline proposal diff 7 --json")
def diff(number: Number, as_json: AsJson = False) -> None:
    """By site and patient: each visit that moves, from when to when, why, and who must be told."""
    _, found = _found(number)
    say(found.diff if as_json else found.text)


def _found(number: int) -> tuple[PlanRow, ProposalRow]:
    from scheduler.persistence import proposals

    with database() as (opened, _clock), opened.session() as session:
        found = proposals.plan(session, number, lock=False)
    if found is None:
        raise BadInput("proposal", "plan", f"{number} was never proposed", "Take a number from a run or an event")
    return found


def _instant(option: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadInput("event", option, f"{text!r} is no instant", "Write it as 2027-03-02T09:00+09:00")
    return found


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("event", option, f"{text!r} is no date", "Write it as 2027-03-02") from None


def _when(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
