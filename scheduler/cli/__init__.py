"""The command line `marrowline`: plans and their files, the service, its keys, its records, and a demonstration."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from scheduler.cli import (
    demo,
    diffs,
    events,
    exports,
    keys,
    logger,
    plans,
    programs,
    records,
    runs,
    serving,
    what_if,
    why_not,
    worker,
)
from scheduler.cli.frame import BAD_INPUT, app
from scheduler.console import complain
from scheduler.domain.errors import MarrowlineError

COMMANDS = (
    plans, diffs, what_if, why_not, programs, exports, logger, serving, worker, runs, events, keys, records, demo,
)  # fmt: skip
"""The modules whose commands these are, in the order in which they are read."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; bad input ends with one line on standard error and exit code 2."""
    try:
        app(args=arguments, prog_name="marrowline")
        sys.stdout.flush()
    except MarrowlineError as error:
        complain(f"marrowline: {error}")
        sys.exit(BAD_INPUT)
    except OSError as error:
        # What Python still holds for standard output must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        complain(
            f"marrowline: {error.filename or 'standard output'}: {error.strerror}. Make room or name another place"
        )
        sys.exit(BAD_INPUT)
    sys.exit(0)
