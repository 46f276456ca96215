"""Why there is no offer: said in words, also where no date could ever help."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from scheduler.booking.find import Ask, find_offers
from scheduler.persistence.database import Database
from tests.booking.house import NORA, VALID, move_in

SCREENING = """
[[follow_ups]]
name = "screening"
anchor = "registration"
window = { target_days = 10, earliest_days = -2, latest_days = 2 }
minutes = 30
uses = ["clinic"]
"""


def test_a_visit_from_the_registration_that_is_over_is_named_and_no_wider_range_is_advised(
    sqlite_database: Database, tmp_path: Path
) -> None:
    house = move_in(sqlite_database, tmp_path, limits=SCREENING)
    house.registered("ANA")
    assert house.offers("ANA") != ()
    house.now += timedelta(days=12)  # Sat 13 March, ten days of target and two of window after Mon 1 March
    found = find_offers(lambda write: house.work(NORA, write=write), house.board, "ANA", Ask(), valid_for=VALID)
    assert found.offers == ()
    assert found.why == (
        "The visit screening counts from the registration and had to be by Sat 2027-03-13: no complete course is left "
        "for this patient. Ask the planner."
    )
