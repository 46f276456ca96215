"""Why not, at the command line: exit codes and words, on a database with a booked course."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler import cli
from scheduler.cli.frame import clock_of
from scheduler.settings import load_settings
from tests.booking.house import SOUTH, move_in
from tests.databases import new_sqlite

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line on the skin program's database with ANA booked and BEN registered."""
    address = tmp_path / "marrowline.db"
    database = new_sqlite(address)
    house = move_in(database, tmp_path)
    house.booked("ANA")
    house.registered("BEN", SOUTH)
    database.dispose()
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", f"sqlite:///{address}")
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK", "2027-03-01T08:00:00Z")
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK_SINCE", "2026-01-05T09:00:00+09:00")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def later(days: int = 300) -> str:
    """A date to come by the program clock, which goes on while tests are run."""
    return (clock_of(load_settings())() + timedelta(days=days)).date().isoformat()


def test_without_time_it_says_that_nothing_is_decided_and_ends_with_3(run: Run) -> None:
    for arguments in (("why-not", "ANA", later(), "--dose", "2"), ("why-so-late", "BEN")):
        code, out, err = run(*arguments, "--seconds", "0")
        assert code == 3, err
        assert "decided in the time given" in out.lower()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("NOBODY", "LATER", "--dose", "2"), "There is no such patient"),
        (("ANA", "LATER", "--dose", "9"), "no such dose or step"),
        (("ANA", "2026-01-05", "--dose", "2"), "This date is over"),
        (("ANA", "5 January", "--dose", "2"), "'5 January' is no date"),
    ],
    ids=["patient", "dose", "past", "date"],
)
def test_what_cannot_be_asked_is_told_in_one_line_and_ends_with_2(
    run: Run, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = run("why-not", *(later() if one == "LATER" else one for one in arguments))
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
