"""Commands for what is booked, as files: visits, week."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from scheduler.cli.frame import PLANNER, app, database
from scheduler.console import say
from scheduler.documents.files import write_all
from scheduler.domain.errors import BadInput

FORMATS = ("ics", "csv", "xlsx")
LANGUAGES = ("en", "ko")
On = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first local date.")]


@app.command(epilog="Example: marrowline visits --site HYU --out hyu.xlsx")
def visits(
    out: Annotated[Path, typer.Option("--out", help="A file that ends in .ics, .csv or .xlsx.")],
    site: Annotated[str | None, typer.Option("--site", help="One site's code; by default every site.")] = None,
    from_on: On = None,
    to_on: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last local date, inclusive.")
    ] = None,
) -> None:
    """Write the booked visits as sites see them: a calendar file, CSV, or a workbook with a sheet for each site."""
    made_as = out.suffix.removeprefix(".")
    if made_as not in FORMATS:
        raise BadInput("--out", "file", f"{out.name!r} ends in none of .ics, .csv, .xlsx", "Name the file accordingly")
    from scheduler.booking.exports import Stretch, export_visits
    from scheduler.persistence.unit_of_work import UnitOfWork

    stretch = Stretch(None if from_on is None else from_on.date(), None if to_on is None else to_on.date())
    with (
        database() as (opened, clock),
        UnitOfWork(opened, now=clock(), principal=PLANNER, write=False) as work,
    ):
        content = export_visits(work, made_as, stretch, site=site)  # type: ignore[arg-type]
    write_all(out.parent, {out.name: content})
    say(f"Written to {out}")


@app.command(epilog="Example: marrowline week --site HYU --lang ko --out week.html")
def week(
    site: Annotated[str, typer.Option("--site", help="The site's code.")],
    out: Annotated[Path, typer.Option("--out", help="The page, to be opened and printed by a browser.")],
    from_on: On = None,
    lang: Annotated[str, typer.Option("--lang", help="en or ko.")] = "en",
) -> None:
    """Write seven days of a site as a page to print: what happens each day, when doses arrive, until when to finish."""
    if lang not in LANGUAGES:
        raise BadInput("--lang", "language", f"{lang!r} is not known", "Write en or ko")
    from scheduler.booking.exports import export_week
    from scheduler.persistence.unit_of_work import UnitOfWork

    with (
        database() as (opened, clock),
        UnitOfWork(opened, now=clock(), principal=PLANNER, write=False) as work,
    ):
        first = None if from_on is None else from_on.date()
        page = export_week(work, site, first, lang)  # type: ignore[arg-type]
    write_all(out.parent, {out.name: page})
    say(f"Written to {out}")
