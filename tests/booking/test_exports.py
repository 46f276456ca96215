"""What is booked, as files: tables of visits by site, a calendar, and a site's week on paper in two languages."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import pytest

from scheduler.booking.cancel import cancel
from scheduler.booking.exports import COLUMNS, Format, Stretch, day_line, export_visits, export_week
from scheduler.booking.shares import Arrival
from scheduler.booking.views import Texts, VisitView
from scheduler.domain.audience import Principal
from tests.booking.house import NORA, NORTH, PAUL, SAM, SOUTH, House, refused

SEOUL = ZoneInfo("Asia/Seoul")
TUESDAY = date(2027, 2, 16)


@pytest.fixture
def booked(house: House) -> House:
    """Ana's course at North and Ben's at South."""
    house.booked("ANA")
    house.booked("BEN", SOUTH)
    return house


def exported(house: House, made_as: Format = "csv", who: Principal = NORA, **asked: object) -> bytes:
    stretch = Stretch(asked.pop("from_on", None), asked.pop("to_on", None))  # type: ignore[arg-type]
    with house.work(who, write=False) as work:
        return export_visits(work, made_as, stretch, **asked)  # type: ignore[arg-type]


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_a_coordinator_gets_the_visits_of_the_own_site_and_a_planner_those_of_all(booked: House) -> None:
    assert {row["site"] for row in table(exported(booked))} == {NORTH}
    assert {row["site"] for row in table(exported(booked, who=PAUL))} == {NORTH, SOUTH}
    assert {row["site"] for row in table(exported(booked, who=PAUL, site=SOUTH))} == {SOUTH}


def test_a_row_tells_a_visit_in_the_time_of_its_site(booked: House) -> None:
    graft = booked.visits("ANA")["ANA/2/graft"]
    local = graft.start_at.astimezone(ZoneInfo("Europe/Berlin"))
    (row,) = [one for one in table(exported(booked)) if one["visit"] == "graft" and one["dose"] == "2"]
    assert tuple(row) == COLUMNS
    assert (row["patient"], row["date"], row["start"]) == ("ANA", local.date().isoformat(), f"{local:%H:%M}")
    assert row["time zone"] == "Europe/Berlin"
    assert (row["earliest"] <= row["target"] <= row["latest"]) and row["earliest"] <= row["date"] <= row["latest"]
    assert row["arrives"] and row["give by"]
    assert (row["status"], row["confirmed"], row["told"]) == ("planned", "no", "no")


def test_dates_bound_what_is_exported_both_inclusive(booked: House) -> None:
    on = booked.visits("ANA")["ANA/2/graft"].on_date
    assert [row["date"] for row in table(exported(booked, from_on=on, to_on=on))] == [on.isoformat()]
    assert table(exported(booked, from_on=on + timedelta(days=400))) == []


def test_a_calendar_file_has_the_same_visits(booked: House) -> None:
    events = icalendar.Calendar.from_ical(exported(booked, "ics")).walk("VEVENT")
    assert {one["DTSTART"].dt for one in events} == {one.start_at for one in booked.visits("ANA").values()}


def test_another_sites_visits_are_not_exported(booked: House) -> None:
    refused("site-not-found", 404, lambda: exported(booked, who=SAM, site=NORTH))


# --- a week on paper --------------------------------------------------------------------------------------------------


def week(house: House, language: str = "en", from_on: date | None = None) -> str:
    with house.work(NORA, write=False) as work:
        return export_week(work, NORTH, from_on, language)  # type: ignore[arg-type]


def test_a_week_has_seven_days_from_the_one_asked_for_or_from_today(booked: House) -> None:
    """1 March 2027 is a Monday, 08:00 UTC is 09:00 in Berlin."""
    page = week(booked)
    assert page.count("<section") == 7
    assert "North hospital: Mon 1 Mar 2027 – Sun 7 Mar 2027" in page
    assert "<h2>today, Mon 1 Mar 2027: no visits</h2>" in page
    assert "As booked on Mon 1 Mar 2027 09:00 (Europe/Berlin)." in page


@pytest.mark.parametrize(
    ("language", "said"), [("en", ("graft, dose 2", "Patient not told yet.")), ("ko", ("graft, 2회차", "방문 없음"))]
)
def test_a_day_lists_its_visits_in_either_language(booked: House, language: str, said: tuple[str, ...]) -> None:
    page = week(booked, language, booked.visits("ANA")["ANA/2/graft"].on_date)
    assert f'<html lang="{language}">' in page
    assert all(one in page for one in said)
    assert "BEN" not in page


def test_a_cancelled_visit_is_struck_through_and_not_counted(booked: House) -> None:
    with booked.doing() as work:
        cancel(work, "ANA", reason_code="withdrawn_consent")
    page = week(booked, from_on=booked.visits("ANA")["ANA/2/graft"].on_date)
    assert '<tr class="off">' in page
    assert "1 graft" not in page


def visit(kind: str, hour: int, *, give_by: datetime | None = None, status: str = "planned") -> VisitView:
    """On Wednesday 17 February 2027 in Seoul; a dose arrives at 07:30 where one is given."""
    start_at = datetime(2027, 2, 17, hour, 0, tzinfo=SEOUL)
    arrives = datetime(2027, 2, 17, 7, 30, tzinfo=SEOUL)
    return VisitView(
        id=f"HYU-001/{kind}-{hour}",
        patient="HYU-001",
        site="HYU",
        kind=kind,
        dose=None,
        name=None,
        on=start_at.date(),
        start_at=start_at,
        end_at=start_at + timedelta(hours=1),
        window=None,
        arrives_at=None if give_by is None else Arrival(arrives, arrives),
        give_by=give_by,
        text=Texts("", ""),
        status=status,
        reason=None,
        performed_at=None,
        confirmed=False,
        told=False,
        version=1,
    )


def test_the_line_of_a_day_says_all_that_matters() -> None:
    """A dose whose shelf life ends on Thursday at 14:30 in Seoul, which is 05:30 UTC."""
    give_by = datetime(2027, 2, 18, 5, 30, tzinfo=UTC).astimezone(SEOUL)
    visits = [visit("harvest", 8), visit("harvest", 9), visit("injection", 13, give_by=give_by)]
    visits.append(visit("injection", 15, give_by=give_by - timedelta(hours=1), status="cancelled"))
    assert day_line(date(2027, 2, 17), TUESDAY, visits) == (
        "tomorrow, Wed 17 Feb 2027: 2 bone marrow harvests, 1 injection; dose arrives 07:30, finish by Thu 14:30",
        "내일, 2027년 2월 17일(수): 골수 채취 2건, 주사 1건; 투여분 도착 07:30, 목요일 14:30까지 완료",
    )


def test_doses_that_come_and_end_together_are_told_once_and_others_each() -> None:
    give_by = datetime(2027, 2, 18, 14, 30, tzinfo=SEOUL)
    visits = [visit("injection", hour, give_by=give_by) for hour in (9, 11)]
    visits.append(visit("injection", 13, give_by=give_by + timedelta(hours=1)))
    english, _ = day_line(date(2027, 2, 17), date(2027, 2, 17), visits)
    assert english == (
        "today, Wed 17 Feb 2027: 3 injections; dose arrives 07:30, finish by Thu 14:30; "
        "dose arrives 07:30, finish by Thu 15:30"
    )
