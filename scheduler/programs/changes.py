"""Reading what-if changes: lines that a person types, or the same as JSON; and the changed facts, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import cast

from scheduler.domain.calendars import clock, hours_text
from scheduler.domain.course import Facts
from scheduler.domain.errors import BadInput
from scheduler.domain.what_if import (
    BOUNDS,
    MOST_PATIENTS,
    MOST_UNITS,
    WHERE,
    BoundName,
    Change,
    ClosureChange,
    DepartureChange,
    HolidayChange,
    HoursChange,
    LimitChange,
    PolicyChange,
    SiteChange,
    UnitsChange,
    WindowChange,
    changed,
)
from scheduler.programs.checks import check_facts
from scheduler.programs.grammar import parse_hours, parse_times
from scheduler.programs.table import LARGEST, YEARS, Table

Written = str | Mapping[str, object]
"""A change as a line, or as its JSON form."""

FORMS = {
    "units": "units PLACE RESOURCE +1",
    "hours": "hours PLACE RESOURCE Sat 08:00-20:00",
    "holiday": "holiday 2027-05-06 [PLACE ...]",
    "closure": "closure PLACE_OR_LANE [RESOURCE] 2027-05-03 2027-05-10",
    "window": "window DOSE -1/+1",
    "limit": "limit NAME at_most_hours=72",
    "departure": "departure LANE 11:00",
    "site": "site CODE like SITE [patients=20]",
    "policy": "policy KEY VALUE",
}
"""How each kind of change is written."""


def read_changes(written: Sequence[Written]) -> tuple[Change, ...]:
    """Changes from lines or JSON forms; BadInput, with its number from 0, at the first that cannot be read."""
    return tuple(_change(one, f"changes[{number}]") for number, one in enumerate(written))


def change_json(change: Change) -> dict[str, object]:
    """The exact JSON form of a change; `read_changes` gives the same change back."""
    form: dict[str, object] = {"change": change.word, **asdict(change)}
    if isinstance(change, HoursChange):
        form["hours"] = hours_text(change.hours)
    if isinstance(change, DepartureChange):
        form["at"] = clock(cast(int, form.pop("minute")))
    return {key: _plain(value) for key, value in form.items() if value is not None}


def checked_facts(facts: Facts, changes: Sequence[Change], *, today: date | None = None) -> Facts:
    """The changed facts, refused as `load_program` would refuse them: no lane that is too slow, no place never open."""
    after = changed(facts, changes, today=today)
    table = Table(WHERE, "", {})
    check_facts(table, table, table, after)
    return after


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _change(written: Written, key: str) -> Change:
    form = _form(written, key) if isinstance(written, str) else dict(written)
    table = Table(WHERE, key, form)
    change = _READERS[table.one_of("change", tuple(FORMS))](table)
    table.finish()
    return change


def _form(line: str, key: str) -> dict[str, object]:
    """The JSON form of a line."""
    word, *rest = line.split() or [""]
    if word not in FORMS:
        raise BadInput(WHERE, key, f"{line!r} is no change", f"Write such as: {'; '.join(FORMS.values())}")
    try:
        return {"change": word, **_LINES[word](rest)}
    except (ValueError, IndexError) as problem:
        raise BadInput(WHERE, key, f"{line!r} cannot be read", f"Write: {FORMS[word]}") from problem


def _number(text: str) -> int:
    if len(text) > 9:
        raise ValueError("too long")
    return int(text)


def _units_line(words: list[str]) -> dict[str, object]:
    place, resource, by = words
    return {"place": place, "resource": resource, "by": _number(by)}


def _hours_line(words: list[str]) -> dict[str, object]:
    return {"place": words[0], "resource": words[1], "hours": " ".join(words[2:])}


def _holiday_line(words: list[str]) -> dict[str, object]:
    return {"on": words[0], "places": words[1:]}


def _closure_line(words: list[str]) -> dict[str, object]:
    *where, since, until = words
    place, *resource = where
    if len(resource) > 1:
        raise ValueError("too many words")
    return {"where": place, "since": since, "until": until, **({"resource": resource[0]} if resource else {})}


def _window_line(words: list[str]) -> dict[str, object]:
    dose, days = words
    earliest, latest = days.split("/")
    return {"dose": _number(dose), "earliest_days": _number(earliest), "latest_days": _number(latest)}


def _limit_line(words: list[str]) -> dict[str, object]:
    name, bound = words
    which, value = bound.split("=")
    return {"name": name, "bound": which, "value": _number(value)}


def _departure_line(words: list[str]) -> dict[str, object]:
    lane, at = words
    return {"lane": lane, "at": at}


def _site_line(words: list[str]) -> dict[str, object]:
    code, like, model, *rest = words
    if like != "like" or len(rest) > 1 or (rest and not rest[0].startswith("patients=")):
        raise ValueError("not a site")
    patients = {"patients": _number(rest[0].removeprefix("patients="))} if rest else {}
    return {"code": code, "like": model, **patients}


def _policy_line(words: list[str]) -> dict[str, object]:
    key, value = words
    return {"key": key, "value": value if value.isalpha() else _number(value)}


_LINES: dict[str, Callable[[list[str]], dict[str, object]]] = {
    "units": _units_line,
    "hours": _hours_line,
    "holiday": _holiday_line,
    "closure": _closure_line,
    "window": _window_line,
    "limit": _limit_line,
    "departure": _departure_line,
    "site": _site_line,
    "policy": _policy_line,
}


def _read_hours(table: Table) -> HoursChange:
    return HoursChange(table.text("place"), table.text("resource"), parse_hours(table, "hours"))


def _read_holiday(table: Table) -> HolidayChange:
    return HolidayChange(_day(table, "on"), table.texts("places", ()))


def _read_closure(table: Table) -> ClosureChange:
    where, resource = table.text("where"), table.optional_text("resource")
    return ClosureChange(where, resource, _edge(table, "since"), _edge(table, "until"))


def _read_window(table: Table) -> WindowChange:
    dose = table.integer("dose", low=1, high=9999)
    return WindowChange(dose, _days(table, "earliest_days"), _days(table, "latest_days"))


def _read_limit(table: Table) -> LimitChange:
    bound = cast(BoundName, table.one_of("bound", tuple(BOUNDS)))
    return LimitChange(table.text("name"), bound, table.integer("value", low=-999, high=9999))


def _read_departure(table: Table) -> DepartureChange:
    lane = table.text("lane")
    (minute,) = parse_times(Table(WHERE, table.key, {"at": [table.text("at")]}), "at")
    return DepartureChange(lane, minute)


def _read_site(table: Table) -> SiteChange:
    patients = table.integer("patients", 0, high=MOST_PATIENTS)
    return SiteChange(table.identifier("code"), table.text("like"), patients)


def _read_policy(table: Table) -> PolicyChange:
    value = table.raw("value")
    return PolicyChange(table.text("key"), value if isinstance(value, str) else table.integer("value", high=LARGEST))


def _read_units(table: Table) -> UnitsChange:
    by = table.integer("by", low=-MOST_UNITS, high=MOST_UNITS)
    return UnitsChange(table.text("place"), table.text("resource"), by)


_READERS: dict[str, Callable[[Table], Change]] = {
    "units": _read_units,
    "hours": _read_hours,
    "holiday": _read_holiday,
    "closure": _read_closure,
    "window": _read_window,
    "limit": _read_limit,
    "departure": _read_departure,
    "site": _read_site,
    "policy": _read_policy,
}


def _days(table: Table, key: str) -> int:
    return table.integer(key, low=-366, high=366)


def _day(table: Table, key: str) -> date:
    edge = _edge(table, key)
    if isinstance(edge, datetime):
        raise table.error(key, f"{edge} is not a whole day", "Write a date such as 2027-05-06")
    return edge


def _edge(table: Table, key: str) -> date | datetime:
    """A date, or an instant with its UTC offset."""
    text = table.text(key)
    try:
        found: date | datetime = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min
    naive = isinstance(found, datetime) and found.utcoffset() is None
    if naive or found.year not in YEARS:
        remedy = "Write a date such as 2027-05-06, or an instant such as 2027-05-06T08:00:00+09:00"
        raise table.error(key, f"{text!r} is neither a usable date nor an instant", remedy)
    return found
