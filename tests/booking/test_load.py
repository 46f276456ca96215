"""How much of a resource is taken, to those who may see it."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.booking.load import Load, load
from scheduler.domain.audience import Principal
from tests.booking.house import ADA, CARL, HUB, KEPT, MONA, NORA, NORTH, PAUL, SAM, SOUTH, STELLA, House, refused

DAY = datetime(2027, 3, 21, 23, 0, tzinfo=UTC)  # Monday 22 March, 00:00 in Berlin, an hour ahead of UTC


def of(house: House, place: str, kind: str, who: Principal = PAUL, *, hours: int = 24, by: str = "day") -> Load:
    with house.work(who, write=False) as work:
        return load(
            work,
            house.board,
            place,
            kind,
            DAY,
            DAY + timedelta(hours=hours),
            by="hour" if by == "hour" else "day",
        )


def test_a_day_counts_what_is_taken_with_line_clearance(both: House) -> None:
    both.booked("ANA")
    # The fill of dose 1 takes the suite from 06:45 to 08:15 UTC on 22 March, and the clearance another hour: 150 min.
    fill = both.activities("ANA")["ANA/1/fill"]
    assert (fill.start_at, fill.end_at) == (at(6, 45), at(8, 15))
    got = of(both, HUB, "suite")
    assert got.units == ("suite-1",)
    assert [(one.start_at, one.most_taken, one.taken_minutes) for one in got.stretches] == [(DAY, 1, 150)]


def test_an_hour_counts_its_own_minutes(house: House) -> None:
    house.booked("ANA")
    got = of(house, HUB, "suite", by="hour")
    assert len(got.stretches) == 24
    taken = {one.start_at: one.taken_minutes for one in got.stretches if one.most_taken}
    assert taken == {at(6): 15, at(7): 60, at(8): 60, at(9): 15}  # 06:45 to 09:15


def test_a_hold_counts_while_it_stands(both: House) -> None:
    both.registered("ANA")
    both.held(both.offers("ANA")[0].id)
    assert of(both, HUB, "suite").stretches[0].taken_minutes == 150
    both.now += KEPT
    assert of(both, HUB, "suite").stretches[0].taken_minutes == 0


def test_days_are_those_of_the_place_when_clocks_change(house: House) -> None:
    # Berlin's clocks go forward on Sunday 28 March: that day has 23 hours.
    got = of(house, HUB, "suite", hours=24 * 8)
    assert [(one.end_at - one.start_at) / timedelta(hours=1) for one in got.stretches] == [24] * 6 + [23, 24, 1]


def test_a_lane_is_a_resource_of_the_plants_side(house: House) -> None:
    house.booked("ANA")
    got = of(house, "HUB-NORTH", "lane")
    assert (len(got.units), got.stretches[0].most_taken, got.stretches[0].taken_minutes) == (4, 1, 15)


@pytest.mark.parametrize("who", [NORA, MONA, PAUL, ADA])
def test_a_site_sees_its_own_rooms(house: House, who: Principal) -> None:
    house.booked("ANA")
    assert of(house, NORTH, "theatre", who).stretches[0].taken_minutes == 60


@pytest.mark.parametrize(
    ("who", "place", "kind"),
    [
        (NORA, HUB, "suite"),
        (NORA, SOUTH, "theatre"),
        (NORA, "HUB-NORTH", "lane"),
        (SAM, NORTH, "theatre"),
        (CARL, HUB, "suite"),
        (STELLA, HUB, "suite"),
        (PAUL, HUB, "theatre"),
        (PAUL, "nowhere", "suite"),
    ],
)
def test_what_is_not_theirs_to_see_is_not_found(house: House, who: Principal, place: str, kind: str) -> None:
    refused("resource-not-found", 404, lambda: of(house, place, kind, who))


def test_a_stretch_without_length_or_too_long_is_refused(house: House) -> None:
    refused("ends-before-start", 422, lambda: of(house, HUB, "suite", hours=0))
    refused("too-long", 422, lambda: of(house, HUB, "suite", hours=24 * 62 + 1, by="hour"))


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2027, 3, 22, hour, minute, tzinfo=UTC)
