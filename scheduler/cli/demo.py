"""The demonstration: a trial planned, booked and served on this machine, on a program clock."""

from __future__ import annotations

import os
import shlex
import socket
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from scheduler.cli.frame import ADMIN, PLANNER, app
from scheduler.cli.plans import TimeLimit, finish, planned, say_course_of
from scheduler.cli.programs import imported, plan_json_of
from scheduler.cli.serving import run_until_stopped
from scheduler.console import complain, say
from scheduler.domain.audience import SITE_ROLES, Role
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan
from scheduler.programs import load_program
from scheduler.settings import PREFIX, load_settings

HOST = "127.0.0.1"
LATER = timedelta(weeks=8)  # the demonstration begins so long after the program: some are treated, some still register
PATIENCE_SECONDS = 60.0
DATABASE = "marrowline.db"


@app.command(epilog="Example: marrowline demo --program phase1-two-harvests --no-serve")
def demo(
    out: Annotated[Path, typer.Option("--out", help="Directory for the plan and the database.")] = Path("out/demo"),
    time_limit: TimeLimit = 30.0,
    program: Annotated[str, typer.Option("--program", help="A shipped program's name, or a path.")] = "alsummit",
    serve: Annotated[bool, typer.Option(envvar="DEMO_SERVE", help="Book the plan and serve it too.")] = True,
    port: Annotated[int, typer.Option(envvar="DEMO_PORT", min=1, max=65535, help="Where to serve.")] = 8000,
) -> None:
    """Plan a trial, show its figures and one course; then book it whole and serve it until Ctrl-C.

    The service runs on a program clock that begins eight weeks into the program, so that it works in any year. It
    listens on this machine only, and its database is made anew each time.
    """
    if serve:
        _must_be_free(port)
    facts = load_program(program)
    plan = planned(facts, out, time_limit, seed=0)
    say()
    say_course_of(plan, facts.patients[0].id, facts, str(out / "plan.json"))
    if not serve:
        finish(plan)
    _serve(program, facts, plan, out / DATABASE, port)


def _serve(program: str, facts: Facts, plan: Plan, path: Path, port: int) -> None:
    """Book the plan in a new database and serve it until stopped."""
    begins = begins_at(facts)
    for name, value in {
        "DATABASE_URL": f"sqlite:///{path}",
        "PROGRAM_CLOCK": begins.isoformat(),
        "HOST": HOST,
        "PORT": str(port),
    }.items():
        os.environ[f"{PREFIX}{name}"] = value
    os.environ.setdefault(f"{PREFIX}LOG_LEVEL", "warning")  # a line a request would hide the keys
    settings = load_settings()
    keys, token = _booked(program, facts, plan, path, begins)
    _say_keys(facts, keys, begins, port)
    threading.Thread(target=_introduce, args=(facts, keys, token, begins, port), daemon=True).start()
    run_until_stopped(settings)


def begins_at(facts: Facts) -> datetime:
    """What the program clock of the demonstration shows at the start: nine in the morning at the first site."""
    zone = ZoneInfo(facts.network.sites[0].zone)
    return datetime.combine(facts.starts_on + LATER, clock_time(9), zone)


def _booked(program: str, facts: Facts, plan: Plan, path: Path, begins: datetime) -> tuple[dict[Role, str], str]:
    """A new database with the plan booked; one key a role, and the token of a calendar of the first site."""
    from scheduler.booking.board import Board
    from scheduler.booking.feeds import issue
    from scheduler.persistence.database import open_database
    from scheduler.persistence.keys import make_key
    from scheduler.persistence.unit_of_work import UnitOfWork

    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    opened = open_database(f"sqlite:///{path}")
    now = begins.astimezone(UTC)
    try:
        opened.migrate()
        found = imported(opened, lambda: now, program, facts, plan, plan_json_of(plan, facts))
        say()
        say(f"Booked: {found.courses} courses of {found.patients} patients, in {path}")
        with UnitOfWork(opened, now=now, principal=ADMIN) as work:
            site = facts.network.sites[0].code
            keys = {
                role: make_key(work, name=f"Demo {role.value}", role=role, site=site if role in SITE_ROLES else None)
                for role in Role
            }
            work.commit()
        with UnitOfWork(opened, now=now, principal=PLANNER) as work:
            feed = issue(work, Board(), scope="coordinator", subject=site, label="Demonstration")
            work.commit()
    finally:
        opened.dispose()
    return keys, feed.token


def _say_keys(facts: Facts, keys: dict[Role, str], begins: datetime, port: int) -> None:
    say()
    say(f"{'role':14}{'site':6}key (for this demonstration only)")
    for role, key in keys.items():
        say(f"{role.value:14}{facts.network.sites[0].code if role in SITE_ROLES else '':6}{key}")
    say()
    say(f"Program clock: it is {begins:%a %Y-%m-%d %H:%M} ({begins.tzinfo}) in this demonstration, and time goes on.")
    say(f"Serving at http://{HOST}:{port} until Ctrl-C; every route is in http://{HOST}:{port}/openapi.json")


def _introduce(facts: Facts, keys: dict[Role, str], token: str, begins: datetime, port: int) -> None:
    """Once the service answers, print an address and a request that work, and say that they were tried."""
    week = begins.date()
    url = f"http://{HOST}:{port}/v1/visits?site={facts.network.sites[0].code}&from={week}&to={week + timedelta(days=6)}"
    header = f"Authorization: Bearer {keys[Role.COORDINATOR]}"
    calendar = f"http://{HOST}:{port}/calendar/{token}.ics"
    problem = answered(url, header) or answered(calendar, header)
    if problem is None:
        say()
        say("Its coordinator's calendar: an address that calendar programs open (docs/calendars.md), tried as well:")
        say(f"  {calendar}")
        say(f"This week's visits of {facts.network.sites[0].name}; the line was tried and works:")
        say(f"  curl -s -H {shlex.quote(header)} {shlex.quote(url)}")
    else:
        complain(f"marrowline: the service does not answer as it should: {problem}")


def answered(url: str, header: str) -> str | None:
    """Wait until a request is answered with 200; otherwise what was wrong with the last answer."""
    name, _, value = header.partition(": ")
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    problem = "no answer"
    while time.monotonic() < give_up_at:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers={name: value}), timeout=10) as answer:
                return None if answer.status == 200 else f"status {answer.status}"
        except urllib.error.HTTPError as error:
            return f"status {error.code}"
        except OSError as error:
            problem = str(error)
            time.sleep(0.1)
    return problem


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            remedy = "Stop what listens there, or name another port: DEMO_PORT=8001 make demo"
            raise BadInput("demo", "DEMO_PORT", f"{port} cannot be used ({error.strerror})", remedy) from error
