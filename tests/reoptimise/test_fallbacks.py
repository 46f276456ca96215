"""What a unit's clock proposes, done as it says: after the request and a run of the plan, the dose can be given.

Ana's first graft is filled for Mon 22 March at North.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from scheduler.booking.hindrances import declare
from scheduler.coldchain.clock import Fallback
from scheduler.domain.events import VisitPostponed
from scheduler.persistence import proposals
from scheduler.reoptimise.publish import approve
from scheduler.reoptimise.snapshot import snapshot
from tests.booking.house import PAUL, House
from tests.coldchain.house import Way, clock_of, filled, handed, released
from tests.reoptimise.happened import ANA, told
from tests.reoptimise.test_publish import night

GRAFT = f"{ANA}/1/graft"
MINUTE = timedelta(minutes=1)


def proposed(way: Way, kind: str) -> Fallback:
    found = clock_of(way)
    assert not found.holds
    assert found.fallback is not None and found.fallback.kind == kind
    return found.fallback


def repaired(house: House) -> None:
    """A run of the plan; what it proposes is approved."""
    night(house)
    with house.doing(PAUL) as work:
        for row in proposals.in_state(work.session, "proposed"):
            approve(work, house.board, row.id or 0, note=None, signed_meaning="approved for publication")


def test_the_next_slot_is_had_by_saying_that_the_dose_cannot_be_given_before(house: House) -> None:
    way = filled(house)
    released(way)
    handed(way)
    house.now = house.activities(ANA)[GRAFT].start_at + MINUTE  # and nobody has come
    fallback, last = proposed(way, "next_slot"), clock_of(way).last.injection_at
    assert fallback.path == "/v1/hindrances" and fallback.at is not None and last is not None
    with house.doing(PAUL) as work:
        body = dict(fallback.body)
        stretch = {name: datetime.fromisoformat(str(body[name])) for name in ("start_at", "end_at")}
        declare(
            work,
            house.board,
            patient=str(body["patient"]),
            kinds=tuple(map(str, body["kinds"])),  # type: ignore[call-overload]
            dose=int(str(body["dose"])),
            reason=str(body["reason"]),
            **stretch,
        )
    repaired(house)
    given = house.activities(ANA)[GRAFT]
    assert given.status == "planned"
    assert fallback.at <= given.start_at <= last
    with house.work(PAUL, write=False) as work:
        assert snapshot(work, house.board).broken() == ()
    assert clock_of(way).holds


def test_who_did_not_come_is_given_another_day_inside_the_window(house: House) -> None:
    """Ana's follow-up visit should have begun a minute ago; its window ends a week after its target."""
    house.booked(ANA)
    name = f"{ANA}/month-3/follow_up"
    house.recorded_until(name)
    old = house.activities(ANA)[name].start_at
    house.now = old + MINUTE
    found = told(house, VisitPostponed(name, (old + timedelta(days=2)).date(), "She did not come."))
    assert (found.visits, found.outcome) == ((name,), "proposed")
    repaired(house)
    assert house.activities(ANA)[name].start_at >= old + timedelta(days=1)
    assert house.visits(ANA)[name].status == "planned"
