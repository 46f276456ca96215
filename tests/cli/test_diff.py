"""`marrowline diff` from outside: what it prints and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from scheduler import cli
from scheduler.cli import diffs
from scheduler.documents.plan_json import plan_json
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan, Unplanned
from tests.domain.world import FACTS, NETWORK, PLANT, at, dose_moved, dropped, moved, restated, valid_plan, with_closure

NOW = ("--now", "2027-03-01T02:30:00+09:00")
LATER = dose_moved(valid_plan(), FACTS, "ANA", 2, 1)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Compare two plans, or two texts, in a world whose every program is the given one."""

    def written(name: str, content: Plan | str | None) -> str:
        path = tmp_path / name
        if content is not None:
            path.write_text(content if isinstance(content, str) else plan_json(content, NETWORK), encoding="utf-8")
        return str(path)

    def call(
        old: Plan | str | None, new: Plan | str | None, *options: str, base: Facts = FACTS
    ) -> tuple[int, str, str]:
        monkeypatch.setattr(diffs, "load_program", lambda name: base)
        with pytest.raises(SystemExit) as ended:
            cli.main(["diff", written("old.json", old), written("new.json", new), *options])
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_diff_says_which_visits_move(run: Run) -> None:
    code, out, err = run(valid_plan(), LATER, *NOW)
    assert (code, err) == (0, "")
    moved_line = "ANA second dose: Tue 16 Mar 2027 09:00 -> Wed 17 Mar 2027 09:00 (Asia/Seoul), 26 -> 27 days after"
    assert moved_line in out
    # Notice of 14 and 15 days, nothing confirmed: 1 x 3 for the tap and 1 x 2 for the injection.
    assert "moving them costs 5, then 0 retimed" in out
    assert "ANA/2/fill" not in out


def test_diff_lists_the_steps_of_the_plant_on_demand(run: Run) -> None:
    assert "ANA/2/fill: PLANT Mon 15 Mar 2027 12:30" in run(valid_plan(), LATER, *NOW, "--steps")[1]


def test_diff_of_a_plan_with_itself_says_that_nothing_changes(run: Run) -> None:
    assert run(LATER, LATER, *NOW) == (0, "small: nothing changes, all 16 visits are kept\n", "")


def test_diff_knows_closures_of_the_program_as_reasons(run: Run) -> None:
    base = with_closure(FACTS, PLANT, at(date(2027, 3, 15), "00:00"), at(date(2027, 3, 16), "00:00"), "suite")
    _, out, _ = run(valid_plan(), LATER, *NOW, base=base)
    assert "26 -> 27 days after the first; supply: closure at PLANT suite, Mon 15 Mar" in out


def test_diff_takes_reasons_from_a_file(run: Run, tmp_path: Path) -> None:
    reasons = tmp_path / "reasons.json"
    reasons.write_text('{"ANA/2": {"reason": "lot failed", "neutral": "supply"}}', encoding="utf-8")
    document = json.loads(run(valid_plan(), LATER, *NOW, "--json", "--reasons", str(reasons))[1])
    changes = document["sites"][0]["patients"][0]["changes"]
    assert [(one["reason"], one["reason_in_full"]) for one in changes] == [("supply", "lot failed")] * 2


def test_diff_for_a_site_is_blinded_as_text_and_as_json(run: Run, tmp_path: Path) -> None:
    reasons = tmp_path / "reasons.json"
    reasons.write_text('{"ANA/2": {"reason": "lot failed", "neutral": "supply"}}', encoding="utf-8")
    options = (*NOW, "--reasons", str(reasons), "--audience", "site:NORTH")
    code, text, _ = run(valid_plan(), LATER, *options)
    document = run(valid_plan(), LATER, *options, "--json")[1]
    assert code == 0
    assert "days after the first; supply\n" in text
    assert json.loads(document)["audience"] == "site:NORTH"
    assert "lot" not in text + document and "BEN" not in text + document


def test_diff_tells_a_site_nothing_of_a_plan_that_breaks_a_rule(run: Run) -> None:
    broken = moved(valid_plan(), FACTS, "ANA/2/injection", days=1)
    code, out, err = run(valid_plan(), broken, *NOW, "--audience", "site:NORTH")
    assert code == 1
    assert "tap_day_before: broken" in out and "the plan breaks rules" in err
    assert "second dose" not in out


def test_diff_ends_with_1_when_the_new_plan_has_unplanned_doses_and_says_why(run: Run) -> None:
    steps = [one.id for one in valid_plan().courses[0].activities if one.dose == 3]
    unplanned = (Unplanned("ANA", 3, ("no fill crew 11-25 Jun",)),)
    new = restated(replace(dropped(valid_plan(), FACTS, *steps), unplanned=unplanned), FACTS)
    code, out, _ = run(valid_plan(), new, *NOW)
    assert code == 1
    assert "ANA third dose: Fri 18 Jun 2027 09:00 (Asia/Seoul) is no longer planned" in out
    assert "; no fill crew 11-25 Jun" in out


def test_notice_counts_from_the_clock_where_no_time_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffs, "clock_of", lambda settings: lambda: datetime(2027, 1, 10, tzinfo=UTC))
    # More than 28 days' notice for both visits: 1 + 1.
    assert "moving them costs 2" in run(valid_plan(), LATER)[1]


def test_plans_of_different_programs_are_refused_with_both_names(run: Run) -> None:
    code, out, err = run(replace(valid_plan(), program="other"), LATER, *NOW)
    assert (code, out) == (2, "")
    assert "is of program 'small', but" in err and "is of 'other'. Compare two plans of the same program" in err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (None, LATER, "old.json: file: cannot be read: No such file"),
        (valid_plan(), None, "new.json: file: cannot be read: No such file"),
        (valid_plan(), "{", "new.json: file: is not usable JSON"),
        ("[]", LATER, "old.json: document: [] is not an object"),
    ],
)
def test_files_that_cannot_be_read_are_refused_by_name(
    run: Run, old: Plan | str | None, new: Plan | str | None, said: str
) -> None:
    code, out, err = run(old, new, *NOW)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--now", "yesterday"), "--now: time: 'yesterday' is not a time with UTC offset"),
        (("--now", "2027-03-01T02:30:00"), "is not a time with UTC offset"),
        (("--now", "0001-01-01T00:00:00+00:00"), "is not a time with UTC offset"),
        ((*NOW, "--audience", "everybody"), "'everybody' is not known. Write plant, or site:CODE"),
        ((*NOW, "--audience", "site:"), "'site:' is not known"),
        ((*NOW, "--audience", "site:MOON"), "program small has no site 'MOON'. Sites: NORTH, SOUTH"),
        ((*NOW, "--reasons", "none.json"), "none.json: file: cannot be read"),
    ],
)
def test_options_that_cannot_be_used_are_refused_with_the_remedy(run: Run, options: tuple[str, ...], said: str) -> None:
    code, out, err = run(valid_plan(), LATER, *options)
    assert (code, out) == (2, "")
    assert said in err
