"""The command that judges a temperature logger's file: logger."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from scheduler.cli.frame import FLAWED, app
from scheduler.coldchain.logger_files import readings
from scheduler.console import say
from scheduler.domain.errors import BadInput
from scheduler.domain.excursions import Verdict, judge
from scheduler.domain.intervals import Interval
from scheduler.domain.protocol import Protocol, Temperatures
from scheduler.programs import load_program

LARGEST = 100_000_000


@app.command(
    epilog="Example: marrowline logger box-7.csv --packed 2027-02-16T19:00+09:00 --received 2027-02-17T07:30+09:00"
)
def logger(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with at,celsius or at,fahrenheit; or JSON.")],
    packed: Annotated[str, typer.Option("--packed", help="When the unit was packed, with UTC offset.")],
    received: Annotated[str, typer.Option("--received", help="When it was received, with UTC offset.")],
    program: Annotated[str, typer.Option("--program", help="Whose temperatures hold.")] = "alsummit",
    transit: Annotated[
        str | None, typer.Option("--transit", help="The transit it was on, such as marrow_transit; else a dose's.")
    ] = None,
) -> None:
    """Judge a logger's readings from packing to receipt, without a database; up to 100 MB, read as a stream.

    Ends with 0 for in-range, with 1 for review, quarantine and missing.
    """
    stretch = _stretch(packed, received)
    temperatures = _temperatures(load_program(program).protocol, program, transit)
    if file.stat().st_size > LARGEST:
        raise BadInput(str(file), "size", f"is larger than {LARGEST // 1_000_000} MB", "Export this shipment alone")
    with file.open("rb") as opened:
        found = judge(readings(opened, str(file)), stretch, temperatures)
    _tell(found)
    raise typer.Exit(0 if found.word == "in-range" else FLAWED)


def _temperatures(protocol: Protocol, program: str, transit: str | None) -> Temperatures:
    """Those of a transit, by default of a dose."""
    transits = {one.kind: one for one in protocol.steps if one.is_transit}
    if transit is not None and transit not in transits:
        problem = f"{transit!r} is no transit of {program}"
        raise BadInput("--transit", "kind", problem, f"Write one of: {', '.join(transits)}")
    chain = protocol.cold_chain
    dose = None if chain is None else chain.temperatures
    found = dose if transit is None else protocol.temperatures_on(transits[transit])
    if found is None:
        raise BadInput(program, "temperatures", "says nothing to judge this by", "Name another program or transit")
    return found


def _stretch(packed: str, received: str) -> Interval:
    start_at, end_at = _instant("--packed", packed), _instant("--received", received)
    if end_at <= start_at:
        raise BadInput("--received", "time", "does not lie after --packed", "Check both times")
    return Interval(start_at, end_at)


def _instant(option: str, written: str) -> datetime:
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise BadInput(option, "time", f"{written!r} is no time", "Write it as 2027-02-17T07:30:00+09:00") from None
    if found.tzinfo is None:
        raise BadInput(option, "time", f"{written!r} has no UTC offset", "Write it as 2027-02-17T07:30:00+09:00")
    return found


def _tell(found: Verdict) -> None:
    say(f"{found.word}: {found.reasons[0].sentence}")
    for reason in found.reasons[1:]:
        say(f"  also: {reason.sentence}")
    if found.lowest is not None and found.highest is not None:
        say(f"  {found.lowest:.1f} to {found.highest:.1f} °C in {found.readings} readings, {found.unusable} unusable")
    minute = timedelta(minutes=1)
    say(f"  outside for {found.exposure / minute:.4g} min, {found.longest_run / minute:.4g} min at one stretch")
    for gap in found.gaps:
        say(f"  no reading from {gap.start_at.isoformat()} to {gap.end_at.isoformat()}")
