"""What every command shares: the application, the exit codes, the settings, the clock and the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from scheduler.domain.audience import Principal, Role
from scheduler.domain.errors import BadInput
from scheduler.settings import Settings, load_settings

if TYPE_CHECKING:
    from scheduler.clock import Clock
    from scheduler.persistence.database import Database

FLAWED = 1
BAD_INPUT = 2

ADMIN = Principal("command line", Role.ADMIN, None, "cli")
PLANNER = Principal("command line", Role.PLANNER, None, "cli")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Plans how each patient's own cells are taken, grown, filled, shipped cold and injected in time, "
    "and serves the bookings.",
    epilog="Exit codes: 0 fine; 1 the plan has unplanned doses or breaks a rule, or the audit trail does not hold; "
    "2 bad input, nothing was written. Commands that need a database take it from MARROWLINE_DATABASE_URL, "
    "by default sqlite:///marrowline.db.",
)


@contextmanager
def database(*, current: bool = True) -> Iterator[tuple[Database, Clock]]:
    """The database of the settings, with the clock it is written by; closed at the end of the block.

    Raises
    ------
    BadInput
        When the settings cannot be used, or, if it must be `current`, the tables are not those of this version.
    """
    settings = load_settings()
    # These take half a second to import: only commands with a database pay for them.
    from scheduler.persistence.database import open_database

    opened = open_database(settings.database_url.get_secret_value())
    try:
        if current:
            must_be_current(opened)
        yield opened, clock_of(settings)
    finally:
        opened.dispose()


def must_be_current(opened: Database) -> None:
    """BadInput unless the tables are those this version works with."""
    revision = opened.revision()
    if revision != opened.head():
        problem = f"is at revision {revision or 'none'}, this version works with {opened.head()}"
        raise BadInput("database", "revision", problem, "Run 'marrowline migrate' first")


def clock_of(settings: Settings) -> Clock:
    """The program clock where one is set, else real time."""
    from scheduler.clock import program_clock, real_clock

    if settings.program_clock is None:
        return real_clock
    return program_clock(settings.program_clock, real_clock, settings.program_clock_since)
