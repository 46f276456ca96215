"""Reading a network file: places, resources, courier lanes, holidays and closures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from scheduler.domain.calendars import Closure, Holiday
from scheduler.domain.logistics import CourierLane, HolidayFactor, Network
from scheduler.domain.plant import Place, Resource
from scheduler.programs.extends import read_facts
from scheduler.programs.files import read_day, read_rows
from scheduler.programs.grammar import parse_hours, parse_stretch, parse_times, parse_weekdays, parse_zone
from scheduler.programs.library import shipped
from scheduler.programs.table import ID_PATTERN, ID_REMEDY, Table

Holidays = Mapping[date, Holiday]


def load_network(path: Path) -> Network:
    """The network in a file, checked in itself."""
    table = read_facts(path, shipped("networks"))
    resource_kinds, lane_kinds = _named(table, "resource_kinds"), _named(table, "lane_kinds")
    holidays = {name: _holidays(one, path) for name, one in _named(table, "holidays").items()}
    places = tuple(_place(one, resource_kinds, holidays) for one in table.tables("places"))
    _check_codes(table, "places", [place.code for place in places])
    lanes = tuple(_lane(one, lane_kinds, places, holidays) for one in table.tables("lanes"))
    _check_codes(table, "lanes", [*(place.code for place in places), *(lane.code for lane in lanes)])
    _check_kinds(table, "resource_kinds", resource_kinds, {one.kind for place in places for one in place.resources})
    _check_kinds(table, "lane_kinds", lane_kinds, {str(one.raw("kind", "")) for one in table.tables("lanes")})
    network = Network(table.identifier("name"), places, lanes, holidays)
    network = network.with_closures(*read_closures(table, network))
    table.finish()
    return network


def read_closures(table: Table, network: Network) -> tuple[Closure, ...]:
    """The closures listed in a network or a program file, in the zone of the place or of the lane's origin."""
    return tuple(_closure(one, network) for one in table.tables("closures", ()))


def _named(table: Table, key: str) -> dict[str, Table]:
    group = table.optional_table(key)
    return {} if group is None else {name: group.table(name) for name in group.entries()}


def _check_codes(table: Table, key: str, codes: list[str]) -> None:
    for index, code in enumerate(codes):
        if code in codes[:index]:
            raise table.error(f"{key}[{code}]", f"{code!r} stands twice", "Give each place and lane its own code")


def _check_kinds(table: Table, key: str, kinds: Mapping[str, Table], used: set[str]) -> None:
    """Nothing reads a kind that no place or lane has, so a mistake in it would pass unseen."""
    for kind in kinds:
        if kind not in used:
            raise table.error(f"{key}.{kind}", "no place or lane is of this kind", "Correct its name or remove it")


def _holidays(table: Table, network: Path) -> Holidays:
    if table.has("file"):
        path = network.parent / table.text("file")
        if not path.is_file() and (shipped("networks") / table.text("file")).is_file():
            path = shipped("networks") / table.text("file")
        rows = [_csv_holiday(where, row) for where, row in read_rows(path, ("on", "name", "run"))]
    else:
        rows = [_inline_holiday(one) for one in table.tables("days")]
    table.finish()
    found: dict[date, Holiday] = {}
    for holiday in rows:
        if holiday.on in found:
            raise table.error("days", f"{holiday.on} stands twice", "Keep one line a day")
        found[holiday.on] = holiday
    return found


def _csv_holiday(where: str, row: Mapping[str, str]) -> Holiday:
    return Holiday(read_day(where, "on", row["on"]), row["name"], row["run"])


def _inline_holiday(table: Table) -> Holiday:
    holiday = Holiday(table.day("on"), table.text("name"), table.text("run", ""))
    table.finish()
    return holiday


def _place(table: Table, kinds: Mapping[str, Table], holidays: Mapping[str, Holidays]) -> Place:
    resources = table.table("resources")
    place = Place(
        code=table.identifier("code"),
        name=table.text("name"),
        city=table.text("city"),
        side="site" if table.one_of("side", ("site", "plant")) == "site" else "plant",
        zone=parse_zone(table, "zone"),
        holidays=_known(table, "holidays", holidays),
        resources=tuple(_resource(resources, kind, kinds.get(kind)) for kind in resources.entries()),
    )
    table.finish()
    return place


def _known(table: Table, key: str, names: Mapping[str, object]) -> str:
    name = table.text(key)
    if name not in names:
        raise table.error(key, f"{name!r} is not listed", f"Name one of: {', '.join(names) or '(none given)'}")
    return name


def _resource(resources: Table, kind: str, defaults: Table | None) -> Resource:
    if not ID_PATTERN.fullmatch(kind):
        raise resources.error(kind, f"{kind!r} is not an id", ID_REMEDY)
    own = resources.table(kind) if isinstance(resources.raw(kind), dict) else None
    given = {"units": resources.integer(kind, low=1, high=10_000)} if own is None else {}
    table = (own or Table(resources.where, f"{resources.key}.{kind}", given)).over(defaults)
    unit = table.identifier("unit", kind.replace("_", "-"))
    names = tuple(f"{unit}-{number}" for number in range(1, table.integer("units", low=1, high=10_000) + 1))
    resource = Resource(
        kind=kind,
        units=names,
        hours=parse_hours(table, "hours"),
        closes_on_holidays=table.flag("closes_on_holidays"),
        line_clearance_minutes=table.integer("line_clearance_minutes", 0),
        turnaround_minutes=table.integer("turnaround_minutes", 0),
        max_hold_minutes=table.optional_integer("max_hold_minutes", low=1),
        cold=table.flag("cold", False),
    )
    table.finish()
    return resource


def _lane(
    own: Table, kinds: Mapping[str, Table], places: tuple[Place, ...], holidays: Mapping[str, Holidays]
) -> CourierLane:
    kind = own.optional_text("kind")
    if kind is not None and kind not in kinds:
        raise own.error("kind", f"{kind!r} is not listed", f"Name one of: {', '.join(kinds) or '(none given)'}")
    table = own.over(None if kind is None else kinds[kind])
    known = {place.code: place for place in places}
    origin = known[_place_code(table, "from", known)]
    lane = CourierLane(
        code=table.identifier("code"),
        from_place=origin.code,
        to_place=_place_code(table, "to", known),
        p50_minutes=table.integer("p50_minutes"),
        p99_minutes=table.integer("p99_minutes", low=1),
        weekdays=parse_weekdays(table, "weekdays"),
        departures=parse_times(table, "departures"),
        places=table.integer("places", low=1),
        handover_minutes=table.integer("handover_minutes"),
        closes_on_holidays=table.flag("closes_on_holidays"),
        factors=tuple(_factor(one, holidays[origin.holidays]) for one in table.tables("factors", ())),
    )
    table.has("kind")
    table.finish()
    _check_lane(table, lane, known)
    return lane


def _place_code(table: Table, key: str, known: Mapping[str, Place]) -> str:
    code = table.text(key)
    if code not in known:
        raise table.error(key, f"there is no site or plant {code!r}", f"Name one of: {', '.join(known)}")
    return code


def _check_lane(table: Table, lane: CourierLane, places: Mapping[str, Place]) -> None:
    if places[lane.from_place].side == places[lane.to_place].side:
        problem = f"{lane.from_place} and {lane.to_place} are both a {places[lane.to_place].side}"
        raise table.error("to", problem, "A lane joins a site and a plant")
    if lane.p99_minutes < lane.p50_minutes:
        problem = f"p99 ({lane.p99_minutes}) is less than p50 ({lane.p50_minutes})"
        raise table.error("p99_minutes", problem, "Exchange or correct them")
    if not lane.departures:
        problem = f"lane {lane.code} has no departures"
        raise table.error("departures", problem, 'Write times such as ["06:00", "13:00"], or remove the lane')


def _factor(table: Table, holidays: Holidays) -> HolidayFactor:
    factor = HolidayFactor(
        run=table.text("run"),
        factor=table.number("factor", low=1, high=100),
        days_before=table.integer("days_before", high=60),
        days_after=table.integer("days_after", high=60),
    )
    table.finish()
    runs = {holiday.run for holiday in holidays.values()} - {""}
    if factor.run not in runs:
        problem = f"the origin's holidays have no run {factor.run!r}"
        raise table.error("run", problem, f"Name one of: {', '.join(sorted(runs)) or '(none given)'}")
    return factor


def _closure(table: Table, network: Network) -> Closure:
    where = table.text("where")
    places = {place.code: place for place in network.places}
    origins = {lane.code: places[lane.from_place] for lane in network.lanes}
    place = places.get(where) or origins.get(where)
    if place is None:
        problem = f"there is no site, plant or lane {where!r}"
        raise table.error("where", problem, f"Name one of: {', '.join([*places, *origins])}")
    resource = table.optional_text("resource")
    if resource is not None and (where in origins or resource not in [one.kind for one in place.resources]):
        remedy = "Name a resource of the place, or leave 'resource' out to close all of it"
        raise table.error("resource", f"{where} has no resource {resource!r}", remedy)
    unit = table.optional_text("unit")
    if unit is not None and (resource is None or unit not in place.resource(resource).units):
        problem = f"{where} has no unit {unit!r} of {resource or 'a resource that is named'}"
        raise table.error("unit", problem, "Name a 'resource' and one of its units, or leave 'unit' out")
    closure = Closure(where, parse_stretch(table, place.zone), table.text("reason"), resource, unit)
    table.finish()
    return closure
