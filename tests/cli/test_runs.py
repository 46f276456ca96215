"""`marrowline plan-run` from outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler import cli
from tests.booking.house import House, move_in
from tests.databases import new_sqlite
from tests.reoptimise.test_nightly import shift_of

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return move_in(new_sqlite(tmp_path / "trial.db"), tmp_path)


@pytest.fixture
def run(house: House, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", f"sqlite:///{tmp_path / 'trial.db'}")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["plan-run", *arguments])
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def test_a_run_that_is_asked_for_waits_and_is_given_again(run: Run) -> None:
    said = "Run 1 waits for a worker. Look at it with: marrowline plan-run show 1\n"
    assert run("ask") == (0, said, "")
    assert run("ask") == (0, said, "")
    code, out, _ = run("list")
    assert code == 0 and "waiting" in out


def test_what_became_of_a_run_is_shown_with_its_figures(run: Run, house: House) -> None:
    shift_of(house).due_night()
    code, out, _ = run("show", "1")
    assert code == 0
    assert out.splitlines()[0] == "Run 1, for 2027-03-01: unchanged."
    assert "courses: 0" in out.splitlines()


def test_a_run_that_is_not_there_is_refused(run: Run) -> None:
    code, _, err = run("show", "7")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "7 is not there" in err
