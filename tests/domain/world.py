"""A small world made by hand: sites North and South, one plant, and valid courses for ANA and BEN.

The shape is docs/domain.md section 2 with three doses: a first dose, its pair after 26 days, a booster after four
months. The calendar is that of Seoul in 2027 with Seollal as the only holidays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import Closure, Holiday, OpenHours
from scheduler.domain.cost import cost_of
from scheduler.domain.course import Facts, Patient, Policy, activity_id, follow_up_id
from scheduler.domain.hindrances import Hindrance
from scheduler.domain.intervals import Interval
from scheduler.domain.logistics import CourierLane, HolidayFactor, Network
from scheduler.domain.plan import Activity, Plan, PlannedCourse, Unplanned
from scheduler.domain.plant import Place, Resource
from tests.domain.treatment import PROTOCOL as PROTOCOL

SEOUL = "Asia/Seoul"
NORTH, SOUTH, PLANT = "NORTH", "SOUTH", "PLANT"

ANA = Patient("ANA", NORTH, date(2027, 1, 4), 60.5)
BEN = Patient("BEN", SOUTH, date(2027, 1, 5), 81.0)
CHARLIE = Patient("CHARLIE", NORTH, date(2027, 1, 6), 70.0)

WORKDAYS, MON_SAT, DAILY = tuple(range(5)), tuple(range(6)), tuple(range(7))
SEOLLAL = {on: Holiday(on, "Seollal", "Seollal") for on in (date(2027, 2, 6 + day) for day in range(4))}


def at(day: date, clock: str, zone: str = SEOUL) -> datetime:
    """The instant of a wall-clock time, in UTC."""
    return datetime.combine(day, time.fromisoformat(clock), ZoneInfo(zone)).astimezone(UTC)


def hours(weekdays: tuple[int, ...], from_hour: int, to_hour: int) -> tuple[OpenHours, ...]:
    """One line of opening hours in whole hours."""
    return (OpenHours(weekdays, from_hour * 60, to_hour * 60),)


ALWAYS = hours(DAILY, 0, 24)


def units(kind: str, count: int) -> tuple[str, ...]:
    """Names of the units of a resource."""
    return tuple(f"{kind}-{number}" for number in range(1, count + 1))


def site(code: str) -> Place:
    """A site with one of each room, two pharmacy hatches and a refrigerator with two units."""
    return Place(
        code,
        code.title(),
        code.title(),
        "site",
        SEOUL,
        "kr",
        (
            Resource("harvest_room", units("harvest_room", 1), hours(WORKDAYS, 8, 17), True),
            Resource("procedure_room", units("procedure_room", 1), hours(WORKDAYS, 8, 17), True),
            Resource("pharmacy", units("pharmacy", 2), hours(WORKDAYS, 6, 18), True),
            Resource("clinic", units("clinic", 1), hours(WORKDAYS, 8, 17), True),
            Resource("refrigerator", units("refrigerator", 2), ALWAYS, False, cold=True),
        ),
    )


def plant() -> Place:
    """A plant with two of most things; suites are cleared for 60 min, shippers are away for 24 h."""
    shipper = Resource("shipper", units("shipper", 2), ALWAYS, False, 0, 24 * 60, 72 * 60, True)
    return Place(
        PLANT,
        "Plant",
        "Yongin",
        "plant",
        SEOUL,
        "kr",
        (
            Resource("dock", units("dock", 1), hours(DAILY, 6, 24), False),
            Resource("suite", units("suite", 2), hours(MON_SAT, 8, 20), True, line_clearance_minutes=60),
            Resource("fill_crew", units("fill_crew", 2), hours(WORKDAYS, 8, 20), True),
            Resource("incubator", units("incubator", 2), ALWAYS, False),
            Resource("qc_bench", units("qc_bench", 2), hours(DAILY, 7, 24), False),
            Resource("dispatch_bench", units("dispatch_bench", 2), hours(DAILY, 6, 24), False),
            Resource("cold_store", units("cold_store", 2), ALWAYS, False, cold=True),
            shipper,
        ),
    )


def lane(code: str, from_place: str, to_place: str, p99_minutes: int) -> CourierLane:
    """A lane with the departures of docs/domain.md section 3 and one place on each; South's slow down at Seollal."""
    clocks = (6 * 60, 9 * 60, 13 * 60, 17 * 60, 20 * 60) if from_place == PLANT else (480, 630, 810, 990)
    factors = (HolidayFactor("Seollal", 2.1, 2, 2),) if SOUTH in (from_place, to_place) else ()
    return CourierLane(code, from_place, to_place, 50, p99_minutes, MON_SAT, clocks, 1, 15, True, factors)


LANES = (
    lane("north-in", NORTH, PLANT, 90),
    lane("north-out", PLANT, NORTH, 90),
    lane("south-in", SOUTH, PLANT, 300),
    lane("south-out", PLANT, SOUTH, 300),
)
NETWORK = Network("small", (site(NORTH), site(SOUTH), plant()), LANES, {"kr": SEOLLAL})


POLICY = Policy(
    name="shadow",
    capacity="shadow",
    unplanned_dose_cost=1000,
    pair_day_cost=1,
    waiting_day_cost=24,
    booster_day_cost=4,
    cold_hour_cost=1,
    max_wait_days=120,
    confirmed_move_cost=4,
    unconfirmed_move_cost=1,
    near_notice_days=14,
    near_notice_factor=3,
    notice_days=28,
    notice_factor=2,
    retimed_minutes=60,
    patient_fence_days=14,
    plant_fence_days=7,
    unattended_visits=4,
)

FACTS = Facts("small", "A small world", date(2027, 1, 4), PROTOCOL, NETWORK, POLICY, (ANA, BEN))


def facts(*patients: Patient, **changes: object) -> Facts:
    """The facts of the small world for some patients; other fields by name."""
    return replace(FACTS, patients=patients or FACTS.patients, **changes)  # type: ignore[arg-type]


def with_closure(
    base: Facts, where: str, since: datetime, until: datetime, resource: str | None = None, unit: str | None = None
) -> Facts:
    """The same facts with one closure more."""
    shut = Closure(where, Interval(since, until), "pipes burst", resource, unit)
    return replace(base, network=base.network.with_closures(shut))


def with_hindrance(
    base: Facts, patient: str, since: datetime, until: datetime, *kinds: str, dose: int | None = None
) -> Facts:
    """The same facts with one hindrance more, of some kinds of step, or of every visit."""
    away = Hindrance(patient, kinds or None, dose, Interval(since, until), "a fever", "patient")
    return replace(base, hindrances=(*base.hindrances, away))


def step_at(
    patient: Patient,
    kind: str,
    dose: int | None,
    place: str,
    start_at: datetime,
    end_at: datetime,
    held_units: str = "",
    lane_code: str | None = None,
) -> Activity:
    """One activity; units are named by their names alone, such as ``suite-1 fill_crew-2``."""
    named = {name.rpartition("-")[0]: name for name in held_units.split()}
    return Activity(activity_id(patient.id, dose, kind), kind, dose, place, named, start_at, end_at, lane_code)


def one_dose(patient: Patient, dose: int, fill_on: date, number: int, fill_at: str) -> list[Activity]:
    """A dose filled the day of its tap and injected the next day; unit `number` of everything at the plant."""
    south = patient.site == SOUTH
    transit = timedelta(minutes=300 if south else 90)
    next_day = fill_on + timedelta(days=1)
    tapped, sent, filled = at(fill_on, "09:00"), at(fill_on, "10:30"), at(fill_on, fill_at)
    fill_end = filled + timedelta(minutes=150)
    packed = fill_end + timedelta(hours=5)
    leaves = at(next_day, "06:00")
    arrives = leaves + transit
    injected = at(next_day, "13:00" if south else "09:00")
    hour, half = timedelta(hours=1), timedelta(minutes=30)
    inwards, outwards = ("south-in", "south-out") if south else ("north-in", "north-out")
    rooms = f"suite-{number} fill_crew-{number} cold_store-{number}"
    fill = step_at(patient, "fill", dose, PLANT, filled, fill_end, rooms)
    product = PROTOCOL.product
    volume_ml, syringes = product.volume_ml(patient.weight_kg), product.syringes(patient.weight_kg)
    return [
        step_at(patient, "csf_tap", dose, patient.site, tapped, tapped + hour, "procedure_room-1"),
        step_at(patient, "csf_transit", dose, patient.site, sent, sent + transit, "", inwards),
        replace(fill, volume_ml=volume_ml, syringes=syringes),
        step_at(patient, "release", dose, PLANT, fill_end, packed, f"qc_bench-{number}"),
        step_at(patient, "pack", dose, PLANT, packed, packed + half, f"dispatch_bench-{number} shipper-{number}"),
        step_at(patient, "transit", dose, PLANT, leaves, arrives, "", outwards),
        step_at(patient, "receipt", dose, patient.site, arrives, arrives + half, "pharmacy-1 refrigerator-1"),
        step_at(patient, "injection", dose, patient.site, injected, injected + hour, "procedure_room-1"),
    ]


def first_culture(patient: Patient, harvest_on: date, number: int, filled_at: datetime) -> list[Activity]:
    """Harvest at 08:00, marrow on the 10:30 run, isolation as soon as it arrives, culture until the first fill."""
    south = patient.site == SOUTH
    start, leaves = at(harvest_on, "08:00"), at(harvest_on, "10:30")
    arrives = leaves + timedelta(minutes=300 if south else 90)
    isolated = arrives + timedelta(minutes=210)
    inwards = "south-in" if south else "north-in"
    return [
        step_at(patient, "harvest", None, patient.site, start, start + timedelta(minutes=90), "harvest_room-1"),
        step_at(patient, "marrow_transit", None, patient.site, leaves, arrives, "", inwards),
        step_at(patient, "isolation", None, PLANT, arrives, isolated, f"suite-{number}"),
        step_at(patient, "culture", None, PLANT, isolated, filled_at, f"incubator-{number}"),
    ]


def expanded(patient: Patient, dose: int, number: int, fill: Activity) -> list[Activity]:
    """Thaw at 08:00 fourteen days before the fill, expansion until the fill."""
    start = at(fill.start_at.astimezone(ZoneInfo(SEOUL)).date() - timedelta(days=14), "08:00")
    end = start + timedelta(hours=1)
    return [
        step_at(patient, "thaw", dose, PLANT, start, end, f"suite-{number}"),
        step_at(patient, "expansion", dose, PLANT, end, fill.start_at, f"incubator-{number}"),
    ]


def course(
    patient: Patient, harvest_on: date, fills: Mapping[int, date], week_20_on: date, number: int
) -> PlannedCourse:
    """A whole course: harvest and culture, every dose, and the visit in week 20."""
    fill_at = "15:30" if patient.site == SOUTH else "12:30"
    activities: list[Activity] = []
    for dose, fill_on in fills.items():
        steps = one_dose(patient, dose, fill_on, number, fill_at)
        fill = steps[2]
        before = first_culture(patient, harvest_on, number, fill.start_at) if dose == 1 else []
        activities += (before or expanded(patient, dose, number, fill)) + steps
    start = at(week_20_on, "10:00")
    name = follow_up_id(patient.id, "week-20")
    clinic = {"clinic": "clinic-1"}
    activities.append(Activity(name, "follow_up", None, patient.site, clinic, start, start + timedelta(hours=1)))
    ordered = tuple(sorted(activities, key=lambda one: (one.start_at, one.end_at)))
    return PlannedCourse(patient.id, patient.site, PLANT, patient.registered_on, patient.weight_kg, ordered)


def ana() -> PlannedCourse:
    """ANA: injections Thu 18 Feb, Tue 16 Mar (+26 d) and Fri 18 Jun 2027 (+4 months), each filled the day before.

    Harvest Wed 20 Jan is 28 days before the fill of Wed 17 Feb; week 20 is 18 Feb + 140 d = Thu 8 Jul.
    """
    fills = {1: date(2027, 2, 17), 2: date(2027, 3, 15), 3: date(2027, 6, 17)}
    return course(ANA, date(2027, 1, 20), fills, date(2027, 7, 8), 1)


def ben() -> PlannedCourse:
    """BEN: injections Fri 19 Feb, Wed 17 Mar (+26 d) and Fri 18 Jun 2027 (19 Jun, +4 months, is a Saturday).

    Harvest Thu 21 Jan is 28 days before the fill of Thu 18 Feb; week 20 is 19 Feb + 140 d = Fri 9 Jul.
    """
    fills = {1: date(2027, 2, 18), 2: date(2027, 3, 16), 3: date(2027, 6, 17)}
    return course(BEN, date(2027, 1, 21), fills, date(2027, 7, 9), 2)


def plan_of(base: Facts, *courses: PlannedCourse, unplanned: tuple[Unplanned, ...] = ()) -> Plan:
    """A plan of some courses that states its true cost."""
    plan = Plan("small", "feasible", 0, (0, 0, 0), (0, 0, 0), 1.0, courses, unplanned)
    return restated(plan, base)


def restated(plan: Plan, base: Facts) -> Plan:
    """The same plan with its true cost, so that a bend shows under its own rule only."""
    return replace(plan, cost=cost_of(plan, base))


def valid_plan() -> Plan:
    """The plan of ANA and BEN that every rule accepts."""
    return plan_of(FACTS, ana(), ben())


ALONE = facts(ANA)


def anas_plan() -> Plan:
    """The plan of ANA alone, judged by `ALONE`."""
    return plan_of(ALONE, ana())


def bent(plan: Plan, base: Facts, name: str, **changes: object) -> Plan:
    """The same plan with one activity changed, its cost stated anew."""
    courses = tuple(
        replace(
            one,
            activities=tuple(
                replace(each, **changes) if each.id == name else each  # type: ignore[arg-type]
                for each in one.activities
            ),
        )
        for one in plan.courses
    )
    return restated(replace(plan, courses=courses), base)


def activity(plan: Plan, name: str) -> Activity:
    """The activity with an id."""
    return next(one for each in plan.courses for one in each.activities if one.id == name)


def moved(plan: Plan, base: Facts, name: str, *, minutes: int = 0, days: int = 0) -> Plan:
    """The same plan with one activity moved in time."""
    one, shift = activity(plan, name), timedelta(days=days, minutes=minutes)
    return bent(plan, base, name, start_at=one.start_at + shift, end_at=one.end_at + shift)


def dropped(plan: Plan, base: Facts, *names: str) -> Plan:
    """The same plan without some activities."""
    courses = (
        replace(one, activities=tuple(each for each in one.activities if each.id not in names)) for one in plan.courses
    )
    return restated(replace(plan, courses=tuple(courses)), base)


def dose_moved(plan: Plan, base: Facts, patient: str, dose: int, days: int) -> Plan:
    """The same plan with all of one dose moved by whole days."""
    own = [one.id for each in plan.courses if each.patient == patient for one in each.activities if one.dose == dose]
    for name in own:
        plan = moved(plan, base, name, days=days)
    return plan
