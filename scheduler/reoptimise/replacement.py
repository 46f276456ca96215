"""Replacement: what making a dose again would come to, ready while quality decides on what is in doubt.

That the lot failed, or that what went to the plant was lost, is supposed, not reported: the event is taken down in a
unit of work that is never committed, what it would leave is read there, and the least repair of that is looked for by
the same means as for an event that did happen. Nothing of it is in force: reporting the event brings it about.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scheduler.booking.board import Board
from scheduler.booking.errors import Refused
from scheduler.booking.events import report
from scheduler.booking.in_force import plan_in_force
from scheduler.coldchain.replacements import Doubted, in_doubt, keep, out_of_date
from scheduler.documents.diff_text import diff_lines
from scheduler.domain.audience import Principal, Role
from scheduler.domain.diff import plan_diff
from scheduler.domain.diff_reasons import Reason
from scheduler.domain.plan import Plan
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.tables_coldchain import ReplacementRow
from scheduler.persistence.unit_of_work import Begin, UnitOfWork
from scheduler.planning.apart import NoAnswer, nobody_minds
from scheduler.reoptimise.proposals import figures, loss_json, visit_columns
from scheduler.reoptimise.snapshot import Snapshot, snapshot
from scheduler.reoptimise.solving import Solution, Unsound, solve

SECONDS = 5.0
MACHINE = Principal("replacement of a dose in quarantine", Role.PLANNER, None, "replacement")
MADE_AGAIN = Reason("its temperature is in doubt: the dose would be made again", "supply")


@dataclass(frozen=True)
class _Supposed:
    """The plan in force with its revision, and what would be left of it if what is in doubt could not be used."""

    file: str
    doubted: Doubted
    revision: int
    plan: Plan
    confirmed: frozenset[str]
    seen: Snapshot


def replacement(begin: Begin, board: Board, file: str, *, seconds: float = SECONDS) -> ReplacementRow:
    """Work out what making a dose again would come to, and keep it with the logger's file.

    Raises
    ------
    Refused
        403 for other roles, 404 for another site's file, 409 where the verdict is in-range, the lot was given up or the
        dose was given, and where no repair was found in the time there was. Nothing is changed then.
    """
    with begin(True) as work:  # and never committed
        supposed = _supposed(work, board, file)
    try:
        solution = solve(supposed.seen, nobody_minds, seconds=seconds, whose=supposed.doubted.course)
    except (NoAnswer, Unsound) as problem:
        raise Refused("no-repair", 409, f"{problem} Nothing was changed. Ask again.") from problem
    with begin(True) as work:
        row = _row(work, supposed, solution)
        keep(work, row)
        work.commit()
    return row


def keep_ready(begin: Begin, board: Board) -> list[ReplacementRow]:
    """Work out again what is no longer up to date of all that quality has to decide on; those that could be."""
    with begin(False) as work:
        old = out_of_date(work)
    made = (ready_if_possible(begin, board, one) for one in old)
    return [one for one in made if one is not None]


def ready_if_possible(begin: Begin, board: Board, file: str) -> ReplacementRow | None:
    """As `replacement`; None where that is refused: whoever asks for it by itself is told why."""
    try:
        return replacement(begin, board, file)
    except Refused:
        return None


def _supposed(work: UnitOfWork, board: Board, file: str) -> _Supposed:
    doubted = in_doubt(work, file)
    work.principal = MACHINE
    revision = occupancy.board(work.session).revision
    plan, _ = plan_in_force(work, board)
    confirmed = repositories.confirmed_visits(work.session, [one.patient for one in plan.courses])
    report(work, board, doubted.event)
    return _Supposed(file, doubted, revision, plan, confirmed, snapshot(work, board))


def _row(work: UnitOfWork, supposed: _Supposed, solution: Solution) -> ReplacementRow:
    doubted, seen = supposed.doubted, supposed.seen
    whose = doubted.course if doubted.dose is None else f"{doubted.course}/{doubted.dose}"
    reasons = {**solution.reasons, whose: MADE_AGAIN}
    diff = plan_diff(
        supposed.plan,
        solution.repaired.plan,
        seen.facts,
        now=seen.at,
        confirmed=supposed.confirmed,
        reasons=reasons,
    )
    return ReplacementRow(
        id=f"rep_{secrets.token_hex(10)}",
        logger_file=supposed.file,
        revision=supposed.revision,
        visits=json.dumps([visit_columns(one) for one in diff.visits if one.change != "kept"]),
        losses=json.dumps(list(_losses(supposed, solution))),
        text="\n".join(diff_lines(diff, seen.facts)),
        figures=json.dumps(figures(solution, diff)),
        made_at=work.now,
        made_by=work.principal.name,
    )


def _losses(supposed: _Supposed, solution: Solution) -> Iterator[dict[str, Any]]:
    """The doses that have a place now and would have none, with the site of each."""
    missing = {(one.patient, one.dose) for one in supposed.plan.unplanned}
    for one in solution.losses:
        if (one.patient, one.dose) not in missing:
            yield loss_json(one) | {"site": supposed.seen.facts.patient(one.patient).site}
