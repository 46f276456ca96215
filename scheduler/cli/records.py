"""Commands for what must not be lost: audit verify, backup, restore."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.frame import FLAWED, app, database
from scheduler.console import complain, say
from scheduler.domain.errors import BadInput

if TYPE_CHECKING:
    from scheduler.persistence.backup import Contents

group = typer.Typer(no_args_is_help=True, help="Check the audit trail.")
app.add_typer(group, name="audit")

BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup's file.")]


@group.command(epilog="Example: marrowline audit verify --anchor 121:f15a4346...")
def verify(
    anchor: Annotated[
        str | None, typer.Option("--anchor", metavar="NUMBER:HASH", help="An entry noted down earlier.")
    ] = None,
) -> None:
    """Follow the audit trail from its first entry; ends with 1 where it does not hold.

    Note down what it prints, outside this database: only an anchor shows that last entries were cut off.
    """
    from scheduler.persistence import audit

    noted = None if anchor is None else _anchor(anchor)
    with database() as (opened, _clock), opened.session() as session:
        found = audit.verify(session, anchor=noted)
    if isinstance(found, audit.Broken):
        complain(f"marrowline: audit entry {found.entry} {found.problem}. Find out who changed it before going on")
        raise typer.Exit(FLAWED)
    say(f"The audit trail holds: {found.entries} entries. Anchor to note down: {found.entries}:{found.head}")


@app.command(epilog="Example: marrowline backup /safe/trial-2027-03-01.zip")
def backup(file: BackupFile) -> None:
    """Write the whole database as it is at this moment to a new file; the service may go on.

    The file holds everything, arms included: keep it like the database itself.
    """
    from scheduler.persistence.backup import backup as save

    with database() as (opened, _clock):
        _tell(save(opened, file), f"Written to {file}")


@app.command(epilog="Example: marrowline migrate && marrowline restore /safe/trial-2027-03-01.zip")
def restore(file: BackupFile) -> None:
    """Fill an empty, migrated database from a backup, SQLite or PostgreSQL alike; all of it or nothing."""
    from scheduler.persistence.backup import restore as load

    with database() as (opened, _clock):
        _tell(load(opened, file), f"Restored from {file}")


def _tell(contents: Contents, what: str) -> None:
    rows = contents.rows
    say(
        f"{what}: {rows['patient']} patients, {rows['course']} courses, {sum(rows.values())} rows in all. "
        f"The audit trail holds; anchor {contents.entries}:{contents.head}"
    )


def _anchor(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"([1-9][0-9]{0,17}):([0-9a-f]{64})", text)
    if found is None:
        remedy = "Write NUMBER:HASH as 'marrowline audit verify' printed it"
        raise BadInput("--anchor", "value", "is not an anchor", remedy)
    return int(found[1]), found[2]
