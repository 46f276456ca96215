"""A plan is booked beside what is booked already."""

from __future__ import annotations

from dataclasses import replace

from scheduler.booking.board import Board
from scheduler.booking.import_program import Imported, import_program
from scheduler.domain.cost import cost_of
from scheduler.persistence.bundle import bundle_of
from scheduler.persistence.database import Database
from scheduler.planning.planner import first_come_first_served_plan
from scheduler.programs import load_program
from tests.booking.house import PAUL, House
from tests.booking.referee import judged

PROGRAM = "neuronata-r-csf48"


def test_courses_added_later_take_other_places_on_the_same_courier_runs(sqlite_database: Database) -> None:
    facts = load_program(PROGRAM)
    whole = first_come_first_served_plan(facts)
    leaving = [(one.lane, one.start_at) for course in whole.courses for one in course.activities if one.lane]
    assert len(set(leaving)) < len(leaving), "no two courses share a run, so this would show nothing"
    # Every other patient first: wherever two share a run, the second finds place 1 taken.
    some = replace(facts, patients=facts.patients[::2])
    names = {one.id for one in some.patients}
    part = replace(whole, courses=tuple(one for one in whole.courses if one.patient in names))
    part = replace(part, cost=cost_of(part, some), bound=(0, 0, 0))
    house = House(sqlite_database, Board())
    with house.doing(PAUL) as work:
        assert import_program(work, house.board, bundle_of(PROGRAM), some, part) == Imported(True, 30, 30)
    with house.doing(PAUL) as work:
        assert import_program(work, house.board, bundle_of(PROGRAM), facts, whole) == Imported(False, 30, 30)
    assert judged(house) == []
