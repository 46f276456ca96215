"""Scans: only a unit that is free for this patient passes, and every refusal is kept and told to those it concerns."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from scheduler.booking.cancel import cancel
from scheduler.booking.identity import new_id
from scheduler.booking.remake import give_up
from scheduler.coldchain.bedside import check_scanned
from scheduler.coldchain.scan import HELD_BACK, ScanStep, scan
from scheduler.domain.audience import Principal, Role
from scheduler.persistence import custody
from tests.booking.house import ADA, HUB, MONA, NORA, NORTH, PAUL, SAM, SOUTH, refused
from tests.coldchain.house import Way, handed, notices_to, released, scanned, scans, units
from tests.coldchain.test_loggers import file, uploaded


def test_a_released_unit_passes_at_every_hand_over(way: Way) -> None:
    released(way)
    for step in ("packed", "handed_over", "received", "checked"):
        way.house.now += timedelta(minutes=1)
        assert scanned(way, step).refusal is None
    assert [(one.step, one.refused) for one in scans(way.house, way.unit)] == [
        ("packed", None),
        ("handed_over", None),
        ("received", None),
        ("checked", None),
    ]
    assert notices_to(way.house, "qa") == []


def test_a_unit_that_is_not_released_is_refused_recorded_and_told(way: Way) -> None:
    found = scanned(way).refusal
    assert found is not None
    assert (found.slug, found.status, found.blinded_sentence) == ("unit-refused", 409, HELD_BACK)
    assert [one.refused for one in scans(way.house, way.unit)] == ["unreleased"]
    assert [one.kind for one in notices_to(way.house, "qa")] == ["unit_refused"]
    assert [one.site for one in notices_to(way.house, "pharmacist")] == [NORTH]
    assert notices_to(way.house, "doctor") == []
    assert [one.reason for one in way.house.trail("unit:refused")] == ["unreleased"]


def test_a_unit_of_another_patient_and_one_that_nobody_made_are_refused_alike(way: Way) -> None:
    released(way)
    way.house.registered("CLEO")
    known = scanned(way, patient="CLEO").refusal
    unknown = scanned(way, patient="CLEO", unit=new_id("U")).refusal
    assert known is not None
    assert unknown is not None
    assert (known.sentence, known.extra) == (unknown.sentence, unknown.extra)
    assert known.extra == {"reason": "wrong-unit"}
    assert len(notices_to(way.house, "doctor")) == 2


def test_an_expired_unit_is_refused_from_the_very_moment(way: Way) -> None:
    released(way)
    expires_at = units(way.house)[0].expires_at
    assert expires_at is not None
    way.house.now = expires_at - timedelta(microseconds=1)
    assert scanned(way).refusal is None
    way.house.now = expires_at
    found = scanned(way).refusal
    assert found is not None
    assert found.extra == {"reason": "expired"}


def test_at_the_bedside_the_injection_must_still_end_in_time(way: Way) -> None:
    # The shelf life reaches to the end of the graft, which takes an hour.
    released(way)
    handed(way)
    expires_at = units(way.house)[0].expires_at
    assert expires_at is not None
    uploaded(way, file(way))
    way.house.now = expires_at - timedelta(hours=1)
    assert scanned(way, "bedside").refusal is None
    way.house.now += timedelta(microseconds=1)
    assert scanned(way, "bedside").scan.refused == "expired"
    assert scanned(way, "checked").refusal is None


def test_when_a_course_has_ended_its_units_are_withdrawn(way: Way) -> None:
    released(way)
    with way.house.doing(NORA) as work:
        cancel(work, "ANA", reason_code="withdrawn_consent")
    assert scanned(way).scan.refused == "withdrawn"


def test_at_the_bedside_a_temperature_that_nobody_read_is_missing(way: Way) -> None:
    released(way)
    assert scanned(way, "bedside").refusal is not None
    assert [one.refused for one in scans(way.house, way.unit)] == ["quarantined"]


def test_a_lot_that_failed_is_refused(way: Way) -> None:
    released(way, passed=False)
    scanned(way)
    assert [one.refused for one in scans(way.house, way.unit)] == ["unreleased"]


def test_a_dose_that_was_given_is_not_given_again(way: Way) -> None:
    released(way)
    way.house.recorded_until("ANA/1/graft")
    way.house.recorded("ANA/1/graft", NORA)
    scanned(way)
    assert [one.refused for one in scans(way.house, way.unit)] == ["dose-given"]


def test_others_may_not_scan_and_nothing_is_kept(way: Way) -> None:
    def at(who: Principal, step: ScanStep, place: str = NORTH) -> None:
        with way.house.work(who) as work:
            facts = way.house.board.facts(work)
            scan(work, facts, way.unit, patient_id="ANA", step=step, place=place)

    for who in (MONA, ADA, PAUL):
        refused("not-your-role", 403, partial(at, who, "checked"))
    refused("not-your-role", 403, lambda: at(NORA, "packed", HUB))
    refused("patient-not-found", 404, lambda: at(SAM, "checked", SOUTH))
    refused("place-unknown", 422, lambda: at(NORA, "checked", SOUTH))
    assert scans(way.house, way.unit) == []


def test_a_unit_of_a_lot_that_was_given_up_is_withdrawn(way: Way) -> None:
    released(way)
    with way.house.doing(PAUL) as work:
        give_up(
            work,
            way.house.board,
            "ANA",
            1,
            cause="lot_failed",
            failed_activity="ANA/1/fill",
            at=way.house.now,
        )
    scanned(way)
    assert [one.refused for one in scans(way.house, way.unit)] == ["withdrawn"]


@pytest.mark.parametrize("role", [Role.SITE_STAFF, Role.COORDINATOR, Role.DOCTOR, Role.PHARMACIST])
def test_everybody_who_handles_a_unit_at_a_site_may_scan_it(way: Way, role: Role) -> None:
    released(way)
    who = Principal("Sue", role, NORTH, "sue")
    with way.house.doing(who) as work:
        facts = way.house.board.facts(work)
        assert scan(work, facts, way.unit, patient_id="ANA", step="received", place=NORTH).refusal is None
    with way.house.work(PAUL, write=False) as work:
        assert [one.scanned_by for one in custody.scans_of(work.session, way.unit)] == ["Sue"]


def given(way: Way) -> bool | None:
    """Dose 1 is recorded as given."""
    way.house.recorded_until("ANA/1/graft")
    row = way.house.recorded("ANA/1/graft", NORA).activity
    with way.house.doing(NORA) as work:
        return check_scanned(work, way.house.board.facts(work), row)


def test_a_dose_that_passed_at_the_bedside_is_given_without_a_word(way: Way) -> None:
    released(way)
    handed(way)
    uploaded(way, file(way))
    scanned(way, "bedside")
    assert given(way) is True
    assert [one for one in notices_to(way.house, "qa") if one.kind == "given_unscanned"] == []


def test_a_dose_that_nobody_scanned_is_recorded_and_told(way: Way) -> None:
    released(way)
    assert given(way) is False
    for role in ("qa", "pharmacist"):
        (told,) = [one for one in notices_to(way.house, role) if one.kind == "given_unscanned"]
        assert told.urgent and f"{way.unit} (not scanned)" in told.sentence


def test_a_dose_that_was_refused_at_the_bedside_and_given_says_why_it_was_refused(way: Way) -> None:
    scanned(way, "bedside")
    assert given(way) is False
    (told,) = [one for one in notices_to(way.house, "qa") if one.kind == "given_unscanned"]
    assert f"{way.unit} (unreleased)" in told.sentence


def test_other_steps_are_not_asked_for_a_scan(way: Way) -> None:
    row = way.house.recorded("ANA/1/pack", PAUL).activity
    with way.house.doing(PAUL) as work:
        assert check_scanned(work, way.house.board.facts(work), row) is None
