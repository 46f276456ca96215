"""The race: many processes hold, book, move and cancel on the same units, through the use cases.

Every process works on everybody's offers, holds and courses, so that most of what it tries, somebody else tries too.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from scheduler.booking import book, cancel, find, hold, patients, reschedule
from scheduler.booking.board import Board
from scheduler.booking.errors import Refused
from scheduler.domain.calendars import local_date
from scheduler.persistence.database import Database, open_database
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reliability.judge import Promised, Verdict, judge
from scheduler.reliability.world import PLANNER, FastClock, new_database, set_up

PROGRAM = "phase1-two-harvests"
PACE = 300.0  # a second of the race is five minutes of the program: holds of 15 minutes run out within it
KEPT = timedelta(minutes=15)
MOST_COURSES = 40
CLEAN = {404, 409, 412}
RACED = ("hold", "book", "reschedule", "cancel")

STALE = 0.15  # how often somebody tries what is over already
RECENT = {
    "offer": "SELECT id FROM offer WHERE course_version IS NULL AND status = 'open' ORDER BY made_at DESC LIMIT 16",
    "change": "SELECT id, patient FROM offer WHERE course_version IS NOT NULL AND status = 'open' "
    "ORDER BY made_at DESC LIMIT 6",
    "hold": "SELECT id FROM hold WHERE status = 'held' ORDER BY held_at DESC LIMIT 8",
    "old offer": "SELECT id FROM offer WHERE course_version IS NULL ORDER BY made_at DESC LIMIT 16",
    "old change": "SELECT id, patient FROM offer WHERE course_version IS NOT NULL ORDER BY made_at DESC LIMIT 8",
    "old hold": "SELECT id FROM hold ORDER BY held_at DESC LIMIT 8",
    "course": "SELECT id, version FROM course WHERE status = 'booked' ORDER BY booked_at DESC LIMIT 60",
}


@dataclass(frozen=True)
class Orders:
    """What one process is to do: so many actions, with a seed of its own."""

    url: str
    number: int
    actions: int
    site: str
    clock: FastClock


@dataclass
class Tally:
    """What one process saw: acknowledged actions, refusals by status and slug, and whatever else was raised."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unclean: list[str] = field(default_factory=list)
    booked: dict[str, str] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)
    cancelled: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another one's in."""
        self.done += other.done
        self.refused += other.refused
        self.unclean += other.unclean
        self.booked |= other.booked
        self.changes += other.changes
        self.cancelled += other.cancelled


@dataclass(frozen=True)
class Raced:
    """A race and what is left of it."""

    kind: str
    processes: int
    seconds: float
    tally: Tally
    verdict: Verdict

    @property
    def attempts(self) -> int:
        """How often something was held, booked, moved or cancelled, or refused to be."""
        return sum(self.tally.done[name] for name in RACED) + self.tally.refused.total() + len(self.tally.unclean)


def race(kind: str, *, processes: int = 8, actions: int = 1000) -> Raced:
    """Let processes race on a new database of a kind, and judge what is left."""
    starts_at = datetime.fromisoformat("2027-03-01T09:00:00+09:00")
    with new_database(kind) as url:
        facts = set_up(url, PROGRAM, starts_at, None)
        clock = FastClock(starts_at, time.monotonic(), PACE)
        site = facts.network.sites[0].code
        began = time.monotonic()
        tally = _run([Orders(url, number, actions, site, clock) for number in range(processes)])
        seconds = time.monotonic() - began
        promised = Promised(tally.booked, tally.changes, tally.cancelled)
        return Raced(kind, processes, seconds, tally, judge(url, clock(), promised))


def _run(orders: list[Orders]) -> Tally:
    """Each in a process of its own; a process that dies takes the race with it."""
    total = Tally()
    with multiprocessing.get_context("spawn").Pool(len(orders)) as pool:
        for one in pool.imap_unordered(work_through, orders, chunksize=1):
            total.add(one)
    return total


def work_through(orders: Orders) -> Tally:
    """Do what was ordered, in a process of its own."""
    database = open_database(orders.url)
    try:
        racer = _Racer(orders, database)
        while sum(racer.tally.done[name] for name in RACED) + racer.tally.refused.total() < orders.actions:
            racer.act()
            if racer.tally.unclean:
                break
        return racer.tally
    finally:
        database.dispose()


class _Racer:
    """One process at work."""

    def __init__(self, orders: Orders, database: Database) -> None:
        self.orders = orders
        self.database = database
        self.tally = Tally()
        self._board = Board()
        self._random = random.Random(orders.number)
        self._registered = 0
        self._actions: list[tuple[Callable[[], None], int]] = [
            (self._ask, 2),
            (self._hold, 4),
            (self._book, 3),
            (self._ask_again, 2),
            (self._reschedule, 3),
            (self._cancel, 1),
            (self._release, 1),
        ]

    def act(self) -> None:
        """One action; a refusal is counted, anything else ends the race."""
        if len(self._recent("course")) > MOST_COURSES:
            action = self._cancel
        else:
            choices, weights = zip(*self._actions, strict=True)
            action = self._random.choices(choices, weights)[0]
        try:
            action()
        except Refused as refused:
            self.tally.refused[f"{refused.status} {refused.slug}"] += 1
            if refused.status not in CLEAN:
                self.tally.unclean.append(f"{refused.status} {refused.slug}: {refused.sentence}")
        except Exception as problem:  # whatever it is, the race must tell of it
            self.tally.unclean.append(f"{type(problem).__name__}: {problem}")

    def _unit(self, write: bool = True) -> UnitOfWork:
        return UnitOfWork(self.database, now=self.orders.clock(), principal=PLANNER, write=write)

    def _recent(self, what: str) -> list[tuple[str, ...]]:
        with self.database.session() as session:
            return [tuple(row) for row in session.connection().exec_driver_sql(RECENT[what]).all()]

    def _one(self, what: str) -> tuple[str, ...] | None:
        old = f"old {what}"
        found = self._recent(old if old in RECENT and self._random.random() < STALE else what)
        return self._random.choice(found) if found else None

    def _ask(self) -> None:
        """Register somebody and look for courses."""
        self._registered += 1
        name = f"R{self.orders.number:02}-{self._registered:05}"
        with self._unit() as work:
            on = self._today()
            patients.register(work, self._board, study_id=name, site=self.orders.site, registered_on=on, weight_kg=61.5)
            work.commit()
        find.find_offers(self._unit, self._board, name, find.Ask(count=3), valid_for=KEPT)

    def _today(self) -> date:
        return local_date(self.orders.clock(), "Asia/Seoul")

    def _hold(self) -> None:
        offer = self._one("offer")
        if offer is not None:
            with self._unit() as work:
                hold.hold_offer(work, self._board, offer[0], keep_for=KEPT)
                work.commit()
            self.tally.done["hold"] += 1

    def _book(self) -> None:
        held = self._one("hold")
        if held is not None:
            with self._unit() as work:
                row = book.book_hold(work, self._board, held[0])
                name, coi = row.id, row.coi
                work.commit()
            self.tally.done["book"] += 1
            self.tally.booked[name] = coi

    def _release(self) -> None:
        held = self._one("hold")
        if held is not None:
            with self._unit() as work:
                hold.release_hold(work, held[0])
                work.commit()
            self.tally.done["release"] += 1

    def _ask_again(self) -> None:
        course = self._one("course")
        if course is not None:
            ask = find.Ask(count=2, dose=1, onwards=self._random.random() < 0.5)
            find.find_offers(self._unit, self._board, course[0], ask, valid_for=KEPT)

    def _reschedule(self) -> None:
        change = self._one("change")
        if change is not None:
            with self._unit() as work:
                reschedule.reschedule(work, self._board, change[1], change[0], reason_code="other")
                work.commit()
            self.tally.done["reschedule"] += 1
            self.tally.changes[change[1]] += 1

    def _cancel(self) -> None:
        course = self._one("course")
        if course is not None:
            with self._unit() as work:
                cancel.cancel(work, course[0], reason_code="other", expected_version=int(course[1]))
                work.commit()
            self.tally.done["cancel"] += 1
            self.tally.changes[course[0]] += 1
            self.tally.cancelled.append(course[0])
