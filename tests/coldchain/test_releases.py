"""Releases in two stages, and whom a late failure reaches."""

from __future__ import annotations

from functools import partial

from scheduler.coldchain.notices import acknowledge, notices
from scheduler.coldchain.releases import Stage, lots_listed, release
from scheduler.domain.audience import Principal
from tests.booking.house import ADA, DORA, NORA, PAUL, PHIL, QUINN, refused
from tests.coldchain.house import MEANING, Way, notices_to, released


def test_quality_releases_before_sterility_and_then_for_good(way: Way) -> None:
    released(way)
    released(way, "final")
    with way.house.work(PAUL, write=False) as work:
        (lot,) = lots_listed(work, "ANA").lots
    assert [(one.stage, one.passed, one.decided_by) for one in lot.releases] == [
        ("before_sterility", True, QUINN.name),
        ("final", True, QUINN.name),
    ]
    assert len(way.house.trail("signature:made")) == 2


def test_what_was_signed_stays_and_the_order_is_kept(way: Way) -> None:
    refused("stage-before-missing", 409, lambda: released(way, "final"))
    released(way)
    refused("already-decided", 409, lambda: released(way, passed=False))
    released(way, "final", passed=False)
    refused("already-decided", 409, lambda: released(way, "final"))


def test_nothing_is_final_after_a_failure(way: Way) -> None:
    released(way, passed=False)
    refused("stage-before-missing", 409, lambda: released(way, "final"))


def test_only_quality_releases_and_only_with_a_signature(way: Way) -> None:
    def said(who: Principal, meaning: str | None = MEANING, lot: str = way.lot, stage: Stage = "final") -> None:
        with way.house.work(who) as work:
            facts = way.house.board.facts(work)
            release(work, facts, lot, stage=stage, passed=True, reason="As tested.", signed_meaning=meaning)

    for who in (PAUL, PHIL, DORA, NORA, ADA):
        refused("not-your-role", 403, partial(said, who))
    refused("signature-missing", 403, lambda: said(QUINN, None))
    refused("lot-not-found", 404, lambda: said(QUINN, lot="X-L"))


def test_a_late_failure_reaches_the_doctor_at_once_without_a_word_of_what_was_given(way: Way) -> None:
    released(way)
    way.house.recorded_until("ANA/1/graft")
    way.house.recorded("ANA/1/graft", NORA)
    released(way, "final", passed=False)
    (notice,) = notices_to(way.house, "doctor")
    assert (notice.urgent, notice.site, notice.patient, notice.dose) == (True, "NORTH", "ANA", 1)
    assert notice.sentence == (
        "A test of dose 1 of ANA failed: it may not be sterile. "
        "It was given. See the patient today and look for an infection."
    )
    assert way.lot not in notice.sentence
    assert [one.urgent for one in notices_to(way.house, "pharmacist")] == [True]


def test_the_doctor_is_told_as_well_when_the_injection_is_not_recorded_yet(way: Way) -> None:
    released(way)
    released(way, "final", passed=False)
    (notice,) = notices_to(way.house, "doctor")
    assert notice.sentence.endswith("if it was given, see the patient today.")


def test_a_failure_before_the_release_is_the_pharmacists_alone(way: Way) -> None:
    released(way, passed=False)
    assert notices_to(way.house, "doctor") == []
    assert [one.dose for one in notices_to(way.house, "pharmacist")] == [1]


def test_a_notice_is_seen_once_by_those_it_is_for(way: Way) -> None:
    released(way, passed=False)
    with way.house.work(PHIL, write=False) as work:
        (mine,) = notices(work, open_only=True)
    with way.house.work(DORA) as work:
        assert notices(work, open_only=True) == []
        refused("notice-not-found", 404, lambda: acknowledge(work, mine.id))
    with way.house.doing(PHIL) as work:
        acknowledge(work, mine.id)
    with way.house.work(PHIL) as work:
        assert notices(work, open_only=True) == []
        assert [one.acknowledged_by for one in notices(work, open_only=False)] == [PHIL.name]
        refused("already-acknowledged", 409, lambda: acknowledge(work, mine.id))
    with way.house.work(ADA, write=False) as work:
        assert len(notices(work, open_only=False)) == 1
        refused("not-your-role", 403, lambda: acknowledge(work, mine.id))
