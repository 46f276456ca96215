"""The command `worker`, from outside: one night, and many until told to stop."""

import logging
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from scheduler import cli
from scheduler.booking.closures import declare
from scheduler.persistence.database import open_database
from scheduler.reoptimise import solving
from tests.booking.house import HUB, PAUL, House, move_in
from tests.databases import new_sqlite
from tests.reoptimise.cast import all_runs

CLOCK = "2027-03-01T09:00:00+01:00"


class Ended(NamedTuple):
    """How a run of the command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """The command sends the logs of its process to standard error, which here is everybody's process."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database without a program, and a program clock that shows `CLOCK` as the test begins."""
    database = new_sqlite(tmp_path / "trial.db")
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", database.url)
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK", CLOCK)
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK_SINCE", datetime.now(UTC).isoformat())
    return database.url


@pytest.fixture
def house(url: str, tmp_path: Path) -> House:
    """The same database with the skin program and ANA booked."""
    moved = move_in(open_database(url), tmp_path)
    moved.booked("ANA")
    return moved


@pytest.fixture
def run(url: str, capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        out, err = capfd.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return call


def test_once_does_the_night_that_is_due_and_again_finds_it_done(run: Run, house: House) -> None:
    first, again = run("worker", "--once"), run("worker", "--once")
    (night,) = all_runs(house.database)
    assert (first.code, again.code) == (0, 0)
    assert first.out == again.out == f"Run 1, the night of {night.local_date}: unchanged.\n"


def test_once_says_what_became_of_the_night(run: Run, house: House) -> None:
    shut_suite(house)
    ended = run("worker", "--once")
    assert (ended.code, ended.out) == (0, "Run 1, the night of 2027-03-01: published.\n")


def test_once_ends_with_1_and_the_reason_when_the_night_failed(
    run: Run, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut_suite(house)
    monkeypatch.setattr(solving, "LONGEST_SECONDS", 0.0)
    ended = run("worker", "--once")
    assert ended.code == 1
    words = "failed. The search took longer than it may and was ended. The plan in force stays."
    assert ended.out == f"Run 1, the night of 2027-03-01: {words}\n"


def shut_suite(house: House) -> None:
    """The suite is shut over the fill of dose 1 of Ana; another hour is free."""
    with house.doing(PAUL) as work:
        fill = house.activities("ANA")["ANA/1/fill"]
        declare(
            work,
            house.board,
            where=HUB,
            resource="suite",
            start_at=fill.start_at,
            end_at=fill.end_at,
            reason="New filters.",
        )


def test_once_without_a_program_is_refused_with_the_remedy(run: Run) -> None:
    ended = run("worker", "--once")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("Run 'marrowline import PROGRAM' first\n")


def test_a_program_clock_of_its_own_is_refused(run: Run, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MARROWLINE_PROGRAM_CLOCK_SINCE")
    ended = run("worker", "--once")
    assert ended.code == 2
    assert "MARROWLINE_PROGRAM_CLOCK_SINCE: is missing beside PROGRAM_CLOCK" in ended.err


def test_a_night_that_begins_at_no_time_of_day_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("25:00", "02:30+09:00"):
        monkeypatch.setenv("MARROWLINE_NIGHTLY_AT", wrong)
        ended = run("worker", "--once")
        assert (ended.code, len(ended.err.splitlines())) == (2, 1)
        assert "MARROWLINE_NIGHTLY_AT" in ended.err


def test_the_help_gives_an_example(run: Run) -> None:
    ended = run("worker", "--help")
    assert (ended.code, "Example: marrowline worker" in ended.out) == (0, True)


@pytest.mark.parametrize("with_program", [True, False], ids=["at work", "waiting for a program"])
def test_a_worker_shows_its_figures_and_ends_when_told_to(
    request: pytest.FixtureRequest, url: str, with_program: bool
) -> None:
    if with_program:
        request.getfixturevalue("house")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "scheduler", "worker", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        try:
            sign = '"run over"' if with_program else '"waiting for a program'
            assert any(sign in line for line in process.stderr)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                assert b"marrowline_audit_entries" in answer.read()
        finally:
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read()
        assert process.wait(20) == 0
    assert "Traceback" not in rest
    nights = all_runs(open_database(url))
    assert [night.status for night in nights] == (["unchanged"] if with_program else [])
    assert all(night.ended_at and night.ended_at > datetime.fromisoformat(CLOCK) for night in nights)
