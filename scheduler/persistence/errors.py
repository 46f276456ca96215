"""What the database refuses, in words of ours: no SQL text leaves this package."""

from __future__ import annotations

import re
import sqlite3

import psycopg
from sqlalchemy import Engine, ExceptionContext, event

from scheduler.domain.errors import MarrowlineError

OVERLAPS = "stay overlaps"  # what the SQLite triggers of the first migration say
_BUSY_STATES = frozenset({"40001", "40P01", "55P03", "57014"})
_CONFLICTING_UNIT = re.compile(r"=\(\[(\d+),")


class DatabaseBusy(MarrowlineError):
    """Others kept the database so long that nothing was done; nothing was changed. Try again."""

    def __init__(self) -> None:
        super().__init__("The database is busy and nothing was changed. Try again in a moment.")


class DatabaseUnavailable(MarrowlineError):
    """The database cannot be reached; what was not committed is not there. Try again when it is back."""

    def __init__(self) -> None:
        super().__init__("The database cannot be reached and nothing was changed. Try again later.")


class Overlap(MarrowlineError):
    """The database refused a stay because the unit is taken in that time; nothing was changed.

    `unit` is the row id of the unit where the database names it (PostgreSQL), else None.
    """

    def __init__(self, unit: int | None) -> None:
        super().__init__(
            "A unit of this course was taken in the meantime and nothing was changed. Look for new offers."
        )
        self.unit = unit


class RowRefused(MarrowlineError):
    """The tables refuse a row: a rule they keep is broken; nothing was changed. A mistake of ours, unless a race.

    The text names the rule and no value: it may reach a log, where no patient data belongs.
    """


class Duplicate(RowRefused):
    """There is a row with this key already: somebody else was faster."""


def translate_errors(engine: Engine) -> None:
    """From now on the engine raises the errors of this module where it can; others stay as they are."""

    @event.listens_for(engine, "handle_error")
    def translate(context: ExceptionContext) -> None:
        if context.is_pre_ping:
            return  # the pool itself answers a dead connection with a fresh one
        ours = _ours(context.original_exception, context.is_disconnect)
        if isinstance(ours, RowRefused):
            context.original_exception.args = ours.args  # PostgreSQL's own text tells the values of the row
        if ours is not None:
            raise ours from context.original_exception


def _ours(problem: BaseException, disconnected: bool) -> MarrowlineError | None:
    if isinstance(problem, sqlite3.Error):
        return _of_sqlite(problem)
    if isinstance(problem, psycopg.Error):
        return _of_postgresql(problem, disconnected)
    return None


def _of_sqlite(problem: sqlite3.Error) -> MarrowlineError | None:
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind, the rest its detail
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return DatabaseBusy()
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL):
        return DatabaseUnavailable()
    if str(problem) == OVERLAPS:
        return Overlap(None)
    if isinstance(problem, sqlite3.IntegrityError):
        twice = problem.sqlite_errorcode in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
        return (Duplicate if twice else RowRefused)(str(problem))
    return None


def _of_postgresql(problem: psycopg.Error, disconnected: bool) -> MarrowlineError | None:
    if problem.sqlstate == "23P01":
        unit = _CONFLICTING_UNIT.search(problem.diag.message_detail or "")
        return Overlap(int(unit[1]) if unit else None)
    if problem.sqlstate in _BUSY_STATES:
        return DatabaseBusy()
    if disconnected or (isinstance(problem, psycopg.OperationalError) and problem.sqlstate is None):
        return DatabaseUnavailable()
    if isinstance(problem, psycopg.IntegrityError):
        kind = Duplicate if problem.sqlstate == "23505" else RowRefused
        return kind(problem.diag.message_primary or "a rule of the tables is broken")
    return None
