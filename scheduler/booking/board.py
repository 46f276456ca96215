"""What is taken, in memory: one desk a process, brought in step with the database before every use."""

from __future__ import annotations

import gc
import heapq
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

from scheduler.booking.errors import Refused
from scheduler.booking.unblinded import arms_for_planning
from scheduler.domain.course import Facts
from scheduler.persistence import bundle, occupancy, repositories
from scheduler.persistence.mapping import closure_of, hindrance_of
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.desk import Desk
from scheduler.planning.seats import Stay, Unit

REGISTRATION_AHEAD = timedelta(days=200)  # how far beyond today the tables reach, so that they are not made anew daily


class Board:
    """The desk of the program that a database serves, shared by the threads of one process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._desk: Desk | None = None
        self._program: str | None = None
        self._calendars = -1
        self._revision = -1
        self._expiries: list[tuple[int, int]] = []
        self._expires: dict[int, int] = {}
        self.units: dict[int, Unit] = {}
        self.numbers: dict[Unit, int] = {}

    @contextmanager
    def desk(self, work: UnitOfWork, *, registered_on: date | None = None) -> Iterator[Desk]:
        """The desk as the unit of work sees the database, to oneself while the block lasts.

        Raises
        ------
        Refused
            When no program was imported, or a registration date lies too far ahead.
        """
        self._connect(work)
        with self._lock:
            yield self._in_step(work, registered_on)

    def prepare(self, work: UnitOfWork) -> None:
        """Build the desk and look ahead, so that the first who asks finds both done."""
        with self.desk(work) as desk:
            desk.look_ahead(work.now)

    def facts(self, work: UnitOfWork) -> Facts:
        """The program with the closures and hindrances of now and without patients."""
        self._connect(work)
        with self._lock:
            return self._in_step(work, None).facts

    def _connect(self, work: UnitOfWork) -> None:
        """Read something before waiting for others here: who has the desk must not wait for a connection or a file."""
        occupancy.board(work.session)

    def _in_step(self, work: UnitOfWork, registered_on: date | None) -> Desk:
        session = work.session
        state = occupancy.board(session)
        if state.program is None:
            raise Refused("no-program", 409, "No program was imported yet. Run: marrowline import PROGRAM")
        # What this unit writes itself is believed once it is committed.
        revision = state.revision - work.board_locked
        today = work.now.date()
        unsure = occupancy.calendar_changed(session)
        calendars = state.calendars - unsure
        reach = max(registered_on or today, today)
        # Who only reads may have begun before the last change here: for looking round, the newer board serves as well.
        newer = not work.writes and revision <= self._revision and calendars <= self._calendars
        same = revision >= self._revision and calendars == self._calendars
        desk = self._desk
        if desk is None or self._program != state.program or reach > desk.until or not (same or newer):
            desk = self._desk = None  # gone before the new one is made
            desk = self._build(work, reach, revision)
            # A closure or hindrance not committed yet is not believed beyond this unit.
            self._program, self._calendars = state.program, -1 if unsure else calendars
        elif revision > self._revision:
            for stay in occupancy.stays_changed_since(session, self._revision, revision):
                self._change(desk, stay)
            self._revision = revision
        self._expire(desk, int(work.now.timestamp()))
        return desk

    def _build(self, work: UnitOfWork, reach: date, revision: int) -> Desk:
        """Read everything anew."""
        session = work.session
        program = repositories.program(session)
        assert program is not None
        closures = tuple(closure_of(row) for row in repositories.closures(session))
        facts = bundle.facts_of(program, patients=(), closures=closures, arms=None)
        hindrances = tuple(hindrance_of(row) for row in repositories.hindrances(session))
        facts = replace(facts, arms=arms_for_planning(work, facts), hindrances=hindrances)
        desk = Desk(facts, max(reach, facts.starts_on) + REGISTRATION_AHEAD)
        units, stays = occupancy.units(session), occupancy.live_stays(session, revision)
        # Only what was read whole is believed.
        self.units, self.numbers = units, {unit: number for number, unit in units.items()}
        self._expiries, self._expires = [], {}
        self._desk, self._revision = desk, revision
        for stay in stays:
            self._enter(desk, stay)
        # The tables stay as they are. Looking through them for garbage again and again would stop requests for long.
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        return desk

    def _change(self, desk: Desk, stay: occupancy.Changed) -> None:
        """A stay as it is now; one that only lasts longer than it did frees nothing meanwhile."""
        where = self.units[stay.unit_id], Stay(stay.begins, stay.ends, stay.id)
        if stay.live and stay.id in desk.seats and desk.seats.at(stay.id) == where:
            self._lasts(stay)
            return
        self._leave(desk, stay.id)
        if stay.live:
            self._enter(desk, stay)

    def _lasts(self, stay: occupancy.Changed) -> None:
        self._expires.pop(stay.id, None)
        if stay.expires is not None:
            self._expires[stay.id] = stay.expires
            heapq.heappush(self._expiries, (stay.expires, stay.id))

    def _enter(self, desk: Desk, stay: occupancy.Changed) -> None:
        desk.put(self.units[stay.unit_id], Stay(stay.begins, stay.ends, stay.id))
        self._lasts(stay)

    def _leave(self, desk: Desk, stay_id: int) -> None:
        self._expires.pop(stay_id, None)
        if stay_id in desk.seats:
            desk.drop(stay_id)

    def _expire(self, desk: Desk, now: int) -> None:
        """Holds that have run out are as if they had never been."""
        while self._expiries and self._expiries[0][0] <= now:
            expires, stay_id = heapq.heappop(self._expiries)
            if self._expires.get(stay_id) == expires:
                self._leave(desk, stay_id)
