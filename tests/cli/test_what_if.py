"""`marrowline what-if` from outside: what it prints, what it writes and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scheduler import cli
from scheduler.cli import what_if
from scheduler.documents.plan_json import plan_json
from scheduler.domain.course import Capacity, Facts
from scheduler.persistence.database import Database
from tests.booking.house import NOW, move_in
from tests.databases import sqlite_database
from tests.domain.world import ANA, PLANT
from tests.planning.small import BEN_NORTH, one_dose, planned, priced, resourced

# Ana's culture has the only incubator position until Mon 8 Feb; Ben's begins then at the earliest, and his injection
# on Tue 9 March would be 64 days after his registration on 4 January, more than the 60 that are allowed.
FACTS = replace(priced(resourced(one_dose(ANA, BEN_NORTH), PLANT, "incubator", units=1), max_wait_days=60))
MORE = ("--change", "units PLANT incubator +1")
Run = Callable[..., tuple[int, str, str]]

__all__ = ["sqlite_database"]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Ask in a world whose every program is the small one."""

    def load(name: str, capacity: Capacity | None = None) -> Facts:
        return FACTS

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(what_if, "load_program", load)
        with pytest.raises(SystemExit) as ended:
            cli.main(["what-if", *arguments])
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def cells(out: str, name: str) -> list[str]:
    """The words after the name in the line of a figure."""
    (line,) = [one for one in out.splitlines() if one.strip().startswith(name)]
    return line.strip().removeprefix(name).split()


def test_one_more_position_gives_the_lost_dose_a_place_and_that_is_proven(run: Run) -> None:
    code, out, _ = run("small", *MORE, "--time-limit", "60")
    assert code == 0
    assert cells(out, "doses lost") == ["1", "dose", "0", "doses", "-1"]
    assert cells(out, "doses planned") == ["1", "dose", "2", "doses", "+1"]
    assert cells(out, "cost, level 1") == ["1,000", "points", "0", "points", "-1,000"]
    assert cells(out, "units there are, PLANT incubator") == ["1", "unit", "2", "units", "+1"]
    assert cells(out, "units busy at most, PLANT incubator") == ["1", "unit", "2", "units", "+1"]
    assert "units PLANT incubator +1: median wait 36 -> " in out
    assert "1 dose more" in out
    assert "Proven: the best plan after costs less" in out


def test_a_plan_after_the_changes_that_lacks_a_dose_ends_with_1(run: Run) -> None:
    code, out, _ = run("small", "--change", "units PLANT suite +1", "--time-limit", "60")
    assert code == 1
    assert cells(out, "doses lost") == ["1", "dose", "1", "dose", "0"]


def test_json_holds_both_summaries_and_the_changes(run: Run) -> None:
    code, out, _ = run("small", *MORE, "--time-limit", "60", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["format"] == "marrowline-what-if/1"
    assert (told["before"]["doses_unplanned"], told["after"]["doses_unplanned"]) == (1, 0)
    assert told["changes"] == [
        {
            "line": "units PLANT incubator +1",
            "change": "units",
            "place": "PLANT",
            "resource": "incubator",
            "by": 1,
        }
    ]


def test_a_plan_made_before_is_used_and_both_are_kept(run: Run, tmp_path: Path) -> None:
    made = tmp_path / "made.json"
    made.write_text(plan_json(planned(FACTS), FACTS.network), encoding="utf-8")
    out = tmp_path / "out"
    code, _, err = run("small", *MORE, "--before", str(made), "--out", str(out), "--time-limit", "60")
    assert code == 0
    assert "Planning small: reading calendars" in err and err.count("reading calendars") == 1
    assert (out / "before" / "plan.json").read_text(encoding="utf-8") == made.read_text(encoding="utf-8")
    assert json.loads((out / "after" / "summary.json").read_text(encoding="utf-8"))["doses_unplanned"] == 0
    assert json.loads((out / "what-if.json").read_text(encoding="utf-8"))["format"] == "marrowline-what-if/1"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("small",), "--change: change: is missing"),
        (("small", "--change", "units MOON suite +1"), "changes[0].place: there is no place 'MOON'"),
        (("small", *MORE, "--time-limit", "0"), "is not a length of time"),
        (("small", *MORE, "--booked"), "PROGRAM: what-if: cannot be given with --booked"),
        (("--booked",), "--change: change: is missing"),
        (("--booked", *MORE, "--time-limit", "61"), "61 is out of range"),
        (("small", *MORE, "--before", "nowhere.json"), "nowhere.json"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(run: Run, arguments: tuple[str, ...], told: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_a_database_that_was_never_made_is_told_so(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    code, _, err = run("--booked", *MORE)
    assert code == 2
    assert "Run 'marrowline migrate' first" in err


def test_what_is_booked_is_asked_without_being_touched(
    run: Run, sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = move_in(sqlite_database, tmp_path)
    house.booked("ANA")
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", f"sqlite:///{tmp_path / 'marrowline.db'}")
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK", NOW.isoformat())
    before = house.stays()
    code, out, _ = run("--booked", "--change", "units HUB incubator +1", "--time-limit", "60")
    assert code == 0
    assert cells(out, "visits moved") == ["0", "visits", "0", "visits", "0"]
    assert cells(out, "doses planned") == ["2", "doses", "2", "doses", "0"]
    assert "Nobody waits for a course." in out
    assert house.stays() == before
