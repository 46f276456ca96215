"""Events that cannot be: each is refused with a sentence that says what to do, and not a row changes."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from scheduler.booking.cancel import cancel
from scheduler.booking.decisions import raise_decisions
from scheduler.booking.events import report
from scheduler.domain import events
from scheduler.domain.audience import Principal
from scheduler.domain.events import Event
from scheduler.persistence import proposals, repositories
from scheduler.reoptimise.solving import Loss
from tests.booking.house import CARL, HUB, NORA, NORTH, NOW, PAUL, PHIL, QUINN, SAM, STELLA, House, refused

ANA, BEN = "ANA", "BEN"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GRAFT = f"{ANA}/1/graft"
WHY = "As was said on the telephone."


def reported(house: House, event: Event, who: Principal = PAUL) -> str:
    with house.doing(who) as work:
        return report(work, house.board, event).event.id


def nothing_comes_of(house: House, slug: str, status: int, event: Event, who: Principal = PAUL) -> None:
    before = house.records()
    refused(slug, status, lambda: reported(house, event, who))
    assert house.records() == before


@pytest.fixture
def booked(house: House) -> House:
    """Ana and Ben are booked: her biopsy is on Thu 11 March, her doses are on Mon 22 March and Mon 12 April."""
    house.booked(ANA)
    house.booked(BEN, "SOUTH")
    return house


def down(where: str, resource: str | None = None, unit: str | None = None, *, days: int = 2) -> Event:
    return events.OutOfService(where, NOW + 30 * DAY, NOW + (30 + days) * DAY, WHY, resource, unit)


def late(activity: str, arrives_at: datetime) -> Event:
    return events.ShipmentLate(activity, arrives_at)


# --- unknown or another's ---------------------------------------------------------------------------------------------

UNKNOWN: list[tuple[str, Event, Principal]] = [
    ("course-not-found", events.LotFailed("NOBODY/1/fill", NOW), PAUL),
    ("step-not-found", events.LotFailed(f"{ANA}/1/nothing", NOW), PAUL),
    ("step-not-found", events.LotFailed(f"{ANA}/x/fill", NOW), PAUL),
    ("step-not-found", events.LotFailed(f"{ANA}/9/fill", NOW), PAUL),
    ("course-not-found", events.HarvestDry(f"{ANA}/biopsy", NOW), SAM),
    ("step-not-found", events.LotFailed(f"{ANA}/1/fill", NOW), NORA),
    ("course-not-found", late("NOBODY/1/transit", NOW + 60 * DAY), CARL),
    ("shipment-not-found", late(f"{ANA}/1/fill", NOW + 60 * DAY), CARL),
    ("shipment-not-found", late(f"{ANA}/1/transit", NOW + 60 * DAY), NORA),
    ("place-not-found", down("NOWHERE"), PAUL),
    ("place-not-found", down("SOUTH"), NORA),
    ("place-not-found", down(HUB, "suite"), NORA),
    ("site-not-found", events.HalfCapacity("NOWHERE", NOW, NOW + DAY, WHY), PAUL),
    ("site-not-found", events.HalfCapacity(HUB, NOW, NOW + DAY, WHY), PAUL),
    ("site-not-found", events.HalfCapacity("SOUTH", NOW, NOW + DAY, WHY), NORA),
    ("place-not-found", events.TemporaryHoliday(date(2027, 3, 22), "Election", ("NOWHERE",)), PAUL),
    ("place-not-found", events.TemporaryHoliday(date(2027, 3, 22), "Election", ("SOUTH",)), NORA),
    ("visit-not-found", events.VisitPostponed(f"{ANA}/1/fill", date(2027, 4, 1), WHY), NORA),
    ("visit-not-found", events.VisitPostponed(GRAFT, date(2027, 4, 1), WHY), SAM),
    ("course-not-found", events.CultureReadOut("NOBODY", 1, NOW + DAY, None, WHY), QUINN),
    ("dose-not-found", events.CultureReadOut(ANA, 9, NOW + DAY, None, WHY), QUINN),
    ("course-not-found", events.PatientLeft("NOBODY", "death"), NORA),
    ("course-not-found", events.PatientLeft(ANA, "death"), SAM),
]


@pytest.mark.parametrize(("slug", "event", "who"), UNKNOWN)
def test_what_is_unknown_or_another_sites_does_not_exist(
    booked: House, slug: str, event: Event, who: Principal
) -> None:
    nothing_comes_of(booked, slug, 404, event, who)


# --- by whom ----------------------------------------------------------------------------------------------------------

OTHERS: list[tuple[str, Event, Principal]] = [
    ("not-your-step", events.HarvestDry(f"{ANA}/biopsy", NOW), PAUL),
    ("not-your-step", events.ShipmentLost(f"{ANA}/1/transit", NOW), QUINN),
    ("not-your-step", late(f"{ANA}/1/transit", NOW + 60 * DAY), QUINN),
    ("not-your-role", down(NORTH), QUINN),
    ("not-your-role", events.HalfCapacity(NORTH, NOW, NOW + DAY, WHY), PHIL),
    ("not-your-role", events.TemporaryHoliday(date(2027, 3, 22), "Election"), CARL),
    ("not-your-role", events.VisitPostponed(GRAFT, date(2027, 4, 1), WHY), PHIL),
    ("not-your-role", events.CultureReadOut(ANA, 1, NOW + 60 * DAY, None, WHY), NORA),
    ("not-your-role", events.PatientLeft(ANA, "death"), STELLA),
]


@pytest.mark.parametrize(("slug", "event", "who"), OTHERS)
def test_what_others_report_is_refused_by_role(booked: House, slug: str, event: Event, who: Principal) -> None:
    nothing_comes_of(booked, slug, 403, event, who)


# --- what cannot be ---------------------------------------------------------------------------------------------------

IMPOSSIBLE: list[tuple[str, int, Event, Principal]] = [
    ("other-cause", 422, events.TapFailed(f"{ANA}/biopsy", NOW), NORA),
    ("other-cause", 422, events.LotFailed(f"{ANA}/biopsy", NOW), NORA),
    ("other-cause", 422, events.ShipmentLost(f"{ANA}/1/fill", NOW), PAUL),
    ("not-yet", 422, events.LotFailed(f"{ANA}/1/fill", NOW + DAY), PAUL),
    ("unknown-resource", 422, down(HUB, "moonbase"), PAUL),
    ("unknown-unit", 422, down(HUB, "suite", "suite-99"), PAUL),
    ("unit-without-resource", 422, down(HUB, None, "suite-1"), PAUL),
    ("ends-before-start", 422, down(HUB, days=0), PAUL),
    ("in-the-past", 422, events.OutOfService(HUB, NOW - 2 * DAY, NOW - DAY, WHY), PAUL),
    ("in-the-past", 422, events.HalfCapacity(NORTH, NOW - 2 * DAY, NOW - DAY, WHY), NORA),
    ("ends-before-start", 422, events.HalfCapacity(NORTH, NOW, NOW, WHY), NORA),
    ("too-long", 422, events.HalfCapacity(NORTH, NOW, NOW + 400 * DAY, WHY), NORA),
    ("in-the-past", 422, events.TemporaryHoliday(date(2027, 2, 22), "Election"), PAUL),
    ("holiday-already", 409, events.TemporaryHoliday(date(2027, 3, 26), "Good Friday"), PAUL),
    ("reason-missing", 422, events.OutOfService(HUB, NOW, NOW + DAY, " "), PAUL),
    ("not-later", 422, events.VisitPostponed(GRAFT, date(2027, 3, 22), WHY), NORA),
    ("read-out-empty", 422, events.CultureReadOut(ANA, 1, None, None, WHY), QUINN),
    ("contradicts-itself", 422, events.CultureReadOut(ANA, 1, NOW + 9 * DAY, NOW + 9 * DAY, WHY), QUINN),
    ("in-the-past", 422, events.CultureReadOut(ANA, 1, NOW - DAY, None, WHY), QUINN),
    ("not-late", 422, late(f"{ANA}/1/transit", NOW + DAY), CARL),
    ("unknown-reason", 422, events.PatientLeft(ANA, "bored"), NORA),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("slug", "status", "event", "who"), IMPOSSIBLE)
def test_what_cannot_be_is_refused(booked: House, slug: str, status: int, event: Event, who: Principal) -> None:
    nothing_comes_of(booked, slug, status, event, who)


# --- too late for it --------------------------------------------------------------------------------------------------


def test_what_was_recorded_is_not_read_out_postponed_or_late(booked: House) -> None:
    booked.recorded_until(GRAFT)
    booked.recorded(GRAFT, NORA)
    far = booked.now + 60 * DAY
    nothing_comes_of(booked, "already-recorded", 409, events.CultureReadOut(ANA, 1, far, None, WHY), QUINN)
    nothing_comes_of(booked, "visit-ended", 409, events.VisitPostponed(GRAFT, far.date(), WHY), NORA)
    nothing_comes_of(booked, "already-recorded", 409, late(f"{ANA}/1/transit", far), CARL)
    nothing_comes_of(booked, "dose-given", 409, events.LotFailed(f"{ANA}/1/fill", booked.now))


def test_a_harvest_of_which_something_was_made_was_not_dry(booked: House) -> None:
    booked.recorded_until(f"{ANA}/growth")
    nothing_comes_of(booked, "gone-on", 409, events.HarvestDry(f"{ANA}/biopsy", booked.now), NORA)


def test_what_failed_before_does_not_fail_again_before_it_has_a_new_time(booked: House) -> None:
    booked.recorded_until(f"{ANA}/growth")
    reported(booked, events.LotFailed(f"{ANA}/growth", booked.now))
    nothing_comes_of(booked, "open-already", 409, events.LotFailed(f"{ANA}/1/fill", booked.now))


def test_nothing_happens_to_a_patient_who_has_left(booked: House) -> None:
    with booked.doing(NORA) as work:
        cancel(work, ANA, reason_code="withdrawn_consent")
    far = booked.now + 60 * DAY
    for slug, event, who in (
        ("course-ended", events.LotFailed(f"{ANA}/1/fill", booked.now), PAUL),
        ("course-ended", events.HarvestDry(f"{ANA}/biopsy", booked.now), NORA),
        ("course-ended", events.PatientLeft(ANA, "death"), NORA),
        ("course-ended", events.CultureReadOut(ANA, 1, far, None, WHY), QUINN),
        ("visit-ended", events.VisitPostponed(GRAFT, far.date(), WHY), NORA),
        ("already-recorded", late(f"{ANA}/1/transit", far), CARL),
    ):
        nothing_comes_of(booked, slug, 409, event, who)


def test_a_shipment_that_has_arrived_is_recorded_and_not_reported(booked: House) -> None:
    transit = booked.activities(ANA)[f"{ANA}/1/transit"]
    booked.now = transit.end_at + 3 * HOUR
    nothing_comes_of(booked, "in-the-past", 422, late(transit.id, transit.end_at + HOUR), CARL)


def test_read_outs_that_leave_no_moment_contradict_each_other(booked: House) -> None:
    fill = booked.activities(ANA)[f"{ANA}/1/fill"].start_at
    reported(booked, events.CultureReadOut(ANA, 1, None, fill + DAY, WHY), QUINN)
    nothing_comes_of(booked, "contradicts", 409, events.CultureReadOut(ANA, 1, fill + 2 * DAY, None, WHY), QUINN)
    reported(booked, events.CultureReadOut(ANA, 1, fill, None, WHY), QUINN)  # a day is left


# --- what is taken down -----------------------------------------------------------------------------------------------


def test_a_postponed_visit_keeps_the_patient_away_from_its_old_day_on(booked: House) -> None:
    reported(booked, events.VisitPostponed(GRAFT, date(2027, 3, 24), WHY), NORA)
    with booked.work(PAUL, write=False) as work:
        found = {one.kinds: one for one in repositories.hindrances(work.session)}
    # North is an hour ahead of UTC: the local days begin at 23:00 of the day before.
    at = datetime.fromisoformat
    assert (found[None].start_at, found[None].end_at) == (at("2027-03-21T23:00Z"), at("2027-03-23T23:00Z"))
    own = found['["graft"]']
    assert (own.dose, own.start_at, own.end_at) == (1, booked.now, at("2027-03-23T23:00Z"))


def test_a_holiday_closes_what_holidays_close_and_runs_that_leave_on_it(booked: House) -> None:
    reported(booked, events.TemporaryHoliday(date(2027, 3, 22), "Election", (NORTH,)))
    with booked.work(PAUL, write=False) as work:
        found = repositories.closures(work.session)
    assert {one.where for one in found} == {NORTH, "NORTH-HUB"}
    assert {one.reason for one in found} == {"Election"}


def test_an_event_is_kept_as_it_was_told(booked: House) -> None:
    name = reported(booked, events.PatientLeft(ANA, "withdrawn_consent", "Moved away."), NORA)
    with booked.work(PAUL, write=False) as work:
        row = proposals.event(work.session, name)
    assert row is not None
    assert (row.kind, row.patient, row.site, row.reported_by) == ("patient_left", ANA, NORTH, "Nora North")
    assert row.details == '{"note": "Moved away.", "patient": "ANA", "reason_code": "withdrawn_consent"}'


def test_somebody_who_leaves_settles_what_was_to_be_decided(booked: House) -> None:
    with booked.doing(PAUL) as work:
        (decision,) = raise_decisions(work, [Loss(ANA, 2, True, "no room", "supply", None, None)], plan=None)
        name = decision.id
    reported(booked, events.PatientLeft(ANA, "death"), NORA)
    with booked.work(PAUL, write=False) as work:
        row = proposals.decision(work.session, name)
    assert row is not None and (row.outcome, row.settled_by) == ("ended", "Nora North")
