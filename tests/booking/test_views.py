"""What a site is shown is made from a share that is the same whatever a dose holds."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.booking.shares import Share, SharedVisit, share_of
from scheduler.booking.views import offered_visits, shipment_id
from scheduler.booking.words import visit_texts
from scheduler.domain.course import Facts
from scheduler.domain.plan import PlannedCourse
from scheduler.persistence.mapping import course_from
from tests.booking.house import NORTH, PAUL, House

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def active(house: House) -> PlannedCourse:
    """A complete course with every step that handles cells."""
    house.registered("ANA")
    return course_from(house.offers("ANA")[0].course)


@pytest.fixture
def facts(house: House) -> Facts:
    with house.work(PAUL, write=False) as work:
        return house.board.facts(work)


def comparator(course: PlannedCourse, facts: Facts) -> PlannedCourse:
    """The same dates without the steps that handle cells, and with other volumes."""
    cells = {step.kind for step in facts.protocol.steps if step.cells}
    kept = [replace(one, volume_ml=1.0, syringes=9) for one in course.activities if one.kind not in cells]
    assert len(kept) < len(course.activities)
    return replace(course, activities=tuple(kept), weight_kg=99.0)


def test_given_the_same_dates_a_comparator_is_shared_as_an_active_course_is(
    active: PlannedCourse, facts: Facts
) -> None:
    lean = replace(facts, policy=replace(facts.policy, capacity="lean"))
    shared = share_of(replace(lean, arms={"ANA": "cells"}), active)
    assert share_of(replace(lean, arms={"ANA": "carrier"}), comparator(active, facts)) == shared
    assert share_of(facts, active) == shared


def test_a_share_has_no_place_for_the_plants_part() -> None:
    assert {one.name for one in fields(Share)} == {
        "patient",
        "site",
        "registered_on",
        "visits",
        "arrivals",
        "give_by",
    }
    assert {one.name for one in fields(SharedVisit)} == {
        "id",
        "kind",
        "dose",
        "name",
        "start_at",
        "end_at",
        "anchor_on",
        "standing",
    }


def test_only_the_visit_that_gives_a_dose_tells_its_arrival(active: PlannedCourse, facts: Facts) -> None:
    visits = offered_visits(share_of(facts, active), facts.protocol, facts.network.place(NORTH).zone)
    assert [(one.kind, one.arrives_at is not None, one.give_by is not None) for one in visits] == [
        ("biopsy", False, False),
        ("graft", True, True),
        ("graft", True, True),
        ("follow_up", False, False),
    ]


def test_without_a_shelf_life_no_last_moment_is_told(active: PlannedCourse, facts: Facts) -> None:
    limits = tuple(one for one in facts.protocol.limits if one.name != "shelf_life")
    endless = replace(facts, protocol=replace(facts.protocol, limits=limits))
    assert share_of(endless, active).give_by == {}


def test_a_weekday_is_told_where_it_is_not_the_visits_own() -> None:
    start = datetime(2027, 2, 18, 14, 0, tzinfo=BERLIN)  # a Thursday
    end, arrives_at = start + timedelta(hours=1), start - timedelta(hours=6, minutes=30)
    give_by = start + timedelta(days=1, minutes=30)
    assert visit_texts("injection", 1, None, start, end, "Europe/Berlin", arrives_at, give_by) == (
        "Thu 18 Feb 2027, 14:00–15:00 (Europe/Berlin): injection, dose 1. "
        "The dose arrives by 07:30; give by Fri 14:30.",
        "2027년 2월 18일(목) 14:00–15:00 (Europe/Berlin): 주사, 1회차. "
        "투여분 도착: 07:30까지; 투여 기한: 금요일 14:30까지.",
    )


def test_a_follow_up_visit_is_told_by_its_name() -> None:
    start = datetime(2027, 6, 1, 9, 0, tzinfo=BERLIN)
    en, ko = visit_texts(
        "follow_up", None, "week-56", start, start + timedelta(minutes=30), "Europe/Berlin", None, None
    )
    assert en == "Tue 1 Jun 2027, 09:00–09:30 (Europe/Berlin): follow-up visit, week-56."
    assert ko == "2027년 6월 1일(화) 09:00–09:30 (Europe/Berlin): 추적 방문, week-56."


def test_a_shipments_id_cannot_be_worked_out_from_a_study_id() -> None:
    """Two courses of one name and different chain-of-identity ids have nothing in common."""
    assert shipment_id("X-CAAAAAAAAAA1", "ANA/1/transit") != shipment_id("X-CBBBBBBBBBB2", "ANA/1/transit")
