"""Accept some moves of a proposed plan and refuse others: what was refused stays, the rest is solved again."""

from __future__ import annotations

import json

from scheduler.booking.access import must_be
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused
from scheduler.persistence.tables_plans import ProposalRow
from scheduler.persistence.unit_of_work import Begin
from scheduler.planning.apart import NoAnswer, nobody_minds
from scheduler.reoptimise.proposals import losses_of, propose
from scheduler.reoptimise.publish import APPROVERS, proposed
from scheduler.reoptimise.snapshot import Snapshot, snapshot
from scheduler.reoptimise.solving import SEARCH_SECONDS, Solution, Unsound, solve


def revise(begin: Begin, board: Board, number: int, refused: frozenset[str], *, seconds: float = SEARCH_SECONDS) -> int:
    """Propose another plan, in which some visits keep their times; the number of the new plan.

    The old one is overtaken once the new one is there, and stays as it is where there is none.

    Raises
    ------
    Refused
        403 for other roles, 404 unknown, 409 when the plan is no longer proposed or a refusal would cost a dose or
        leave something broken; 422 when the plan moves no such visit.
    """
    with begin(False) as work:
        must_be(work.principal, APPROVERS, "refuse a part of a plan")
        _, old = proposed(work, number)
        seen = snapshot(work, board)
        _moves_all(old, refused)
        everything = refused | frozenset(json.loads(old.refused))
    solution = _solved(seen, everything, seconds)
    _costs_no_dose(old, solution, everything)
    with begin(True) as work:
        proposed(work, number)
        made = propose(work, seen, solution, run=old.run, revises=number, refused=everything)
        work.commit()
        return made.plan


def _moves_all(proposal: ProposalRow, refused: frozenset[str]) -> None:
    changed = {one["visit"] for one in json.loads(proposal.visits)}
    if not refused or not refused <= changed:
        words = "This plan does not move every visit that was named. Name visits from its diff, at least one."
        raise Refused("nothing-to-refuse", 422, words)


def _solved(seen: Snapshot, refused: frozenset[str], seconds: float) -> Solution:
    try:
        return solve(seen, nobody_minds, refused=refused, seconds=seconds)
    except (NoAnswer, Unsound) as problem:
        raise Refused("no-repair", 409, f"{problem} The proposed plan stays as it is.") from problem


def _costs_no_dose(old: ProposalRow, solution: Solution, refused: frozenset[str]) -> None:
    lost = {(one.patient, one.dose) for one in losses_of(old)}
    more = sorted((one.patient, one.dose) for one in solution.given_up if (one.patient, one.dose) not in lost)
    if more:
        named = ", ".join(f"dose {dose} of {patient}" for patient, dose in more)
        words = f"If these visits keep their times, {named} cannot be given. Nothing was changed; refuse fewer moves."
        raise Refused("refusal-impossible", 409, words)
    in_the_way = [one for one in solution.repaired.stuck if refused & set(one.activities)]
    if in_the_way:
        words = f"These visits cannot keep their times: {in_the_way[0].message}. Nothing was changed."
        raise Refused("refusal-impossible", 409, words)
