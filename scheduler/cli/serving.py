"""The command that serves."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Annotated

import typer

from scheduler.cli.frame import app, database
from scheduler.settings import PREFIX, Settings, load_settings


@app.command(epilog="Example: marrowline serve --host 0.0.0.0 --port 8000 --workers 4")
def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on, by default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="By default 8000.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=64, help="Processes, by default 1.")] = None,
) -> None:
    """Serve the HTTP API until told to stop (SIGTERM or Ctrl-C); requests under way are answered first.

    Settings are variables MARROWLINE_*, or secret files of the same name in lower case in /run/secrets; an option
    given here stands for its variable. Logs go to standard error, one JSON object a line.
    """
    for name, value in (("HOST", host), ("PORT", port), ("WORKERS", workers)):
        if value is not None:
            os.environ[f"{PREFIX}{name}"] = str(value)  # workers read the environment themselves
    with database():
        settings = load_settings()
    run_until_stopped(settings)


def run_until_stopped(settings: Settings) -> None:
    """Run the service; Ctrl-C is the ordinary end of it."""
    from api.server import run

    with suppress(KeyboardInterrupt):
        run(settings)
