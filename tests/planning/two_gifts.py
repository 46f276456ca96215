"""A program so small that everything can be tried: blood is drawn once and given twice, all in one room at North.

The room is open from 09:00 to 10:15, so that a step of an hour starts at 09:00 or 09:15. The first gift comes 2 to 4
days after the draw, the second 3 days after the first, a day sooner or later. ANA is registered on Mon 4 Jan 2027 and
may be drawn from the next day on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

from scheduler.domain.course import Facts
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.plant import Place, Resource
from scheduler.domain.protocol import DoseSpec, Limit, Protocol, Registration, Step, StepRef, Use, Window
from scheduler.domain.rules import violations
from scheduler.planning.obstacles import CAPACITY, FENCE, Obstacle, without
from scheduler.planning.situation import Question, Situation, Taken
from scheduler.planning.why_not import plan_of
from tests.domain.world import ANA, FACTS, NORTH, PLANT, SEOUL, WORKDAYS, at, lane, plant
from tests.planning.small import weekly

NOW = datetime(2027, 1, 4, 0, 0, tzinfo=UTC)
ROOM = (NORTH, "room", "room-1")
HOUR = timedelta(hours=1)
CLOCKS = ("09:00", "09:15")
DAYS = 12  # of these days the first gift is one

PROTOCOL = Protocol(
    name="two-gifts",
    title="Two gifts",
    blinded=False,
    supply="bank",
    administration="give",
    product=FACTS.protocol.product,
    registration=Registration("draw", 1, 42),
    doses=(DoseSpec(1, "first"), DoseSpec(2, "pair", 1, Window(3, 0, -1, 1))),
    steps=(
        Step("draw", "harvest", "site", "site", 60, uses=(Use("room"),), attended=True),
        Step("give", "dose", "site", "site", 60, uses=(Use("room"),), after=("draw",), attended=True),
    ),
    limits=(Limit("ripening", StepRef("draw", "end"), StepRef("give", "start"), at_least_days=2, at_most_days=4),),
)


def two_gifts() -> Facts:
    """The program, with a fence that ends today."""
    room = Resource("room", ("room-1",), weekly(WORKDAYS, "09:00", "10:15"), True)
    north = Place(NORTH, "North", "North", "site", SEOUL, "kr", (room,))
    lanes = (lane("north-in", NORTH, PLANT, 90), lane("north-out", PLANT, NORTH, 90))
    network = replace(FACTS.network, places=(north, plant()), lanes=lanes, holidays={"kr": {}})
    policy = replace(FACTS.policy, max_wait_days=DAYS, plant_fence_days=0)
    return replace(FACTS, protocol=PROTOCOL, network=network, policy=policy, patients=(ANA,))


def held(on: date, begins: str = "00:00", hours: int = 24, patient: str = "BEN", *, movable: bool = True) -> Taken:
    """The room taken by somebody."""
    since = int(at(on, begins).timestamp())
    return Taken(ROOM, since, since + hours * 3600, patient, movable)


def course_of(draw: datetime, first: datetime, second: datetime) -> PlannedCourse:
    """ANA's course at three instants."""
    steps = (("draw", None, draw), ("give", 1, first), ("give", 2, second))
    listed = [
        Activity(
            f"ANA/{kind}" if dose is None else f"ANA/{dose}/{kind}",
            kind, dose, NORTH, {"room": "room-1"}, start_at, start_at + HOUR,
        )
        for kind, dose, start_at in steps
    ]  # fmt: skip
    ordered = sorted(listed, key=lambda one: (one.start_at, one.end_at, one.id))
    return PlannedCourse(ANA.id, NORTH, PLANT, ANA.registered_on, ANA.weight_kg, tuple(ordered))


def every_course(situation: Situation, question: Question, gone: frozenset[Obstacle]) -> Iterator[PlannedCourse]:
    """Every course the referee accepts with the visit on its date that meets nobody, by trying every start."""
    facts = replace(without(situation.facts, gone), patients=(situation.patient,))
    always = any(one.rule == "opening_hours" for one in gone)
    busy = [] if Obstacle(CAPACITY, f"{NORTH}/room") in gone else [one.during for one in situation.taken]
    earliest_at = situation.now if Obstacle(FENCE) in gone else situation.fence_at
    for starts in product(*(_starts(question, dose, always) for dose in (None, 1, 2))):
        free = all(not Interval(one, one + HOUR).overlaps(other) for one in starts for other in busy)
        if free and min(starts) >= earliest_at and starts[0] < starts[1] < starts[2]:
            course = course_of(*starts)
            if not violations(plan_of(facts, course), facts):
                yield course


def _starts(question: Question, dose: int | None, always: bool) -> list[datetime]:
    """The instants tried for a step; where hours do not bind, one by night as well, when nobody is there."""
    every = [date(2027, 1, 4) + timedelta(days=n) for n in range(DAYS + 6)]
    days = [question.on] if dose == question.dose else every
    return [at(on, clock) for on in days for clock in (("03:00", *CLOCKS) if always else CLOCKS)]
