"""The facts of the program this service was set up for."""

from __future__ import annotations

from collections.abc import Callable

from scheduler.booking.errors import Refused
from scheduler.domain.course import Facts
from scheduler.persistence import repositories
from scheduler.persistence.bundle import facts_of
from scheduler.persistence.database import Database
from scheduler.persistence.mapping import closure_of


def facts_from(database: Database) -> Callable[[], Facts]:
    """A reader of the program in a database, with the closures of now, without patients and arms.

    Raises
    ------
    Refused
        By the reader, with 409, before a program was imported.
    """

    def facts() -> Facts:
        with database.session() as session:
            program = repositories.program(session)
            if program is None:
                raise Refused("no-program", 409, "No program was imported yet. Run: marrowline import PROGRAM")
            closures = tuple(closure_of(row) for row in repositories.closures(session))
            return facts_of(program, (), closures, None)

    return facts
