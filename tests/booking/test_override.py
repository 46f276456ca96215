"""Outside a window or inside the fence only on a named person's word: role, reason, signature, deviation."""

from datetime import date, timedelta

import pytest
from sqlmodel import select

from scheduler.booking.reschedule import reschedule
from scheduler.domain.audience import Principal
from scheduler.domain.calendars import local_date
from scheduler.persistence import repositories
from scheduler.persistence.tables import OfferRow, SignatureRow
from tests.booking.house import DORA, MONA, NORA, PAUL, PHIL, House, refused

MEANING = "I take responsibility for this date"


def late(house: House, who: Principal = PAUL) -> OfferRow:
    """Dose 2 after its window: dose 1 is on 22 March, the window ends 25 days later, on 16 April."""
    (offer,) = house.offers("ANA", who, dose=2, override=True, not_before=date(2027, 4, 17), count=1)
    return offer


def take_up(
    house: House,
    offer: OfferRow,
    who: Principal = PAUL,
    *,
    note: str | None = "ANA has a fever",
    signed_meaning: str | None = MEANING,
) -> None:
    with house.doing(who) as work:
        reschedule(
            work,
            house.board,
            "ANA",
            offer.id,
            reason_code="patient_unwell",
            note=note,
            signed_meaning=signed_meaning,
        )


def test_without_an_override_nothing_outside_the_window_is_offered(house: House) -> None:
    house.booked("ANA")
    assert house.offers("ANA", dose=2, not_before=date(2027, 4, 17)) == ()


@pytest.mark.parametrize("who", [PAUL, DORA])
def test_an_override_moves_a_dose_out_of_its_window_with_a_signed_deviation(both: House, who: Principal) -> None:
    both.booked("ANA")
    offer = late(both, who)
    assert offer.breaks == '["pair_window"]'
    take_up(both, offer, who)
    given = both.visits("ANA")["ANA/2/graft"]
    assert given.on_date == offer.first_dose_on > date(2027, 4, 16)
    with both.work(PAUL, write=False) as work:
        (deviation,) = repositories.deviations_of(work.session, "ANA")
        signature = work.session.exec(select(SignatureRow)).one()
    assert (deviation.rule, deviation.activity, deviation.reason) == ("pair_window", "ANA/2/graft", "ANA has a fever")
    assert (signature.id, signature.signer, signature.meaning) == (deviation.signature, who.name, MEANING)


def test_an_override_stays_within_two_weeks_of_the_window(house: House) -> None:
    house.booked("ANA")
    assert late(house).first_dose_on <= date(2027, 4, 30)  # 16 April and 14 days
    assert house.offers("ANA", PAUL, dose=2, override=True, not_before=date(2027, 5, 1)) == ()


def test_an_override_inside_the_window_is_an_ordinary_change(house: House) -> None:
    house.booked("ANA")
    offer = house.offers("ANA", PAUL, dose=2, override=True)[0]
    assert offer.breaks == "[]"
    with house.doing(NORA) as work:
        reschedule(work, house.board, "ANA", offer.id, reason_code="other")


def test_a_visit_inside_the_fence_moves_only_by_override(house: House) -> None:
    house.booked("ANA")
    fill = house.activities("ANA")["ANA/2/thaw"]
    house.now = fill.start_at - timedelta(days=2)  # the fence of the plant is 3 days
    (offer, *_) = house.offers("ANA", PAUL, dose=2, override=True)
    assert "plant_fence" in offer.breaks
    take_up(house, offer)
    with house.work(PAUL, write=False) as work:
        assert {one.rule for one in repositories.deviations_of(work.session, "ANA")} >= {"plant_fence"}
    graft = house.visits("ANA")["ANA/2/graft"]
    assert graft.on_date == local_date(graft.start_at, "Europe/Berlin") == offer.first_dose_on


def test_an_overridden_dose_is_recorded_without_a_second_deviation(house: House) -> None:
    house.booked("ANA")
    take_up(house, late(house))
    house.recorded_until("ANA/2/graft")
    assert house.recorded("ANA/2/graft", NORA).deviation is None


@pytest.mark.parametrize("who", [NORA, PHIL, MONA])
def test_others_do_not_look_for_overrides(house: House, who: Principal) -> None:
    house.booked("ANA")
    refused("not-your-role", 403, lambda: late(house, who))


def test_others_do_not_take_one_up(house: House) -> None:
    house.booked("ANA")
    offer = late(house)
    refused("not-your-role", 403, lambda: take_up(house, offer, NORA))


def test_a_doctor_who_looks_beyond_the_rules_may_take_a_date_that_breaks_none(house: House) -> None:
    house.booked("ANA")
    offer = house.offers("ANA", DORA, dose=2, override=True)[0]
    assert offer.breaks == "[]"
    take_up(house, offer, DORA)
    assert house.visits("ANA")["ANA/2/graft"].on_date == offer.first_dose_on
    with house.work(PAUL, write=False) as work:
        assert repositories.deviations_of(work.session, "ANA") == []


def test_an_override_without_reason_or_signature_changes_nothing(house: House) -> None:
    house.booked("ANA")
    offer, before = late(house), house.visits("ANA")
    refused("reason-missing", 422, lambda: take_up(house, offer, note=None))
    refused("reason-missing", 422, lambda: take_up(house, offer, note=" "))
    refused("signature-missing", 403, lambda: take_up(house, offer, signed_meaning=None))
    assert house.visits("ANA") == before


def test_a_first_course_is_never_an_override(house: House) -> None:
    house.registered("ANA")
    refused("override-needs-dose", 422, lambda: house.offers("ANA", PAUL, override=True))
