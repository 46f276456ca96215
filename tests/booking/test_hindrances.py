"""A hindrance is declared by those it concerns, tells which visits it hits, and keeps new offers away."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.booking.hindrances import Declared, declare, listed, shown, withdraw
from scheduler.booking.reschedule import reschedule
from scheduler.domain.audience import NeutralReason, Principal
from scheduler.persistence import occupancy
from tests.booking.house import (
    ADA,
    CARL,
    DORA,
    MONA,
    NORA,
    PAUL,
    PHIL,
    QUINN,
    SAM,
    SOUTH,
    STELLA,
    House,
    refused,
)

DAY = timedelta(days=1)


def hindering(
    house: House,
    start_at: datetime,
    who: Principal = NORA,
    *kinds: str,
    patient: str = "ANA",
    dose: int | None = None,
    end_at: datetime | None = None,
    reason: str = "a fever",
    neutral: NeutralReason | None = None,
) -> Declared:
    with house.doing(who) as work:
        return declare(
            work,
            house.board,
            patient=patient,
            kinds=kinds or None,
            dose=dose,
            start_at=start_at,
            end_at=end_at or start_at + DAY,
            reason=reason,
            neutral=neutral,
        )


def hit(declared: Declared) -> list[str]:
    return [one.id for one in declared.visits]


def of_visit(house: House, visit: str) -> datetime:
    """Midnight UTC of the day of a visit."""
    return house.visits(visit.split("/")[0])[visit].start_at.replace(hour=0, minute=0)


def test_a_patient_who_is_away_misses_the_visits_of_that_time(both: House) -> None:
    both.booked("ANA")
    both.booked("BEN", SOUTH)
    before = both.visits("ANA")
    assert hit(hindering(both, of_visit(both, "ANA/1/graft"))) == ["ANA/1/graft"]
    assert both.visits("ANA") == before


def test_a_hindrance_of_one_dose_hits_the_visits_of_that_dose(house: House) -> None:
    house.booked("ANA")
    ages = house.now + 900 * DAY
    assert hit(hindering(house, house.now, PAUL, "fill", dose=2, end_at=ages)) == ["ANA/2/graft"]
    assert hit(hindering(house, house.now, PAUL, "follow_up", end_at=ages)) == ["ANA/month-3/follow_up"]


def test_nothing_is_offered_while_the_patient_is_away(both: House) -> None:
    both.registered("ANA")
    first = both.offers("ANA")[0].first_dose_on
    at = datetime(first.year, first.month, first.day, tzinfo=UTC) - DAY
    row = hindering(both, at, end_at=at + 3 * DAY).hindrance
    assert all(one.first_dose_on != first for one in both.offers("ANA"))
    with both.doing(NORA) as work:
        withdraw(work, both.board, row.id, expected_version=1)
    assert both.offers("ANA")[0].first_dose_on == first
    with both.work(PAUL, write=False) as work:
        assert listed(work, both.board) == []


def test_another_process_learns_of_a_hindrance_and_of_nobody_elses(both: House) -> None:
    both.registered("ANA")
    both.registered("BEN", SOUTH)
    other = House(both.database)
    ana, ben = other.offers("ANA")[0].first_dose_on, other.offers("BEN", SAM)[0].first_dose_on
    at = datetime(ana.year, ana.month, ana.day, tzinfo=UTC) - DAY
    hindering(both, at, end_at=at + 3 * DAY)
    assert other.offers("ANA")[0].first_dose_on == both.offers("ANA")[0].first_dose_on != ana
    assert other.offers("BEN", SAM)[0].first_dose_on == ben


def test_a_visit_that_is_hindered_moves_to_another_time(house: House) -> None:
    house.booked("ANA")
    day = of_visit(house, "ANA/2/graft")
    hindering(house, day)
    offer = house.offers("ANA", dose=2)[0]
    with house.doing(NORA) as work:
        reschedule(work, house.board, "ANA", offer.id, reason_code="patient_unwell")
    assert of_visit(house, "ANA/2/graft") != day


def test_declaring_and_withdrawing_are_on_record_and_count_up_the_calendar(house: House) -> None:
    house.registered("ANA")
    with house.work(write=False) as work:
        before = occupancy.board(work.session).calendars
    row = hindering(house, house.now).hindrance
    with house.doing(NORA) as work:
        withdraw(work, house.board, row.id)
    with house.work(write=False) as work:
        assert occupancy.board(work.session).calendars == before + 2
    assert [one.subject for one in house.trail("hindrance:declared")] == [row.id]
    assert [one.subject for one in house.trail("hindrance:withdrawn")] == [row.id]


def test_a_hindrance_is_withdrawn_once_and_from_its_latest_version(house: House) -> None:
    house.registered("ANA")
    row = hindering(house, house.now).hindrance
    with house.work() as work:
        refused("changed-meanwhile", 412, lambda: withdraw(work, house.board, row.id, expected_version=2))
    with house.doing() as work:
        withdraw(work, house.board, row.id)
    with house.work() as work:
        refused("already-withdrawn", 409, lambda: withdraw(work, house.board, row.id))


def test_a_site_sees_what_keeps_its_patients_from_visits_and_nothing_of_their_cells(house: House) -> None:
    house.registered("ANA")
    house.registered("BEN", SOUTH)
    rows = {
        "visits": hindering(house, house.now).hindrance.id,
        "graft": hindering(house, house.now, DORA, "graft").hindrance.id,
        "fill": hindering(house, house.now, PAUL, "fill", end_at=house.now + 40 * DAY).hindrance.id,
        "both": hindering(house, house.now, PAUL, "graft", "fill").hindrance.id,
        "south": hindering(house, house.now, SAM, patient="BEN").hindrance.id,
    }
    seen = {
        who.name: {what for what, name in rows.items() if _sees(house, who, name)}
        for who in (NORA, DORA, MONA, PHIL, SAM, PAUL, QUINN, ADA, CARL, STELLA)
    }
    own, everything = {"visits", "graft"}, set(rows)
    assert seen == {
        "Nora North": own,
        "Dora Doctor": own,
        "Mona Monitor": own,
        "Phil Pharmacist": own,
        "Sam South": {"south"},
        "Paul Planner": everything,
        "Quinn Quality": everything,
        "Ada Auditor": everything,
        "Carl Courier": set(),
        "Stella Statistics": set(),
    }


def _sees(house: House, who: Principal, name: str) -> bool:
    with house.work(who, write=False) as work:
        if any(one.id == name for one in listed(work, house.board)):
            assert shown(work, house.board, name).id == name
            return True
        refused("hindrance-not-found", 404, lambda: shown(work, house.board, name))
        return False


def test_the_plant_says_when_cells_are_ready_and_the_site_when_its_patient_is(house: House) -> None:
    house.registered("ANA")
    for who in (NORA, DORA):
        refused("not-your-role", 403, lambda who=who: hindering(house, house.now, who, "fill"))  # type: ignore[misc]
    refused("not-your-role", 403, lambda: hindering(house, house.now, QUINN))
    fill = hindering(house, house.now, QUINN, "fill", neutral="patient").hindrance
    assert fill.neutral == "supply"
    assert hindering(house, house.now, PAUL).hindrance.neutral == "patient"
    assert hindering(house, house.now, NORA, neutral="site").hindrance.neutral == "site"
    with house.work(NORA) as work:
        refused("hindrance-not-found", 404, lambda: withdraw(work, house.board, fill.id))


@pytest.mark.parametrize("who", [PHIL, MONA, CARL, STELLA, ADA])
def test_others_declare_nothing(house: House, who: Principal) -> None:
    house.registered("ANA")
    refused("not-your-role", 403, lambda: hindering(house, house.now, who))


def test_a_patient_of_another_site_does_not_exist(house: House) -> None:
    house.registered("ANA")
    refused("patient-not-found", 404, lambda: hindering(house, house.now, SAM))
    refused("patient-not-found", 404, lambda: hindering(house, house.now, PAUL, patient="CHARLIE"))


def test_a_hindrance_that_cannot_be_is_refused(house: House) -> None:
    house.registered("ANA")
    refused("ends-before-start", 422, lambda: hindering(house, house.now, end_at=house.now))
    refused("in-the-past", 422, lambda: hindering(house, house.now - 2 * DAY, end_at=house.now))
    refused("reason-missing", 422, lambda: hindering(house, house.now, reason=" "))
    refused("unknown-dose", 422, lambda: hindering(house, house.now, dose=9))
    refused("unknown-step", 422, lambda: hindering(house, house.now, NORA, "blessing"))
    # A culture reaches from one step to another: what can be kept from a time are those.
    told = refused("unknown-step", 422, lambda: hindering(house, house.now, PAUL, "growth"))
    assert told.blinded_sentence is not None and "fill" not in told.blinded_sentence
