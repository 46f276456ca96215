"""The service as processes: what `marrowline serve` runs."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, suppress

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.logs import configure_logs
from api.metrics import SHARED
from api.service import Service
from scheduler.clock import real_clock
from scheduler.domain.audience import Principal, Role
from scheduler.domain.errors import MarrowlineError
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.settings import PREFIX, Settings, load_settings

SINCE = f"{PREFIX}PROGRAM_CLOCK_SINCE"
STARTING = Principal("start of the service", Role.ADMIN, None, "start")


def application() -> FastAPI:
    """The service of one worker, with the settings and the logs of its process."""
    settings = load_settings()
    configure_logs(settings.log_level)
    app = create_app(settings)
    _prepare(app.state.service)
    return app


def _prepare(service: Service) -> None:
    """Look once for dates at every site, so that the first who asks waits no longer than the others.

    Where there is nothing to look at yet the service starts all the same, and ``/readyz`` says what is missing.
    """
    database = service.database
    with suppress(MarrowlineError):
        if database.revision() == database.head():
            with UnitOfWork(database, now=service.clock(), principal=STARTING, write=False) as work:
                service.board.prepare(work)


def run(settings: Settings) -> None:
    """Serve until told to stop; requests under way are answered first, for as long as the settings allow.

    Each worker reads the settings again from the environment; `settings` decides address, workers and log level.
    """
    with ExitStack() as until_the_end:
        if settings.program_clock is not None and settings.program_clock_since is None:
            os.environ[SINCE] = real_clock().isoformat()  # all workers, and those started anew, show one time
            until_the_end.callback(os.environ.pop, SINCE, None)
        if settings.workers > 1 and settings.metrics and not os.environ.get(SHARED):
            os.environ[SHARED] = until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="marrowline-metrics-"))
            until_the_end.callback(os.environ.pop, SHARED, None)
        configure_logs(settings.log_level)
        uvicorn.run(
            "api.server:application",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            log_config=None,
            log_level=settings.log_level,
            access_log=False,  # it writes paths, and these hold patient ids
            server_header=False,
            timeout_graceful_shutdown=settings.shutdown_seconds,
            timeout_keep_alive=75,  # people think longer than uvicorn's 5 seconds, and then send what must arrive
        )
