"""What is booked, written by the command line: visits as files, and a site's week on paper."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler.cli import main
from tests.booking.house import move_in
from tests.databases import new_sqlite

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on a database with the skin program and Ana's course; its exit code."""
    database = new_sqlite(tmp_path / "skin.db")
    move_in(database, tmp_path).booked("ANA")
    database.dispose()
    monkeypatch.setenv("MARROWLINE_DATABASE_URL", f"sqlite:///{tmp_path / 'skin.db'}")
    monkeypatch.setenv("MARROWLINE_PROGRAM_CLOCK", "2027-03-01T09:00:00+01:00")

    def ran(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        return int(ended.value.code or 0)

    return ran


@pytest.mark.parametrize(
    ("name", "begins"), [("v.ics", b"BEGIN:VCALENDAR"), ("v.csv", b"site,patient"), ("v.xlsx", b"PK\x03\x04")]
)
def test_the_name_of_the_file_says_what_is_written(run: Run, tmp_path: Path, name: str, begins: bytes) -> None:
    assert run("visits", "--out", str(tmp_path / name)) == 0
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_week_is_written_in_the_language_asked_for(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "week.html"
    assert run("week", "--site", "NORTH", "--from", "2027-03-08", "--lang", "ko", "--out", str(page)) == 0
    assert '<html lang="ko">' in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ("visits", "--out", "v.pdf"),
        ("visits", "--site", "NOWHERE", "--out", "v.csv"),
        ("week", "--site", "NOWHERE", "--out", "w.html"),
        ("week", "--site", "NORTH", "--lang", "de", "--out", "w.html"),
    ],
)
def test_what_cannot_be_written_is_refused_and_no_file_is_left(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert run(*arguments) == 2
    assert list(folder.iterdir()) == []
