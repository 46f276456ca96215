"""The referee on everything that is booked."""

from scheduler.booking.in_force import plan_in_force
from scheduler.domain.rules import Violation, violations
from tests.booking.house import PAUL, House


def judged(house: House) -> list[Violation]:
    """Every rule on all booked courses together, what only several can break included."""
    with house.work(PAUL, write=False) as work:
        plan, facts = plan_in_force(work, house.board)
    return violations(plan, facts)
