"""Events at the house: what is answered, and what stayed as it was."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from scheduler.domain.audience import Principal
from scheduler.domain.events import Event
from scheduler.persistence import proposals
from scheduler.persistence.tables_plans import DecisionRow, PlanRow, ProposalRow
from scheduler.reoptimise.answer import Answer, answer
from scheduler.reoptimise.snapshot import Snapshot, snapshot
from tests.booking.house import PAUL, House

ANA, BEN = "ANA", "BEN"
DAY = timedelta(days=1)


def told(house: House, event: Event, who: Principal = PAUL) -> Answer:
    """Report an event and have it answered."""
    return answer(lambda write: house.work(who, write=write), house.board, event)


def two_booked(house: House) -> House:
    """Ana at North and Ben at South."""
    house.booked(ANA)
    house.booked(BEN, "SOUTH")
    return house


def until(house: House, activity: str, after: timedelta = timedelta(0)) -> datetime:
    """Record all before a step as it was planned; it is then its start, or so much later."""
    house.recorded_until(activity)
    house.now = max(house.now, house.activities(activity.split("/")[0])[activity].start_at + after)
    return house.now


def times(house: House, patient: str) -> dict[str, tuple[str, datetime]]:
    """Status and start of every step."""
    return {name: (one.status, one.start_at) for name, one in house.activities(patient).items()}


def days(house: House, patient: str) -> dict[str, tuple[str, date]]:
    """Status and date of every visit."""
    return {name: (one.status, one.on_date) for name, one in house.visits(patient).items()}


def proposal_of(house: House, number: int | None) -> tuple[PlanRow, ProposalRow]:
    assert number is not None
    with house.work(PAUL, write=False) as work:
        found = proposals.plan(work.session, number, lock=False)
    assert found is not None
    return found


def seen(house: House) -> Snapshot:
    with house.work(PAUL, write=False) as work:
        return snapshot(work, house.board)


def open_decisions(house: House) -> list[DecisionRow]:
    with house.work(PAUL, write=False) as work:
        return proposals.open_decisions(work.session)
