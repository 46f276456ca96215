"""What must stay true when things happen at the same time, or late, or in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from scheduler.booking.board import Board
from scheduler.booking.book import book_hold
from scheduler.booking.cancel import cancel
from scheduler.booking.closures import declare
from scheduler.booking.confirm import confirm
from scheduler.booking.reschedule import exchange
from scheduler.booking.seating import seated
from scheduler.booking.unblinded import contents, import_randomisation
from scheduler.booking.weights import measure
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.errors import DatabaseUnavailable
from scheduler.persistence.mapping import course_of, patient_of
from scheduler.persistence.occupancy import Changed, NewStay
from tests.booking.house import HUB, NORA, PAUL, PHIL, STELLA, House, refused
from tests.booking.referee import judged

ANA, BEN = "ANA", "NORTH-002"


def test_a_course_booked_from_a_hold_names_the_units_its_stays_are_on(house: House) -> None:
    house.registered(ANA)
    hold = house.held(house.offers(ANA)[0].id)
    with house.doing(PAUL) as work:
        # Somebody else's booking made the held growth change its incubator.
        revision = work.lock_board()
        stays = occupancy.stays_of(work.session, ANA, hold=hold)
        (growth,) = [one for one in stays if one.activity == f"{ANA}/growth"]
        units = occupancy.units(work.session)
        place, kind, name = units[growth.unit_id]
        free = next(n for n, unit in units.items() if unit[:2] == (place, kind) and unit[2] != name)
        assert growth.id is not None
        occupancy.change_units(work.session, [(growth.id, free)], revision)
    with house.doing(NORA) as work:
        book_hold(work, house.board, hold)
    rows = house.activities(ANA)
    assert rows[growth.activity].units == f'{{"incubator":"{units[free][2]}"}}'
    assert judged(house) == []


def test_windows_count_from_the_day_on_which_a_dose_was_given(house: House) -> None:
    house.booked(ANA)
    graft = f"{ANA}/1/graft"
    house.recorded_until(graft)
    planned = house.activities(ANA)[graft]
    assert planned.start_at.date() == date(2027, 3, 22)
    # Given on Friday 26 March: the second graft is due 21 days later, 16 April, allowed from 14 to 20 April.
    late = timedelta(days=4)
    house.now = planned.end_at + late + timedelta(hours=1)
    house.recorded(graft, NORA, "late", start_at=planned.start_at + late, end_at=planned.end_at + late)
    days = {one.first_dose_on for one in house.offers(ANA, dose=2, count=5)}
    assert days
    assert min(days) >= date(2027, 4, 14) and max(days) <= date(2027, 4, 20)


def test_a_visit_of_a_cancelled_course_cannot_be_confirmed(house: House) -> None:
    house.booked(ANA)
    biopsy = house.activities(ANA)[f"{ANA}/biopsy"]
    house.now = biopsy.end_at + timedelta(hours=2)
    with house.doing() as work:
        cancel(work, ANA, reason_code="withdrawn_consent")

    def told() -> None:
        with house.doing() as work:
            confirm(work, biopsy.id)

    refused("visit-ended", 409, told)


def test_what_a_withdrawn_patient_would_hold_for_days_is_free_at_once(house: House) -> None:
    house.booked(ANA)
    growth = house.activities(ANA)[f"{ANA}/growth"]
    house.now = growth.start_at + timedelta(hours=30)
    with house.doing() as work:
        cancel(work, ANA, reason_code="withdrawn_consent")
    # Only the 30 hours in which the position was used are left.
    used = [(ends - begins) / 3600 for _, begins, ends in house.stays() if begins == int(growth.start_at.timestamp())]
    assert used == [30.0]
    assert all(ends <= int(house.now.timestamp()) for _, _, ends in house.stays())


def test_a_step_that_could_not_take_place_can_be_recorded_as_failed(house: House) -> None:
    house.booked(ANA)
    house.recorded_until(f"{ANA}/1/fill")
    house.recorded(f"{ANA}/1/fill", PAUL, "failed")
    # The graft waits for a receipt that will never be: it is not performed, it failed.
    house.recorded(f"{ANA}/1/graft", NORA, "failed")
    assert house.visits(ANA)[f"{ANA}/1/graft"].status == "failed"


def test_contents_of_a_filled_dose_are_what_was_filled_whatever_is_weighed_later(house: House) -> None:
    house.booked(ANA)
    with house.doing(STELLA) as work:
        import_randomisation(work, house.board, [(ANA, "cells")])
    fill = f"{ANA}/1/fill"
    house.recorded_until(fill)
    house.weighed(ANA, house.activities(ANA)[fill].start_at - timedelta(days=2))
    house.recorded(fill, PAUL)
    filled = house.activities(ANA)[fill].volume_ml
    with house.doing() as work:
        measure(work, house.board, ANA, weight_kg=95.0, measured_at=house.now)
    with house.doing(PHIL) as work:
        assert contents(work, house.board, ANA, 1).volume_ml == filled


def test_a_board_that_could_not_be_read_is_not_believed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.booked(ANA)
    house.registered(BEN)
    expected = [one.course for one in house.offers(BEN)]
    house.board = Board()

    def broken(*_: object) -> list[Changed]:
        raise DatabaseUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(occupancy, "live_stays", broken)
        with pytest.raises(DatabaseUnavailable):
            house.offers(BEN)
    assert [one.course for one in house.offers(BEN)] == expected


def test_a_closure_that_was_not_committed_closes_nothing(house: House) -> None:
    house.registered(ANA)
    expected = [one.course for one in house.offers(ANA)]
    with house.work(PAUL) as work:
        declare(
            work,
            house.board,
            where=HUB,
            resource=None,
            start_at=house.now + timedelta(days=1),
            end_at=house.now + timedelta(days=60),
            reason="a flood",
        )
        house.board.facts(work)
    assert [one.course for one in house.offers(ANA)] == expected


def test_others_may_swap_onto_the_place_that_a_moved_course_leaves(house: House) -> None:
    house.booked(ANA)
    rows = house.activities(ANA)
    day = timedelta(hours=24)
    with house.doing(PAUL) as work:
        revision = work.lock_board()
        own = {one.activity: one for one in occupancy.stays_of(work.session, ANA)}
        begins, ends = own[f"{ANA}/growth"].begins, own[f"{ANA}/growth"].ends
        units = {unit: number for number, unit in occupancy.units(work.session).items()}
        first, second, third, fourth = (units[HUB, "incubator", f"incubator-{n}"] for n in (1, 2, 3, 4))
        # Ana's growth shall begin a day earlier. Then the first incubator is Ben's until she would have begun, the
        # second is free until Charlie's day begins just then, and two are taken throughout: Charlie must go on in the
        # first incubator, where Ana's growth stands in the database still.
        taken = [
            (first, begins - 2 * 86_400, begins, BEN),
            (second, begins, begins + 86_400, "CHARLIE"),
            (third, begins - 3 * 86_400, ends, "DORIS"),
            (fourth, begins - 3 * 86_400, ends, "EMIL"),
        ]
        stays = [NewStay(unit, since, until, who, f"{who}/growth", "incubator") for unit, since, until, who in taken]
        occupancy.add_stays(work.session, stays, revision)
    assert own[f"{ANA}/growth"].unit_id == first
    with house.doing(PAUL) as work, house.board.desk(work) as desk:
        revision = work.lock_board()
        patient, row = repositories.patient(work.session, ANA), repositories.course(work.session, ANA)
        assert patient is not None and row is not None
        course = course_of(patient_of(patient), row, rows.values())
        listed = (
            replace(one, start_at=one.start_at - day) if one.id == f"{ANA}/growth" else one for one in course.activities
        )
        moved = replace(course, activities=tuple(listed))
        keys = frozenset(one.id for one in occupancy.stays_of(work.session, ANA) if one.id is not None)
        _, fresh = seated(work, house.board, desk, moved, releasing=keys)
        exchange(work, {ANA: fresh}, revision)
    with house.work(PAUL, write=False) as work:
        (charlie,) = occupancy.stays_of(work.session, "CHARLIE")
        (growth,) = [one for one in occupancy.stays_of(work.session, ANA) if one.activity == f"{ANA}/growth"]
    assert (charlie.unit_id, charlie.begins) == (first, begins)
    assert (growth.unit_id, growth.begins, growth.ends) == (second, begins - 86_400, ends)
