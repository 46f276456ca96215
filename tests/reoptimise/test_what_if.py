"""What if, asked of a booked house: figures for both sides, and not a byte of the database is different afterwards."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from scheduler.domain.errors import BadInput
from scheduler.persistence.database import Database
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.programs.changes import read_changes
from scheduler.reoptimise.what_if import CUT_SHORT, WhatIf, read_booked, what_if
from tests.booking.house import PAUL, SOUTH, House, move_in

SECONDS = 60.0


def asked(house: House, *lines: str, seconds: float = SECONDS) -> WhatIf:
    with house.work(PAUL, write=False) as work:
        booked = read_booked(work, house.board)
    return what_if(booked, read_changes(lines), seconds)


def everything(house: House) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, the audit trail included."""
    with house.database.session() as session:
        names = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return {name: [tuple(row) for row in session.execute(text(f'SELECT * FROM "{name}"'))] for name in names}


def figure(found: WhatIf, name: str) -> tuple[float | None, float | None]:
    (one,) = [each for each in found.figures if each.name == name]
    return one.before, one.after


@pytest.fixture
def booked(house: House) -> House:
    """Ana and Cleo have courses, Ben at South waits for one."""
    house.booked("ANA")
    house.booked("CLEO")
    house.registered("BEN", SOUTH)
    return house


def test_asking_leaves_every_table_as_it_was(booked: House) -> None:
    before = everything(booked)
    found = asked(booked, "units HUB incubator +1", "holiday 2027-05-06")
    assert found.figures and not found.cut_short
    assert everything(booked) == before


def test_with_nothing_in_the_way_nothing_moves_and_who_waits_is_counted(booked: House) -> None:
    found = asked(booked, "units HUB incubator +1")
    assert figure(found, "visits moved") == (0, 0)
    assert figure(found, "doses lost") == (0, 0)
    # Two doses each for Ana, Cleo and Ben.
    assert figure(found, "doses planned") == (6, 6)
    assert figure(found, "offered to those who wait") == (1, 1)
    before, after = figure(found, "their wait for dose 1, median")
    assert before is not None and before == after
    assert found.sentences[1].startswith("1 of 1 who wait")
    assert found.sentences[-1].startswith("Proven")
    assert found.text.splitlines()[0].split() == ["figure", "before", "after", "difference"]


def test_a_holiday_on_a_booked_day_moves_the_visits_of_that_day(booked: House) -> None:
    visit = booked.visits("ANA")["ANA/1/graft"]
    found = asked(booked, f"holiday {visit.start_at.date()} NORTH")
    before, after = figure(found, "visits moved")
    assert before == 0 and after is not None and after >= 1
    assert figure(found, "doses lost") == (0, 0)


def test_who_waits_is_offered_nothing_while_the_only_suite_is_shut(booked: House) -> None:
    # Shut for longer than anybody may wait.
    found = asked(booked, f"closure HUB suite {booked.today + timedelta(days=1)} {booked.today + timedelta(days=400)}")
    assert figure(found, "offered to those who wait") == (1, 0)
    assert figure(found, "their wait for dose 1, median")[1] is None


def test_what_is_past_for_the_house_is_refused(booked: House) -> None:
    with pytest.raises(BadInput, match="is past"):
        asked(booked, f"holiday {booked.today - timedelta(days=1)}")


def test_one_more_site_is_a_question_to_a_program(booked: House) -> None:
    with pytest.raises(BadInput, match="marrowline what-if PROGRAM"):
        asked(booked, "site EAST like NORTH")
    with pytest.raises(BadInput, match="marrowline what-if PROGRAM"):
        asked(booked, "policy capacity lean")


def test_no_time_at_all_gives_an_answer_without_figures(booked: House) -> None:
    found = asked(booked, "units HUB incubator +1", seconds=0.0)
    assert (found.figures, found.sentences, found.cut_short) == ((), (CUT_SHORT,), True)


def test_who_waits_without_an_arm_in_a_program_planned_with_it_is_left_out(
    sqlite_database: Database, tmp_path: Path
) -> None:
    lean = move_in(sqlite_database, tmp_path, capacity="lean")
    lean.registered("BEN", SOUTH)
    with lean.work(PAUL, write=False) as work:
        assert read_booked(work, lean.board).waiting == ()


def test_a_unit_of_work_that_only_reads_is_enough(booked: House) -> None:
    with UnitOfWork(booked.database, now=booked.now, principal=PAUL, write=False) as work:
        assert len(read_booked(work, booked.board).plan.courses) == 2
