"""The command that works by night."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.frame import FLAWED, app, database
from scheduler.console import say
from scheduler.domain.errors import BadInput
from scheduler.settings import PREFIX, Settings, load_settings

if TYPE_CHECKING:
    from scheduler.clock import Clock
    from scheduler.persistence.database import Database
    from scheduler.reoptimise.shift import Shift
    from scheduler.reoptimise.worker import Worker

log = logging.getLogger("marrowline.worker")

WAIT_SECONDS = 5.0


@app.command(epilog="Example: marrowline worker --once")
def worker(
    once: Annotated[bool, typer.Option("--once", help="Do the night that is due, then end.")] = False,
    host: Annotated[str | None, typer.Option("--host", help="Where to show figures, by default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="By default no figures.")] = None,
) -> None:
    """Keep the plan true: each night once, and whenever a run is asked for, until told to stop (SIGTERM or Ctrl-C).

    Any number of workers may run; each night is done by one of them. With --once it ends with 1 when the night
    failed. Logs go to standard error, one JSON object a line.
    """
    from api.logs import configure_logs

    settings = load_settings()
    _one_clock_for_all(settings)
    with database() as (opened, clock):
        configure_logs(settings.log_level)
        if once:
            _one_night(opened, clock, settings)
        else:
            _nights(opened, clock, settings, host or settings.host, port or settings.worker_port)


def _one_night(opened: Database, clock: Clock, settings: Settings) -> None:
    from scheduler.persistence.unit_of_work import UnitOfWork
    from scheduler.reoptimise.runs import SomebodyElses, shown
    from scheduler.reoptimise.shift import program_zone
    from scheduler.reoptimise.worker import Worker

    if program_zone(opened) is None:
        raise BadInput("database", "program", "is not there yet", "Run 'marrowline import PROGRAM' first")
    shift = _shift(opened, clock, settings, Worker())
    found = shift.due_night()
    if isinstance(found, SomebodyElses):
        say(f"Run {found.run}: {found.worker} is at it.")
        return
    with UnitOfWork(opened, now=clock(), principal=shift.worker.principal, write=False) as work:
        row = shown(work, found.run)
    say(f"Run {found.run}, the night of {row.local_date}: {row.status}. {row.reason or ''}".rstrip())
    if row.status == "failed":
        raise typer.Exit(FLAWED)


def _nights(opened: Database, clock: Clock, settings: Settings, host: str, port: int | None) -> None:
    from prometheus_client import start_http_server

    from scheduler import jobs
    from scheduler.clock import real_clock
    from scheduler.reoptimise.worker import Worker

    figures, worker = jobs.Figures(), Worker()
    if port is not None:
        start_http_server(port, host, registry=figures.registry)
    with jobs.stopped_by_signals(worker):
        if _program_is_there(opened, worker):
            jobs.work_until_stopped(_shift(opened, clock, settings, worker), figures, real_clock())


def _program_is_there(opened: Database, worker: Worker) -> bool:
    """Wait for a program; False when told to stop before there was one."""
    from scheduler.reoptimise.shift import program_zone

    if program_zone(opened) is None:
        log.info("waiting for a program: marrowline import PROGRAM")
    while program_zone(opened) is None:
        if worker.stopping.wait(WAIT_SECONDS):
            return False
    return True


def _shift(opened: Database, clock: Clock, settings: Settings, worker: Worker) -> Shift:
    from scheduler.booking.webhooks import poster
    from scheduler.reoptimise.shift import Shift, program_zone

    zone = program_zone(opened)
    assert zone is not None, "there is a program by now"
    send = poster(allow_private=settings.webhooks_allow_private)
    return Shift(opened, clock, worker, zone, settings.nightly_at, send=send)


def _one_clock_for_all(settings: Settings) -> None:
    """BadInput where this process would show another time than the service."""
    if settings.program_clock is not None and settings.program_clock_since is None:
        remedy = "Give the real instant at which the program clock began, the same for worker and service"
        raise BadInput("environment", f"{PREFIX}PROGRAM_CLOCK_SINCE", "is missing beside PROGRAM_CLOCK", remedy)
