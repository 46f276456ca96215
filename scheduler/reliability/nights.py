"""Two hundred nights: a program lives day by day, fate strikes, rivals do the nights, and every night is judged."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from scheduler.booking.board import Board
from scheduler.booking.import_program import import_program
from scheduler.domain.calendars import local_instant
from scheduler.domain.course import Facts, Patient
from scheduler.persistence.bundle import bundle_of
from scheduler.persistence.database import Database, open_database
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.programs import load_program
from scheduler.reliability.days import Life
from scheduler.reliability.fate import Fate, Rates, misfortunes
from scheduler.reliability.ledger import Ledger, kept, unrepaired
from scheduler.reliability.people import Moved, People, people_at
from scheduler.reliability.rivals import Crew
from scheduler.reliability.verdicts import Judge, Verdicts
from scheduler.reliability.world import PLANNER, new_database

NIGHT_MINUTE = 150  # 02:30, when a night begins
KILLED = 0.3  # share of the nights in which a worker is killed


@dataclass
class Simulated:
    """A simulation and its figures.

    Attributes
    ----------
    night_seconds
        How long each night took, from the order to the workers to its end.
    status
        How the nights ended; `resumed` of them were taken over from a worker that was killed.
    failed
        Why nights failed, in their own words.
    moves
        Changes of visits that plans published, by kind.
    near
        Visits moved inside the patients' fence, because something made them impossible; each signed.
    waiting
        What was broken after a night and on record as such, by why it was.
    problems
        What the workers stumbled over, and answers that are neither a success nor a clean refusal.
    """

    kind: str
    program: str
    seed: int
    nights: int
    patients: int = 0
    seconds: float = 0.0
    night_seconds: list[float] = field(default_factory=list)
    status: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    resumed: int = 0
    kills: int = 0
    wrong_clocks: int = 0
    moves: Counter[str] = field(default_factory=Counter)
    near: int = 0
    waiting: Counter[str] = field(default_factory=Counter)
    verdicts: Verdicts = field(default_factory=Verdicts)
    problems: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    repaired: Ledger = field(default_factory=Ledger)
    baseline: Ledger = field(default_factory=Ledger)

    @property
    def sound(self) -> bool:
        """Whether nothing was found wrong."""
        return self.verdicts.sound and not self.problems


def simulate(
    kind: str,
    program: str,
    nights: int,
    *,
    seed: int,
    rates: Rates | None = None,
    patients: Sequence[Patient] | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> Simulated:
    """Let a program live from its first day, so many nights.

    Parameters
    ----------
    kind
        The database, of `world.DATABASES`.
    program
        A shipped program, or the path of one.
    rates
        How often things go wrong; by default those of docs/domain.md section 7.
    patients
        Who registers, and when; by default the program's own.
    say
        Told a line after every night.
    """
    facts = load_program(program)
    people = tuple(facts.patients if patients is None else patients)
    found = Simulated(kind, Path(program).stem, seed, nights)
    with new_database(kind) as url:
        database = open_database(url)
        try:
            _Simulation(found, url, database, replace(facts, patients=()), people, rates or Rates()).run(program, say)
        finally:
            database.dispose()
    return found


class _Simulation:
    def __init__(
        self, found: Simulated, url: str, database: Database, facts: Facts, patients: tuple[Patient, ...], rates: Rates
    ) -> None:
        self.found, self.url, self.database, self.facts, self.patients = found, url, database, facts, patients
        self.fate = Fate(found.seed, rates, facts.protocol)
        self.zone = facts.network.plants[0].zone
        self.clock = Moved(local_instant(facts.starts_on, 360, self.zone))
        self.chance = random.Random(found.seed)
        self.crew = Crew(url, self.zone, self.chance)
        self.said: set[str] = set()
        self.judge = Judge(timedelta(days=facts.policy.patient_fence_days))

    def run(self, program: str, say: Callable[[str], None]) -> None:
        began = time.monotonic()
        self._import(program)
        dates = [self.facts.starts_on + timedelta(days=number) for number in range(1, self.found.nights + 1)]
        accidents = misfortunes(self.fate, self.facts, self.clock(), len(dates))
        try:
            with people_at(self.url, self.facts, self.clock) as people:
                life = Life(people, self.facts, self.fate, accidents, self.patients)
                for on in dates:
                    life.until(local_instant(on, NIGHT_MINUTE, self.zone))
                    self._night(on)
                    say(f"{on} {time.monotonic() - began:6.0f} s {self._line(people)}")
                    for line in self._news(people):
                        say(line)
                self._close(life, people)
        finally:
            self.crew.dismiss()
        self.found.seconds = time.monotonic() - began

    def _import(self, program: str) -> None:
        with UnitOfWork(self.database, now=self.clock(), principal=PLANNER) as work:
            import_program(work, Board(), bundle_of(program), self.facts)
            work.commit()

    def _night(self, on: date) -> None:
        row, seconds = self.crew.night(self.database, on, self.clock(), kill=self.chance.random() < KILLED)
        self.found.night_seconds.append(seconds)
        self.found.status[row.status if row is not None else "none"] += 1
        self.found.resumed += row is not None and row.attempt > 1
        if row is not None and row.status == "failed":
            self.found.failed.append(f"{on}: {row.reason}")
        with self._look() as work:
            self.judge.night(work, on, row)

    def _look(self) -> UnitOfWork:
        return UnitOfWork(self.database, now=self.clock(), principal=PLANNER, write=False)

    def _line(self, people: People) -> str:
        found, wrong = self.found, len(self.judge.verdicts.all)
        return (
            f"night {found.night_seconds[-1]:5.1f} s, {dict(found.status)}, {people.done.total()} calls, "
            f"{people.refused.total()} refused, {wrong + len(people.unclean)} wrong"
        )

    def _news(self, people: People) -> list[str]:
        """Why a night failed, and what was found wrong, since the night before."""
        found = [*self.found.failed, *self.judge.verdicts.all, *self.crew.problems, *people.unclean]
        new = [line for line in found if line not in self.said]
        self.said.update(new)
        return new

    def _close(self, life: Life, people: People) -> None:
        found = self.found
        with self._look() as work:
            self.judge.close(work, life.acknowledged)
            found.repaired = kept(work, self.facts.protocol, life.booked, self.clock())
            closures = life.board.facts(work)
        leaves = {one.id: life.leaves_at(one) for one in self.patients}
        found.baseline = unrepaired(self.fate, closures, life.booked, leaves, self.clock())
        found.patients = len(life.booked)
        found.kills, found.wrong_clocks = self.crew.kills, self.crew.wrong_clocks
        found.verdicts, found.waiting, found.moves = self.judge.verdicts, self.judge.waiting, self.judge.moves
        found.near = self.judge.near
        found.problems = [*self.crew.problems, *people.unclean]
        found.done, found.refused, found.events = people.done, people.refused, life.outcomes
