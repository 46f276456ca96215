"""What if, for the plan in force: read what is booked, let the transaction go, and compute apart what would come of it.

Both sides are repaired by the same means, once under the facts as they are and once as they would be, so that their
difference is what the changes do. Nothing is kept: not the plans, not the question.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from scheduler.booking.board import Board
from scheduler.booking.in_force import plan_in_force, standings
from scheduler.documents.summary import Summary, summarise
from scheduler.documents.what_if import Figure, as_text, figures, in_words, load_in_words
from scheduler.domain.calendars import local_date
from scheduler.domain.cost import cost_of
from scheduler.domain.course import Facts, Patient
from scheduler.domain.diff import Change as Fate
from scheduler.domain.diff import counts, plan_diff
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan
from scheduler.domain.what_if import WHERE, Change, PolicyChange, SiteChange
from scheduler.persistence import repositories
from scheduler.persistence.mapping import patient_of
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.apart import TookTooLong, apart
from scheduler.planning.repair import Standing
from scheduler.planning.what_if import Outlook, fitting, outlooks
from scheduler.programs.changes import checked_facts

SEARCH_SHARE = 0.6  # of the time, for the search itself; the rest is for its process to begin and to end by itself
ASIDE_SHARE = 0.9  # of the time, after which that process is killed; the rest is for the figures
LEAST_SECONDS, MOST_SECONDS, USUAL_SECONDS = 1.0, 60.0, 10.0
MOST_CHANGES = 20
MOVES: dict[Fate, str] = {"moved": "visits moved", "dropped": "visits dropped", "retimed": "visits retimed"}
CUT_SHORT = "Time was up before everything was looked at. Ask with more seconds."


@dataclass(frozen=True)
class Booked:
    """All that is booked at one instant, and who waits for a course, in no order."""

    at: datetime
    plan: Plan
    facts: Facts
    standings: tuple[Standing, ...]
    waiting: tuple[Patient, ...]

    @property
    def today(self) -> date:
        """The local date at the first plant."""
        return local_date(self.at, self.facts.network.plants[0].zone)


@dataclass(frozen=True)
class WhatIf:
    """Before and after; no figures where the time was too short for both."""

    changes: tuple[Change, ...]
    figures: tuple[Figure, ...]
    sentences: tuple[str, ...]
    cut_short: bool

    @property
    def text(self) -> str:
        """The table and the sentences, as plain text."""
        return as_text(self.figures, self.sentences)


def read_booked(work: UnitOfWork, board: Board) -> Booked:
    """What a unit of work that only reads sees; compute when it is closed."""
    plan, facts = plan_in_force(work, board)
    courses = {one.id for one in repositories.all_courses(work.session)}
    waiting = (
        patient_of(row)
        for row in repositories.all_patients(work.session)
        if row.id not in courses and row.status == "registered" and (facts.arms is None or row.id in facts.arms)
    )
    return Booked(work.now, plan, facts, standings(work, board, plan, facts), tuple(waiting))


def what_if(booked: Booked, changes: Sequence[Change], seconds: float = USUAL_SECONDS) -> WhatIf:
    """What changes of the facts would do to what is booked and to those who wait.

    Parameters
    ----------
    seconds
        Of real time, after which the answer is given with what was found until then.

    Raises
    ------
    BadInput
        For a change that makes no sense, or not for a plan in force, and for more of a resource taken away than what
        is under way or too near to move leaves.
    """
    until = time.monotonic() + seconds
    _refuse_what_only_programs_can(changes)
    after = checked_facts(booked.facts, changes, today=booked.today)
    sides = [(booked.facts, booked.standings), (after, fitting(after, booked.standings, booked.at))]
    left = max(until - time.monotonic(), 0.1)
    asked = (sides, booked.waiting, booked.at, left * SEARCH_SHARE)
    try:
        old, new = apart(outlooks, *asked, seconds=left * ASIDE_SHARE)
    except TookTooLong:
        return WhatIf(tuple(changes), (), (CUT_SHORT,), True)
    return _compared(booked, after, tuple(changes), old, new)


def _refuse_what_only_programs_can(changes: Sequence[Change]) -> None:
    for number, one in enumerate(changes):
        if isinstance(one, SiteChange) or (isinstance(one, PolicyChange) and one.key == "capacity"):
            problem = f"'{one}' changes what every course reserves, or who there is to be treated"
            remedy = "Ask it of a program: marrowline what-if PROGRAM --change ..."
            raise BadInput(WHERE, f"changes[{number}].change", problem, remedy)


def _compared(booked: Booked, after: Facts, changes: tuple[Change, ...], old: Outlook, new: Outlook) -> WhatIf:
    waiting = [one for one in booked.waiting if one.id in old.waiting and one.id in new.waiting]
    everybody = [*(one.patient for one in booked.standings), *waiting]
    before, then = _summary(everybody, booked.facts, old), _summary(everybody, after, new)
    listed = (
        *_moved(booked, after, old, new),
        *_offered(_summary(waiting, booked.facts, old), _summary(waiting, after, new)),
        *figures(before, then, bounded=False),
    )
    moved = sum(int(one.after or 0) for one in listed if one.name in (MOVES["moved"], MOVES["dropped"]))
    cut_short = old.cut_short or new.cut_short
    sentences = (
        in_words("; ".join(str(one) for one in changes), before, then) + f", {_visits(moved)} moved",
        _who_waits(len(waiting), len(booked.waiting)),
        load_in_words(listed),
        _proof(new),
        *([CUT_SHORT] if cut_short else []),
    )
    return WhatIf(changes, listed, sentences, cut_short)


def _summary(people: Sequence[Patient], facts: Facts, found: Outlook) -> Summary:
    """The figures of the courses of some patients."""
    names = {one.id for one in people}
    courses = tuple(one for one in found.plan.courses if one.patient in names)
    unplanned = tuple(one for one in found.plan.unplanned if one.patient in names)
    plan, known = replace(found.plan, courses=courses, unplanned=unplanned), replace(facts, patients=tuple(people))
    return summarise(replace(plan, cost=cost_of(plan, known)), known)


def _offered(before: Summary, after: Summary) -> Iterator[Figure]:
    """What those who wait for a course would be offered; nothing where nobody waits."""
    if before.patients:
        old, new = before.waiting, after.waiting
        courses = (0 if one is None else one.courses for one in (old, new))
        medians = (None if one is None else one.median for one in (old, new))
        yield Figure("offered to those who wait", "courses", *courses)
        yield Figure("their wait for dose 1, median", "days", *medians)


def _moved(booked: Booked, after: Facts, old: Outlook, new: Outlook) -> Iterator[Figure]:
    moves = _moves(booked, booked.facts, old), _moves(booked, after, new)
    for change, words in MOVES.items():
        yield Figure(words, "visits", *(one[change] for one in moves))
    yield Figure("steps that may not move and break a rule", "steps", old.stuck, new.stuck)


def _moves(booked: Booked, facts: Facts, found: Outlook) -> dict[Fate, int]:
    """How many visits of the plan in force each change befalls."""
    names = {one.patient for one in booked.plan.courses}
    courses = tuple(one for one in found.plan.courses if one.patient in names)
    confirmed = frozenset(name for one in booked.standings for name in one.confirmed)
    diff = plan_diff(booked.plan, replace(found.plan, courses=courses), facts, now=booked.at, confirmed=confirmed)
    return counts(diff.visits)


def _visits(number: int) -> str:
    return "no visit" if number == 0 else f"{number} visit{'' if number == 1 else 's'}"


def _who_waits(looked_after: int, waiting: int) -> str:
    if not waiting:
        return "Nobody waits for a course."
    return f"{looked_after} of {waiting} who wait are counted as if booked one by one, in the order of registration."


def _proof(found: Outlook) -> str:
    if found.is_proven:
        return "Proven: no repair after the change keeps more of the booked doses, or as many with fewer moves."
    return "Not proven: another repair after the change might keep more of the booked doses, or move fewer visits."
