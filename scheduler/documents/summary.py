"""summary.json: what a plan costs, how good it is proven to be, and how tight it is (docs/plan-format.md)."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from scheduler.documents.utilisation import Utilisation, utilisation
from scheduler.domain.course import Facts
from scheduler.domain.plan import Levels, Plan, Unplanned
from scheduler.domain.protocol import DoseSpec, Role
from scheduler.domain.rules_context import Judged, JudgedCourse

SUMMARY_FORMAT = "marrowline-summary/1"
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Waiting:
    """Local calendar days from registration to the first dose; p95 by nearest rank."""

    courses: int
    median: float
    p95: int


@dataclass(frozen=True)
class Slack:
    """The smallest time left of the shelf life when a dose is given, and which dose that is (``HYU-001/1``)."""

    minutes: int
    dose: str


@dataclass(frozen=True)
class OnTarget:
    """How many of the planned doses with an anchor fall exactly on their target day."""

    on_target: int
    of: int


@dataclass(frozen=True)
class BusiestDay:
    """The plant day with the most fills, the earliest when several have as many."""

    fills: int
    place: str
    on: date


@dataclass(frozen=True)
class Gap:
    """What is not proven: per level in per cent of the cost, and the third level's in patient-days of waiting."""

    percent: tuple[float, float, float]
    patient_days: float | None


@dataclass(frozen=True)
class Summary:
    """The figures of one plan."""

    program: str
    title: str
    audience: str
    status: str
    seed: int
    wall_seconds: float
    cost: Levels
    bound: Levels
    gap: Gap
    patients: int
    doses_planned: int
    doses_unplanned: int
    waiting: Waiting | None
    shelf_life_slack: Slack | None
    pairs: OnTarget
    boosters: OnTarget
    late_registrations: tuple[str, ...]
    busiest_day: BusiestDay | None
    utilisation: tuple[Utilisation, ...]
    unplanned: tuple[Unplanned, ...]


def summarise(plan: Plan, facts: Facts) -> Summary:
    """The figures of a plan the referee has accepted."""
    judged = Judged.of(plan, facts)
    return Summary(
        program=plan.program,
        title=facts.title,
        audience=plan.audience,
        status=plan.status,
        seed=plan.seed,
        wall_seconds=plan.wall_seconds,
        cost=plan.cost,
        bound=plan.bound,
        gap=gap_of(plan.cost, plan.bound, facts.policy.waiting_day_cost),
        patients=len(plan.courses),
        doses_planned=sum(len(course.doses_planned) for course in judged.courses),
        doses_unplanned=sum(one.dose is not None for one in plan.unplanned),
        waiting=_waiting(judged),
        shelf_life_slack=_smallest_slack(judged),
        pairs=_on_target(judged, "pair"),
        boosters=_on_target(judged, "booster"),
        late_registrations=tuple(_late_registrations(judged)),
        busiest_day=_busiest_day(judged),
        utilisation=tuple(utilisation(judged)),
        unplanned=plan.unplanned,
    )


def gap_of(cost: Levels, bound: Levels, waiting_day_cost: int) -> Gap:
    """100 x (cost - bound) / cost per level, and (cost - bound) of level 3 / the cost of one day of waiting."""
    percents = [100 * max(0, paid - proven) / paid if paid else 0.0 for paid, proven in zip(cost, bound, strict=True)]
    open_cost = max(0, cost[2] - bound[2])
    days = round(open_cost / waiting_day_cost, 2) if waiting_day_cost else None
    return Gap((round(percents[0], 4), round(percents[1], 4), round(percents[2], 4)), days)


def given_on(judged: Judged, course: JudgedCourse, dose: int) -> date | None:
    """The site-local day of a dose, None where it is not planned."""
    given = course.find(judged.facts.protocol.administration, dose)
    return None if given is None else judged.on(given)


def _waiting(judged: Judged) -> Waiting | None:
    first = next((one.number for one in judged.facts.protocol.doses if one.role == "first"), None)
    if first is None:
        return None
    dated = [(course.patient.registered_on, given_on(judged, course, first)) for course in judged.courses]
    days = sorted((given - registered).days for registered, given in dated if given is not None)
    return Waiting(len(days), median(days), days[math.ceil(0.95 * len(days)) - 1]) if days else None


def _smallest_slack(judged: Judged) -> Slack | None:
    limit = judged.facts.protocol.shelf_life
    if limit is None or limit.at_most_minutes is None:
        return None
    allowed = timedelta(minutes=limit.at_most_minutes)
    slacks = [
        Slack((allowed - (end_at - start_at)) // MINUTE, f"{course.patient.id}/{dose}")
        for course in judged.courses
        for dose, start_at, end_at in shelf_lives(judged, course)
    ]
    return min(slacks, key=lambda one: one.minutes) if slacks else None


def shelf_lives(judged: Judged, course: JudgedCourse) -> Iterator[tuple[int, datetime, datetime]]:
    """For each planned dose, when its shelf life begins and when it has been given."""
    limit = judged.facts.protocol.shelf_life
    for dose in sorted(course.doses_planned):
        start = limit and course.resolve(limit.from_ref, dose)
        end = limit and course.resolve(limit.to_ref, dose)
        if limit and start and end:
            yield dose, start.at(limit.from_ref.edge), end.at(limit.to_ref.edge)


def _on_target(judged: Judged, role: Role) -> OnTarget:
    doses = [dose for dose in judged.facts.protocol.doses if dose.role == role]
    off = [_days_off(judged, course, dose) for course in judged.courses for dose in doses]
    return OnTarget(sum(days == 0 for days in off), sum(days is not None for days in off))


def _days_off(judged: Judged, course: JudgedCourse, dose: DoseSpec) -> int | None:
    if dose.anchor is None or dose.window is None:
        return None
    anchor_on = given_on(judged, course, dose.anchor)
    visit_on = given_on(judged, course, dose.number)
    return None if anchor_on is None or visit_on is None else dose.window.days_off(anchor_on, visit_on)


def _late_registrations(judged: Judged) -> Iterator[str]:
    """Patients whose course begins later after registration than the protocol hopes for."""
    wanted = judged.facts.protocol.registration
    for course in judged.courses:
        begun = [(judged.on(one) - course.patient.registered_on).days for one in course.all_of.get(wanted.step, [])]
        if begun and min(begun) > wanted.target_days:
            yield course.patient.id


def _busiest_day(judged: Judged) -> BusiestDay | None:
    kind = judged.facts.protocol.filled_in
    fills = [one for course in judged.courses for one in course.all_of.get(kind or "", [])]
    counted = Counter((judged.on(one), one.activity.place) for one in fills)
    if not counted:
        return None
    (on, place), number = min(counted.items(), key=lambda item: (-item[1], item[0]))
    return BusiestDay(number, place, on)


def summary_json(summary: Summary) -> str:
    """summary.json as text, keys always in the same order."""
    document = {"format": SUMMARY_FORMAT, **asdict(summary)}
    document["cost"] = {"levels": summary.cost}
    document["bound"] = {"levels": summary.bound}
    document["utilisation"] = [{**asdict(one), "percent": one.percent} for one in summary.utilisation]
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False, default=_plain) + "\n"


def _plain(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in summary.json")
