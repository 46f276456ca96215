"""Arms and contents are told to those who need them, each reading is recorded, and planning masked never reads them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlmodel import select

from scheduler.booking.book import book_hold
from scheduler.booking.reschedule import reschedule
from scheduler.booking.unblinded import (
    acknowledge_alarm,
    alarms,
    contents,
    import_randomisation,
    open_emergency,
    randomisation,
)
from scheduler.domain.audience import Principal
from scheduler.persistence.audit import read
from scheduler.persistence.signatures import holds
from scheduler.persistence.tables import SignatureRow
from tests.booking.house import ADA, CARL, DORA, MONA, NORA, NOW, PAUL, PHIL, QUINN, SAM, SOUTH, STELLA, House, refused

ANA_CELLS, BEN_CARRIER = ("ANA", "cells"), ("BEN", "carrier")


def randomise(house: House, *rows: tuple[str, str]) -> int:
    with house.doing(STELLA) as work:
        return import_randomisation(work, house.board, rows)


def cast(house: House) -> House:
    house.registered("ANA")
    house.registered("BEN", SOUTH)
    return house


def test_the_statistician_imports_the_list_and_reads_it(both: House) -> None:
    cast(both)
    assert randomise(both, BEN_CARRIER, ANA_CELLS) == 2
    assert randomise(both, ANA_CELLS) == 0
    with both.doing(STELLA) as work:
        assert randomisation(work) == [ANA_CELLS, BEN_CARRIER]
    assert [one.actor for one in both.trail("randomisation:read")] == ["Stella Statistics"]


def test_the_audit_trail_holds_no_arm(house: House) -> None:
    cast(house)
    randomise(house, ANA_CELLS, BEN_CARRIER)
    with house.doing(DORA) as work:
        open_emergency(work, house.board, "ANA", reason="anaphylaxis")
    with house.database.session() as session:
        written = " ".join(f"{one.reason} {one.before} {one.after}" for one in read(session))
    assert "anaphylaxis" in written
    assert "cells" not in written and "carrier" not in written


@pytest.mark.parametrize("who", [NORA, DORA, MONA, PHIL, PAUL, QUINN, CARL, ADA])
def test_nobody_else_imports_the_list(house: House, who: Principal) -> None:
    cast(house)
    with house.work(who) as work:
        refused("not-your-role", 403, lambda: import_randomisation(work, house.board, [ANA_CELLS]))


@pytest.mark.parametrize("who", [NORA, DORA, MONA, PHIL, PAUL, QUINN, CARL])
def test_nobody_else_reads_the_list_or_the_alarms(house: House, who: Principal) -> None:
    with house.work(who) as work:
        refused("not-your-role", 403, lambda: randomisation(work))
        refused("not-your-role", 403, lambda: alarms(work))


def test_an_imported_arm_never_changes(both: House) -> None:
    cast(both)
    randomise(both, ANA_CELLS)
    with both.work(STELLA) as work:
        rows = [BEN_CARRIER, ("ANA", "carrier")]
        told = refused("randomisation-differs", 409, lambda: import_randomisation(work, both.board, rows))
    assert "line 2" in told.sentence
    with both.doing(STELLA) as work:
        assert randomisation(work) == [ANA_CELLS]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([ANA_CELLS, ANA_CELLS], "Line 2 names a patient a second time"),
        ([("ANA", "placebo")], "Line 1 names an arm the protocol does not have"),
        ([BEN_CARRIER, ("CHARLIE", "cells")], "Line 2 names a patient who is not registered"),
    ],
)
def test_a_list_with_a_wrong_line_is_refused_whole(house: House, rows: list[tuple[str, str]], words: str) -> None:
    cast(house)
    with house.work(STELLA) as work:
        told = refused("randomisation-line", 422, lambda: import_randomisation(work, house.board, rows))
    assert words in told.sentence
    with house.doing(STELLA) as work:
        assert randomisation(work) == []


def test_a_masked_program_is_booked_without_the_tables_of_the_unblinded_side(both: House) -> None:
    with both.database.writing() as session:
        session.execute(text("DROP TABLE unblinded_opening"))
        session.execute(text("DROP TABLE unblinded_arm"))
    both.booked("ANA")
    offer = both.offers("ANA", dose=2)[0]
    with both.doing(NORA) as work:
        reschedule(work, both.board, "ANA", offer.id, reason_code="patient_request")
    both.recorded_until("ANA/1/graft")
    assert both.recorded("ANA/1/graft", NORA).activity.status == "performed"


def test_a_program_planned_with_the_arm_waits_for_the_arm(build: Callable[..., House]) -> None:
    house = build("lean")
    house.registered("ANA")
    told = refused("not-randomised", 409, lambda: house.offers("ANA"))
    assert not any(word in told.sentence for word in ("arm", "cells", "carrier", "comparator"))


def test_a_comparator_course_planned_with_the_arm_has_no_steps_with_cells(build: Callable[..., House]) -> None:
    house = cast(build("lean"))
    randomise(house, ANA_CELLS, BEN_CARRIER)
    for patient, who in (("ANA", NORA), ("BEN", SAM)):
        hold = house.held(house.offers(patient, who)[0].id, who)
        with house.doing(who) as work:
            book_hold(work, house.board, hold)
    cells = {"seeding", "growth", "thaw", "regrowth"}
    assert {one.kind for one in house.activities("ANA").values()} >= cells
    assert not {one.kind for one in house.activities("BEN").values()} & cells
    assert house.visits("BEN").keys() == {"BEN/biopsy", "BEN/1/graft", "BEN/2/graft", "BEN/month-3/follow_up"}


def test_a_running_process_learns_of_a_new_arm(build: Callable[..., House]) -> None:
    house = cast(build("open", blinded=False))
    randomise(house, ANA_CELLS)
    assert house.offers("ANA")
    refused("not-randomised", 409, lambda: house.offers("BEN", SAM))
    randomise(house, BEN_CARRIER)
    assert house.offers("BEN", SAM)


@pytest.mark.parametrize("who", [PHIL, PAUL, QUINN])
def test_those_who_make_or_hand_out_a_dose_learn_what_it_holds(both: House, who: Principal) -> None:
    both.booked("ANA")
    randomise(both, ANA_CELLS)
    with both.doing(who) as work:
        got = contents(work, both.board, "ANA", 2)
    fill = both.activities("ANA")["ANA/2/fill"]
    # 61.5 kg lie in the band 60-70: 65 kg x 0.05 mL = 3.25 mL, one syringe of 5 mL. Shelf life: 36 h from the end.
    assert (got.make, got.weight_kg, got.volume_ml, got.syringes) == (True, 61.5, 3.25, 1)
    assert got.give_by == fill.end_at + timedelta(hours=36)
    assert [(one.actor, one.subject) for one in both.trail("contents:read")] == [(who.name, "ANA")]


def test_a_comparator_dose_is_not_made(house: House) -> None:
    house.booked("ANA")
    randomise(house, ("ANA", "carrier"))
    with house.doing(PAUL) as work:
        assert not contents(work, house.board, "ANA", 1).make


def test_give_by_follows_the_fill_as_it_was(house: House) -> None:
    house.booked("ANA")
    randomise(house, ANA_CELLS)
    house.recorded_until("ANA/1/fill")
    fill = house.activities("ANA")["ANA/1/fill"]
    house.weighed("ANA", fill.start_at)
    ended = fill.end_at + timedelta(minutes=20)
    house.recorded("ANA/1/fill", PAUL, "late", end_at=ended)
    with house.doing(PHIL) as work:
        assert contents(work, house.board, "ANA", 1).give_by == ended + timedelta(hours=36)


@pytest.mark.parametrize("who", [NORA, SAM, DORA, MONA, CARL, STELLA, ADA])
def test_nobody_else_learns_what_a_dose_holds(house: House, who: Principal) -> None:
    house.booked("ANA")
    randomise(house, ANA_CELLS)
    with house.work(who) as work:
        refused("not-your-role", 403, lambda: contents(work, house.board, "ANA", 1))


def test_contents_that_are_not_there_are_not_found(house: House) -> None:
    house.booked("ANA")
    house.booked("BEN", SOUTH)
    with house.work(PHIL) as work:
        refused("patient-not-found", 404, lambda: contents(work, house.board, "BEN", 1))
        refused("dose-not-found", 404, lambda: contents(work, house.board, "ANA", 3))
        refused("not-randomised", 409, lambda: contents(work, house.board, "ANA", 1))


@pytest.mark.parametrize("who", [DORA, PHIL])
def test_an_emergency_opens_one_patient_with_signature_and_alarm(both: House, who: Principal) -> None:
    cast(both)
    randomise(both, ANA_CELLS, BEN_CARRIER)
    with both.doing(who) as work:
        opened = open_emergency(work, both.board, "ANA", reason="anaphylaxis", signed_meaning="I unblind ANA")
    assert (opened.patient, opened.arm, opened.opened_at) == ("ANA", "cells", NOW)
    with both.work(STELLA, write=False) as work:
        (alarm,) = alarms(work)
        signature = work.session.exec(select(SignatureRow)).one()
    assert (alarm.id, alarm.patient, alarm.reason, alarm.opened_by) == (opened.id, "ANA", "anaphylaxis", who.name)
    assert (signature.id, signature.meaning, signature.signer) == (alarm.signature, "I unblind ANA", who.name)
    signed = {"opening": opened.id, "patient": "ANA", "reason": "anaphylaxis", "opened_at": NOW}
    assert holds(signature, signed)
    assert [(one.subject, one.reason) for one in both.trail("patient:unblinded")] == [("ANA", "anaphylaxis")]


def test_the_statistician_acknowledges_an_alarm_once(both: House) -> None:
    cast(both)
    randomise(both, ANA_CELLS)
    with both.doing(DORA) as work:
        name = open_emergency(work, both.board, "ANA", reason="anaphylaxis").id
    with both.work(ADA) as work:
        refused("not-your-role", 403, lambda: acknowledge_alarm(work, name))
    with both.doing(STELLA) as work:
        assert acknowledge_alarm(work, name).alarm_acknowledged_by == "Stella Statistics"
    with both.work(STELLA) as work:
        refused("already-acknowledged", 409, lambda: acknowledge_alarm(work, name))
        refused("alarm-not-found", 404, lambda: acknowledge_alarm(work, "opn_none"))


@pytest.mark.parametrize("who", [NORA, MONA, PAUL, QUINN, CARL, STELLA, ADA])
def test_nobody_else_unblinds(house: House, who: Principal) -> None:
    cast(house)
    randomise(house, ANA_CELLS)
    with house.work(who) as work:
        refused("not-your-role", 403, lambda: open_emergency(work, house.board, "ANA", reason="curious"))


def test_an_emergency_without_reason_patient_or_arm_opens_nothing(house: House) -> None:
    cast(house)
    with house.work(DORA) as work:
        refused("patient-not-found", 404, lambda: open_emergency(work, house.board, "BEN", reason="anaphylaxis"))
        refused("not-randomised", 409, lambda: open_emergency(work, house.board, "ANA", reason="anaphylaxis"))
        refused("reason-missing", 422, lambda: open_emergency(work, house.board, "ANA", reason=" "))


def test_an_open_program_has_nothing_to_unblind(build: Callable[..., House]) -> None:
    house = cast(build("open", blinded=False))
    randomise(house, ANA_CELLS)
    with house.work(DORA) as work:
        refused("not-blinded", 409, lambda: open_emergency(work, house.board, "ANA", reason="anaphylaxis"))
