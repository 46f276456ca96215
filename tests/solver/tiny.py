"""Problems small enough to be solved by trying everything: days of six ticks, one or two doses, few units.

A course is a small copy of a real one. Dose 1 may need a harvest and an isolation whose cells stay in an incubator
until the fill; dose 2 may need a thaw. Each dose is tapped the day before (or not at all), filled, driven to the site
and given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from solver.problem import Cold, Course, DayLag, Lag, Point, Problem, Slots, Stay, Target, Task, Template, Weights

DAY = 6
SUITE, ROOM, LANE, INCUBATOR, STORE = range(5)
POOLS = ("suite", "room", "lane", "incubator", "store")


def slots(starts: Sequence[int], lengths: Sequence[int]) -> Slots:
    """Slots from their starts and the lengths that go with them, in days of `DAY` ticks."""
    start = np.array(starts, dtype=np.int64)
    end = start + np.array(lengths, dtype=np.int64)
    return Slots(start, end, start // DAY, end // DAY)


def daily(hours: Sequence[int], days: Sequence[int], length: int) -> Slots:
    """One slot at each of these hours on each of these days."""
    starts = sorted(day * DAY + hour for day in days for hour in hours)
    return slots(starts, [length] * len(starts))


def start(task: int) -> Point:
    """The start of a task."""
    return Point(task, False)


def end(task: int) -> Point:
    """The end of a task."""
    return Point(task, True)


@dataclass(frozen=True)
class Tiny:
    """What a tiny problem is made from; every list holds hours of the day or numbers of days."""

    days: int = 7
    isolation_hours: tuple[int, ...] = (1, 4)
    fill_hours: tuple[int, ...] = (2,)
    fill_days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    give_hours: tuple[int, ...] = (1, 2)
    give_days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    rides: tuple[tuple[int, int], ...] = ((4, 2),)  # (hour, ticks)
    shelf_life: int = 12
    tapped: bool = False
    cultured: bool = False
    doses: int = 1
    thawed: bool = False
    gap: int = 2
    early: int = 0
    late: int = 1
    booster: bool = False
    ready: tuple[int, ...] = (0, 0)
    suites: int = 1
    rooms: int = 1
    positions: int = 2
    tail: int = 0
    hour_ticks: int = 2
    taken: tuple[tuple[int, int, int], ...] = ()  # (pool, first tick, last tick)


class _Shape:
    """Collects the tasks of one template and what ties them."""

    def __init__(self, tiny: Tiny) -> None:
        self.tiny = tiny
        self.tasks: list[Task] = []
        self.stays: list[Stay] = []
        self.lags: list[Lag] = []
        self.day_lags: list[DayLag] = []
        days = range(tiny.days)
        work = [day for day in tiny.fill_days if day < tiny.days]
        open_days = [day for day in tiny.give_days if day < tiny.days]
        rides = sorted((day * DAY + hour, ticks) for day in days for hour, ticks in tiny.rides)
        self.harvest = daily((1,), open_days, 1)
        self.isolation = daily(tiny.isolation_hours, work, 1)
        self.thaw = daily((1, 3), work, 1)
        self.tap = daily((1, 3), open_days, 1)
        self.fill = daily(tiny.fill_hours, work, 1)
        self.ride = slots([at for at, _ in rides], [ticks for _, ticks in rides])
        self.give = daily(tiny.give_hours, open_days, 1)

    def task(self, name: str, group: int, allowed: Slots, pool: int | None, attended: bool = False) -> int:
        number = len(self.tasks)
        self.tasks.append(Task(name, group, allowed, attended=attended))
        if pool is not None:
            tail = self.tiny.tail if pool == SUITE else 0
            self.stays.append(Stay("unit_capacity", pool, POOLS[pool], number, start(number), end(number), tail))
        return number

    def hold(self, name: str, group: int, begin: int, until: int) -> None:
        number = len(self.tasks)
        self.tasks.append(Task(name, group, None, hold=(end(begin), start(until))))
        self.stays.append(Stay("unit_capacity", INCUBATOR, "incubator", number, start(number), end(number), 0))

    def dose(self, group: int) -> tuple[int, int, int]:
        """The tasks of one dose; gives fill, give and tap (the fill again when nothing is tapped)."""
        tap = self.task("tap", group, self.tap, ROOM, attended=True) if self.tiny.tapped else None
        fill = self.task("fill", group, self.fill, SUITE)
        ride = self.task("ride", group, self.ride, None)
        self.stays.append(Stay("departure_places", LANE, "lane", ride, start(ride), start(ride), 1))
        give = self.task("give", group, self.give, ROOM, attended=True)
        self.stays.append(Stay("unit_capacity", STORE, "store", give, end(ride), start(give), 0))
        self.lags.append(Lag("handover", end(fill), start(ride), 1, None))
        self.lags.append(Lag("sequence", end(ride), start(give), 0, None))
        self.lags.append(Lag("shelf_life", end(fill), end(give), None, self.tiny.shelf_life))
        if tap is not None:
            self.lags.append(Lag("sequence", end(tap), start(fill), 0, None))
            self.lags.append(Lag("csf_hold", end(tap), start(fill), None, DAY))
            self.day_lags.append(DayLag("tap_day_before", start(tap), start(give), 1, 1))
        return fill, give, fill if tap is None else tap


def template_of(tiny: Tiny) -> Template:
    """The one template of a tiny problem."""
    shape = _Shape(tiny)
    fill, give, first = shape.dose(0)
    ready = first
    visits, fills = [give], [fill]
    if tiny.cultured:
        ready = shape.task("harvest", 0, shape.harvest, None, attended=True)
        isolation = shape.task("isolation", 0, shape.isolation, SUITE)
        shape.lags.append(Lag("sequence", end(ready), start(isolation), 0, None))
        shape.lags.append(Lag("marrow_hold", end(ready), start(isolation), None, DAY))
        shape.hold("culture", 0, isolation, fill)
        shape.day_lags.append(DayLag("culture_days", end(isolation), start(fill), 2, 3))
        shape.day_lags.append(DayLag("masked_interval", start(ready), start(give), 2, 5))
    targets: list[Target] = []
    if tiny.doses == 2:
        fill, give, _ = shape.dose(1)
        visits, fills = [*visits, give], [*fills, fill]
        table = np.arange(tiny.days, dtype=np.int64) + tiny.gap
        level, weight = (2, 4) if tiny.booster else (0, 1)
        targets.append(
            Target("pair_window", start(visits[0]), start(give), table, -tiny.early, tiny.late, level, weight)
        )
        if tiny.thawed:
            thaw = shape.task("thaw", 1, shape.thaw, SUITE)
            shape.hold("expansion", 1, thaw, fill)
            shape.day_lags.append(DayLag("expansion_days", end(thaw), start(fill), 1, 2))
    return Template(
        key="North/Plant",
        tasks=tuple(shape.tasks),
        doses=tuple(range(1, tiny.doses + 1)),
        parents=(None, 0)[: tiny.doses],
        visits=tuple(start(one) for one in visits),
        ready=start(ready),
        stays=tuple(shape.stays),
        lags=tuple(shape.lags),
        day_lags=tuple(shape.day_lags),
        targets=tuple(targets),
        colds=tuple(Cold(group, end(one), start(visits[group])) for group, one in enumerate(fills)),
    )


def problem_of(tiny: Tiny) -> Problem:
    """The problem of ANA, BEN and CHARLIE, as many of them as have a day on which they are ready."""
    horizon = (tiny.days + 2) * DAY
    load = [np.zeros(horizon, dtype=np.int16) for _ in POOLS]
    capacity = (tiny.suites, tiny.rooms, 1, tiny.positions, 2)
    for pool, first, last in tiny.taken:
        load[pool][first:last] = np.minimum(load[pool][first:last] + 1, capacity[pool])
    names = ("ANA", "BEN", "CHARLIE")
    return Problem(
        horizon=horizon,
        days=tiny.days,
        capacity=capacity,
        pool_names=tuple(f"Plant/{name}" for name in POOLS),
        day_start=tuple(np.arange(tiny.days + 1, dtype=np.int64) * DAY for _ in POOLS),
        load=tuple(load),
        templates=(template_of(tiny),),
        courses=tuple(
            Course(name, (0,), waits_from_day=0, ready_day=day, last_day=tiny.days - 1)
            for name, day in zip(names, tiny.ready, strict=False)
        ),
        weights=Weights(absent=1000, waiting=24, hour=1, hour_ticks=tiny.hour_ticks),
    )


def _days(days: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Working days: all but up to two."""
    off = st.sets(st.integers(0, days - 1), max_size=2)
    return off.map(lambda out: tuple(day for day in range(days) if day not in out))


@st.composite
def tinies(draw: st.DrawFn, *, courses: int = 2, cultured: bool | None = None) -> Tiny:
    """Tiny problems of up to so many courses."""
    days = draw(st.integers(5, 7))
    rides = draw(st.lists(st.tuples(st.sampled_from((3, 4, 5)), st.integers(1, 4)), min_size=1, max_size=2))
    stretch = st.tuples(st.integers(0, len(POOLS) - 1), st.integers(0, days * DAY), st.integers(1, 8))
    taken = draw(st.lists(stretch, max_size=3))
    return Tiny(
        days=days,
        fill_hours=draw(st.sampled_from(((2,), (1, 3), (2, 3)))),
        fill_days=draw(_days(days)),
        give_hours=draw(st.sampled_from(((1,), (1, 2), (2, 4)))),
        give_days=draw(_days(days)),
        rides=tuple({hour: (hour, ticks) for hour, ticks in rides}.values()),
        shelf_life=draw(st.integers(5, 14)),
        tapped=draw(st.booleans()),
        cultured=draw(st.booleans()) if cultured is None else cultured,
        doses=draw(st.integers(1, 2)),
        thawed=draw(st.booleans()),
        gap=draw(st.integers(1, 3)),
        early=draw(st.integers(0, 1)),
        late=draw(st.integers(0, 2)),
        booster=draw(st.booleans()),
        ready=tuple(draw(st.lists(st.integers(0, 2), min_size=1, max_size=courses))),
        suites=draw(st.integers(1, 2)),
        rooms=draw(st.integers(1, 2)),
        positions=draw(st.integers(1, 2)),
        tail=draw(st.integers(0, 1)),
        hour_ticks=draw(st.integers(1, 3)),
        taken=tuple((pool, first, first + length) for pool, first, length in taken),
    )
