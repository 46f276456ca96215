"""The answer to an event: whom it hits, the repair, what cannot be repaired, and until when deciding still helps.

The event is on record before anybody searches: whatever becomes of the search, it is not lost, and the next night
looks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scheduler.booking.board import Board
from scheduler.booking.errors import Refused
from scheduler.booking.events import report
from scheduler.domain.audience import Principal, Role
from scheduler.domain.events import Event
from scheduler.persistence import proposals
from scheduler.persistence.unit_of_work import Begin, UnitOfWork
from scheduler.planning.apart import NoAnswer, nobody_minds
from scheduler.reoptimise.publish import put_forward
from scheduler.reoptimise.snapshot import snapshot
from scheduler.reoptimise.solving import Unsound, solve

SECONDS = 5.0
MACHINE = Principal("answer to an event", Role.PLANNER, None, "events")
Outcome = Literal["in_order", "published", "proposed", "undecided", "later"]
SiteOutcome = Literal["in_order", "published", "waiting"]


@dataclass(frozen=True)
class Answer:
    """What became of an event.

    Attributes
    ----------
    event
        Its id.
    visits
        The visits that cannot stay as they were told, of those the actor may see.
    outcome
        ``in_order``: nothing has to move. ``published``: a repair is in force. ``proposed``: one waits for a planner's
        signature. ``undecided``: no repair changes anything, what is left are decisions. ``later``: none was found in
        the time there was; the next run looks again.
    plan
        The number of the repair.
    decisions
        The open decisions on doses of the patients it concerns, of all where it concerns no single one; of those the
        actor may see.
    """

    event: str
    visits: tuple[str, ...]
    outcome: Outcome
    plan: int | None
    decisions: tuple[str, ...]


def answer(begin: Begin, board: Board, event: Event, *, seconds: float = SECONDS) -> Answer:
    """Take an event down, and look for the least repair of what it breaks.

    The event is on record in the name of whoever reports it, the repair in that of the machine.

    Raises
    ------
    Refused
        As `booking.events.report`; then nothing was changed.
    """
    with begin(True) as work:
        happened = report(work, board, event)
        name, patient, site = happened.event.id, happened.event.patient, happened.event.site
        visits = tuple(one.id for one in happened.visits)
        work.commit()
    outcome, plan = _repaired(_by_machine(begin), board, patient, seconds)
    with begin(False) as work:
        found = proposals.open_decisions(work.session, patient)
        may_see = work.principal.may_see_site
        own = tuple(one.id for one in found if may_see(one.site) and (site is None or one.site == site))
    return Answer(name, visits, outcome, plan, own)


def for_site(work: UnitOfWork, found: Answer, site: str) -> SiteOutcome:
    """What becomes of an event for one site, whatever it does to others.

    ``published``: visits of the site have new times. ``waiting``: some of its visits cannot stay, and what becomes of
    them is not decided yet. ``in_order``: nothing changes for it.
    """
    if found.outcome == "published" and found.plan is not None:
        return "published" if proposals.changes_of(work.session, found.plan, site) else "in_order"
    waits = found.outcome != "in_order" and bool(found.visits or found.decisions)
    return "waiting" if waits else "in_order"


def _by_machine(begin: Begin) -> Begin:
    def beginning(write: bool) -> UnitOfWork:
        work = begin(write)
        work.principal = MACHINE
        return work

    return beginning


def _repaired(begin: Begin, board: Board, patient: str | None, seconds: float) -> tuple[Outcome, int | None]:
    with begin(False) as work:
        seen = snapshot(work, board)
    if not seen.broken() and not seen.lost:
        return "in_order", None
    try:
        solution = solve(seen, nobody_minds, seconds=seconds, whose=patient)
        with begin(True) as work:
            proposal = put_forward(work, board, seen, solution)
            found = None if proposal is None else (proposal.plan, proposal.waits_for)
            work.commit()
    except (NoAnswer, Unsound, Refused):
        return "later", None
    if found is None:
        return "undecided", None
    return ("published" if found[1] is None else "proposed"), found[0]
