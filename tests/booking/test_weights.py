"""A weight is measured by those at the site, lately, and within the bands of the product."""

from datetime import timedelta

import pytest

from scheduler.booking.weights import measure
from scheduler.domain.audience import Principal
from scheduler.persistence import repositories
from tests.booking.house import CARL, MONA, NORA, NOW, PAUL, PHIL, SAM, House, refused


def test_the_latest_weight_counts(both: House) -> None:
    both.registered("ANA")
    for hours, weight_kg in ((3, 62.0), (1, 63.0), (2, 64.0)):
        with both.doing(PHIL) as work:
            measure(work, both.board, "ANA", weight_kg=weight_kg, measured_at=NOW - timedelta(hours=hours))
    with both.work(PAUL, write=False) as work:
        latest = repositories.latest_weight(work.session, "ANA", NOW)
    assert latest is not None
    assert (latest.weight_kg, latest.measured_by, latest.activity) == (63.0, "Phil Pharmacist", None)
    assert len(both.trail("weight:measured")) == 3


@pytest.mark.parametrize("late", [timedelta(minutes=-6), timedelta(days=7, minutes=1)])
def test_a_weight_of_the_future_or_of_long_ago_is_refused(house: House, late: timedelta) -> None:
    house.registered("ANA")
    with house.work(NORA) as work:
        refused("measured-when", 422, lambda: measure(work, house.board, "ANA", weight_kg=62.0, measured_at=NOW - late))


@pytest.mark.parametrize("weight_kg", [-3.0, float("nan"), float("inf"), 29.99, 130.0])
def test_a_weight_without_a_band_is_refused(house: House, weight_kg: float) -> None:
    house.registered("ANA")
    with house.work(NORA) as work:
        told = refused(
            "weight-out-of-range",
            422,
            lambda: measure(work, house.board, "ANA", weight_kg=weight_kg, measured_at=NOW),
        )
    assert "at least 30 and below 130" in told.sentence


def test_another_sites_patient_is_not_found(house: House) -> None:
    house.registered("ANA")
    with house.work(SAM) as work:
        refused("patient-not-found", 404, lambda: measure(work, house.board, "ANA", weight_kg=62.0, measured_at=NOW))


@pytest.mark.parametrize("who", [PAUL, MONA, CARL])
def test_only_those_at_the_bedside_weigh(house: House, who: Principal) -> None:
    house.registered("ANA")
    with house.work(who) as work:
        refused("not-your-role", 403, lambda: measure(work, house.board, "ANA", weight_kg=62.0, measured_at=NOW))
