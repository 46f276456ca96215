"""Courses that have begun elsewhere come in as performed, and what remains of them is planned and booked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.booking.import_courses import RowReport, import_courses
from scheduler.domain.audience import Principal
from scheduler.persistence import occupancy, repositories
from tests.booking.house import ADA, HUB, NORA, NORTH, PAUL, QUINN, SOUTH, House, refused
from tests.booking.test_whole_program import check

HEADER = "patient,site,registered_on,weight_kg,kind,dose,start_at,end_at"
# ANA's biopsy is on Thursday 11 March; the seeding ends at 14:37 UTC, two minutes past no quarter of an hour.
BIOPSY = "ANA,NORTH,2027-03-01,61.5,biopsy,,2027-03-11T08:04+01:00,2027-03-11T08:41+01:00"
TRANSIT = "ANA,NORTH,2027-03-01,61.5,biopsy_transit,,2027-03-11T12:00+01:00,2027-03-11T13:22+01:00"
SEEDING = "ANA,NORTH,2027-03-01,61.5,seeding,,2027-03-11T13:30+01:00,2027-03-11T15:37+01:00"
BEGUN = (BIOPSY, TRANSIT, SEEDING)
LATER = datetime(2027, 3, 12, 8, 0, tzinfo=UTC)


def importing(house: House, *lines: str, who: Principal = PAUL, dry_run: bool = False) -> list[RowReport]:
    house.now = max(house.now, LATER)
    content = "\n".join((HEADER, *lines)).encode()
    return import_courses(lambda: house.work(who), house.board, content, dry_run=dry_run)


def problems(reports: list[RowReport]) -> dict[int, str | None]:
    return {one.line: one.problem for one in reports}


def test_what_was_performed_stands_and_the_rest_is_booked(both: House) -> None:
    assert importing(both, *BEGUN) == [RowReport(line, "ANA", True) for line in (2, 3, 4)]
    rows, visits = both.activities("ANA"), both.visits("ANA")
    seeding = rows["ANA/seeding"]
    assert (seeding.status, seeding.actual_end_at) == ("performed", datetime(2027, 3, 11, 14, 37, tzinfo=UTC))
    assert (seeding.place, seeding.recorded_by) == (HUB, "Paul Planner")
    assert {name for name, one in rows.items() if one.status == "performed"} == {
        "ANA/biopsy",
        "ANA/biopsy_transit",
        "ANA/seeding",
    }
    assert {name: one.status for name, one in visits.items()} == {
        "ANA/biopsy": "performed",
        "ANA/1/graft": "planned",
        "ANA/2/graft": "planned",
        "ANA/month-3/follow_up": "planned",
    }
    # Cells grow for 10 to 14 days from 11 March: the fill is on 21 to 25 March.
    assert 21 <= rows["ANA/1/fill"].start_at.day <= 25
    assert rows["ANA/growth"].start_at == seeding.end_at
    assert [one.subject for one in both.trail("course:imported")] == ["ANA"]


def test_what_remains_of_an_imported_course_is_taken(both: House) -> None:
    importing(both, *BEGUN)
    both.registered("BEN", SOUTH)
    ana = both.visits("ANA")["ANA/1/graft"].start_at
    with both.work(PAUL, write=False) as work:
        stays = occupancy.stays_of(work.session, "ANA")
    assert {"suite", "incubator", "theatre", "lane"} <= {one.resource for one in stays}
    both.booked("NORTH-001")
    assert both.visits("NORTH-001")["NORTH-001/1/graft"].start_at != ana


def test_an_imported_course_can_be_moved_recorded_and_ended(house: House) -> None:
    importing(house, *BEGUN)
    assert house.offers("ANA", dose=2)
    house.recorded_until("ANA/month-3/follow_up")
    house.recorded("ANA/month-3/follow_up", NORA)
    with house.work(PAUL, write=False) as work:
        course = repositories.course(work.session, "ANA")
    assert course is not None and course.status == "completed"


def test_patients_are_imported_one_by_one(both: House) -> None:
    ben = (
        "BEN,SOUTH,2027-03-01,80,biopsy,,2027-03-11T09:00+01:00,2027-03-11T09:45+01:00",
        "BEN,SOUTH,2027-03-01,80,seeding,,2027-03-11T16:00+01:00,2027-03-11T18:00+01:00",
    )
    reports = importing(both, ben[0], *BEGUN, ben[1])
    assert problems(reports) == {
        2: "Not imported: another line of BEN is wrong.",
        3: None,
        4: None,
        5: None,
        6: "biopsy_transit comes before seeding and is missing.",
    }
    with both.work(PAUL, write=False) as work:
        assert repositories.patient(work.session, "BEN") is None
    check_imported(both)


def check_imported(house: House) -> None:
    with house.work(PAUL, write=False) as work:
        assert [one.id for one in repositories.courses(work.session, site=None, after="", limit=9)] == ["ANA"]


def test_a_dry_run_reports_the_same_and_keeps_nothing(both: House) -> None:
    before = both.stays()
    assert all(one.ok for one in importing(both, *BEGUN, dry_run=True))
    assert both.stays() == before
    with both.work(PAUL, write=False) as work:
        assert repositories.patient(work.session, "ANA") is None
    assert all(one.ok for one in importing(both, *BEGUN))


def test_a_file_of_planned_times_gives_a_program_the_referee_accepts(house: House) -> None:
    house.booked("NORTH-001")
    planned = (
        "ANA,NORTH,2027-03-01,61.5,biopsy,,2027-03-11T09:00+01:00,2027-03-11T09:45+01:00",
        "ANA,NORTH,2027-03-01,61.5,biopsy_transit,,2027-03-11T12:00+01:00,2027-03-11T13:30+01:00",
        "ANA,NORTH,2027-03-01,61.5,seeding,,2027-03-11T16:30+01:00,2027-03-11T18:30+01:00",
    )
    assert problems(importing(house, *planned)) == {2: None, 3: None, 4: None}
    check(house)


def test_a_registered_patient_without_a_course_is_imported(house: House) -> None:
    house.registered("ANA")
    assert all(one.ok for one in importing(house, *BEGUN))


def test_a_patient_with_a_course_or_other_particulars_is_not(house: House) -> None:
    house.booked("ANA")
    assert problems(importing(house, BIOPSY)) == {2: "This patient has a course already."}
    house.registered("NORTH-001")
    other = BIOPSY.replace("ANA", "NORTH-001").replace("61.5", "70")
    assert problems(importing(house, other)) == {2: "This patient is registered with another site, date or weight."}


def test_what_can_no_longer_be_finished_in_time_is_said(house: House) -> None:
    house.now = LATER + timedelta(days=60)  # cells grow for 14 days at most
    words = "The remaining steps find no place that fits what was performed and what is booked."
    assert problems(importing(house, *BEGUN)) == {2: words, 3: words, 4: words}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (BIOPSY.replace("biopsy", "leech"), "kind is no step of the protocol"),
        (BIOPSY.replace(",biopsy,,", ",biopsy,1,"), "dose is not one this step has"),
        (BIOPSY.replace("08:04+01:00", "08:04"), "start_at needs its UTC offset"),
        (BIOPSY.replace("2027-03-11T08:04+01:00", "yesterday"), "start_at must be a time"),
        (BIOPSY.replace("08:41", "08:03"), "end_at lies before start_at"),
        (BIOPSY.replace("T08:41", "T23:59").replace("-11T23", "-13T23"), "end_at lies in the future"),
        (BIOPSY.replace("-03-11T", "-02-11T"), "start_at lies before the patient's registration"),
        (BIOPSY.replace("2027-03-01", "2027-13-01"), "registered_on must be a date"),
        (BIOPSY.replace("2027-03-01", "2027-02-01"), "registered_on lies before the program's first day"),
        (BIOPSY.replace("61.5", "nan"), "weight_kg must be at least 30 and below 130"),
        (BIOPSY.replace("61.5", "-3"), "weight_kg looks like a formula"),
        (BIOPSY.replace("ANA", "=HYPERLINK(1)"), "patient looks like a formula"),
        (BIOPSY.replace("ANA", "@ANA"), "patient looks like a formula"),
        (BIOPSY.replace("ANA", "Ana Kim"), "patient must be a study id"),
        (BIOPSY.replace("ANA", "ÄNA"), "patient must be a study id"),
        (BIOPSY.replace("NORTH", "EAST"), "site must be the code of a site"),
        (BIOPSY.replace("NORTH", "HUB"), "site must be the code of a site"),
        (BIOPSY + ",more", "The line has 9 cells, not 8"),
        (TRANSIT, "biopsy comes before biopsy_transit and is missing"),
    ],
)
def test_a_wrong_line_says_what_is_wrong_and_nothing_is_imported(house: House, line: str, words: str) -> None:
    (report,) = importing(house, line)
    assert not report.ok
    assert report.problem is not None and words in report.problem
    with house.work(PAUL, write=False) as work:
        assert repositories.patients(work.session, site=None, after="", limit=9) == []


def test_a_step_listed_twice_or_out_of_order_is_named(house: House) -> None:
    twice = "Not imported: another line of ANA is wrong."
    assert problems(importing(house, BIOPSY, BIOPSY)) == {2: twice, 3: "This step is in line 2 already."}
    early = TRANSIT.replace("T12:00", "T08:30")
    assert problems(importing(house, BIOPSY, early)) == {
        2: twice,
        3: "This starts before biopsy of line 2 has ended.",
    }
    heavier = TRANSIT.replace("61.5", "62.5")
    assert problems(importing(house, BIOPSY, heavier)) == {
        2: twice,
        3: "site, registered_on and weight_kg differ from the patient's first line.",
    }


@pytest.mark.parametrize(
    ("content", "slug"),
    [
        (b"", "bad-header"),
        (b"patient,site\nANA,NORTH", "bad-header"),
        (HEADER.encode(), "bad-length"),
        (f"{HEADER}\n{BIOPSY}".encode("utf-16"), "not-utf8"),
        (f'{HEADER}\n"ANA'.encode(), "bad-csv"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_whole(house: House, content: bytes, slug: str) -> None:
    refused(slug, 422, lambda: import_courses(lambda: house.work(PAUL), house.board, content))


def test_a_file_saved_by_a_spreadsheet_is_read(house: House) -> None:
    house.now = LATER
    content = "\r\n".join((HEADER, *BEGUN, "")).encode("utf-8-sig")
    assert all(one.ok for one in import_courses(lambda: house.work(PAUL), house.board, content))


@pytest.mark.parametrize("who", [NORA, QUINN, ADA])
def test_only_a_planner_imports(house: House, who: Principal) -> None:
    refused("not-your-role", 403, lambda: importing(house, *BEGUN, who=who))


def test_the_site_of_an_imported_course_is_the_files(house: House) -> None:
    importing(house, *BEGUN)
    assert {one.site for one in house.visits("ANA").values()} == {NORTH}
