"""`marrowline event` and `marrowline proposal` from outside: what they print and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler import cli
from tests.booking.house import House, move_in
from tests.databases import new_sqlite

Run = Callable[..., tuple[int, str, str]]
AROUND = ("--from", "2027-03-22T00:00+01:00", "--until", "2027-03-23T00:00+01:00", "--reason", "Filters")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Ana's biopsy is on Thu 11 March 2027 and her doses are on Mon 22 March and Mon 12 April."""
    house = move_in(new_sqlite(tmp_path / "trial.db"), tmp_path)
    house.booked("ANA")
    return house


@pytest.fixture
def run(house: House, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", f"sqlite:///{tmp_path / 'trial.db'}")
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK", house.now.isoformat())
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK_SINCE", "2026-01-05T09:00:00+09:00")
    monkeypatch.setattr("scheduler.cli.frame.clock_of", lambda _settings: lambda: house.now)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_an_event_is_answered_in_words_with_its_repair(run: Run, house: House) -> None:
    code, out, _ = run("event", "out-of-service", "HUB", "--resource", "suite", *AROUND)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("out_of_service is on record as evt_")
    assert lines[1:4] == ["Visits hit: ANA/1/graft", "A repair is in force:", "Plan 1, published."]
    assert "Visits moved: 2, proven to be the fewest; retimed: 0; doses given up: 0" in lines
    assert any("first dose: Mon 22 Mar 2027" in one and "closure at HUB suite" in one for one in lines)
    code, out, _ = run("proposal", "diff", "1")
    assert code == 0 and "first dose: Mon 22 Mar 2027" in out


def test_what_waits_for_a_person_ends_with_one_and_says_until_when(run: Run, house: House) -> None:
    flood = ("--from", "2027-04-08T00:00+02:00", "--until", "2027-04-23T00:00+02:00", "--reason", "Flooded")
    code, out, _ = run("event", "out-of-service", "NORTH", *flood, "--json")
    shown = json.loads(out)
    assert (code, shown["outcome"], shown["visits"]) == (1, "proposed", ["ANA/2/graft"])
    assert shown["repair"]["approve_by"] is None or shown["repair"]["approve_by"].startswith("2027-")
    code, out, _ = run("proposal", "show", str(shown["repair"]["plan"]))
    assert code == 0 and f"Plan {shown['repair']['plan']}, proposed." in out


def test_an_event_that_changes_nothing_ends_with_zero(run: Run) -> None:
    code, out, _ = run("event", "holiday", "2027-12-06", "--name", "Election")
    assert code == 0
    assert out.splitlines()[1:] == ["No visit is hit.", "Nothing has to move."]


def test_somebody_at_a_site_tells_that_a_harvest_was_dry(run: Run, house: House) -> None:
    biopsy = house.activities("ANA")["ANA/biopsy"]
    house.now = biopsy.end_at
    code, out, _ = run("event", "harvest-dry", "ANA/biopsy", "--at", biopsy.end_at.isoformat())
    assert code == 0
    assert "Visits hit: ANA/biopsy, ANA/1/graft" in out


WRONG = [
    (("out-of-service", "NOWHERE", *AROUND), "There is no such place, or it is not yours to see. Check the id."),
    (("holiday", "yesterday", "--name", "x"), "'yesterday' is no date. Write it as 2027-03-02"),
    (("lot-failed", "ANA/1/fill", "--at", "2027-03-01T08:00"), "is no instant. Write it as 2027-03-02T09:00+09:00"),
    (("patient-left", "NOBODY", "--reason", "death"), "There is no such course, or it is not yours to see."),
    (("read-out", "ANA", "1", "--reason", "Fine"), "Say from when, or until when, the cells can be filled."),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_what_cannot_be_ends_with_two_and_one_line(
    run: Run, house: House, arguments: tuple[str, ...], words: str
) -> None:
    before = house.records()
    code, out, err = run("event", *arguments)
    assert (code, out) == (2, "")
    assert words in err and len(err.splitlines()) == 1
    assert house.records() == before


def test_a_plan_that_nobody_proposed_is_not_shown(run: Run) -> None:
    code, _, err = run("proposal", "show", "9")
    assert code == 2 and "9 was never proposed" in err
