"""Reading plan.json, strictly: whatever docs/plan-format.md does not describe is refused by name."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Literal, NoReturn, cast

from scheduler.documents.node import Node
from scheduler.documents.plan_json import PLAN_FORMAT
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Activity, Levels, Plan, PlannedCourse, Unplanned

PLAN_KEYS = ("format", "program", "status", "seed", "cost", "bound", "wall_seconds", "courses", "unplanned")
WRITE_ANEW = "Write the plan anew with `marrowline plan`"


def read_plan(path: Path) -> Plan:
    """The plan in a plan.json file; BadInput names the file, the JSON path, the value and the remedy."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(str(path), "file", f"cannot be read: {reason}", "Name a plan.json file") from error
    return plan_from_json(text, str(path))


def plan_from_json(text: str, where: str) -> Plan:
    """The plan in the text of a plan.json document; `where` names it in errors."""
    try:
        raw = json.loads(text, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(where, "file", f"is not usable JSON: {error}", WRITE_ANEW) from error
    return _plan(Node(where, "", raw))


def _plan(node: Node) -> Plan:
    at = node.keys(*PLAN_KEYS, optional=("audience",))
    at("format").one_of(PLAN_FORMAT)
    at("audience").or_none(lambda one: one.one_of("plant"))
    return Plan(
        program=at("program").text(),
        status=cast(Literal["optimal", "feasible"], at("status").one_of("optimal", "feasible")),
        seed=at("seed").whole(),
        cost=_levels(at("cost")),
        bound=_levels(at("bound")),
        wall_seconds=at("wall_seconds").number(),
        courses=tuple(_course(one) for one in at("courses").items()),
        unplanned=tuple(_unplanned(one) for one in at("unplanned").items()),
    )


def _levels(node: Node) -> Levels:
    listed = node.keys("levels")("levels")
    levels = [one.whole() for one in listed.items()]
    if len(levels) != 3:
        listed.refuse(f"{levels} has {len(levels)} levels", "Write three levels")
    return levels[0], levels[1], levels[2]


def _course(node: Node) -> PlannedCourse:
    at = node.keys("patient", "site", "registered_on", "weight_kg", "activities", optional=("restarted",))
    site = at("site").text()
    activities = tuple(_activity(one) for one in at("activities").items())
    return PlannedCourse(
        patient=at("patient").text(),
        site=site,
        plant=_plant(site, activities),
        registered_on=at("registered_on").day(),
        weight_kg=at("weight_kg").number(),
        activities=activities,
        restarted=frozenset(at("restarted").or_none(_doses) or ()),
    )


def _doses(node: Node) -> list[int]:
    return [one.whole(least=1) for one in node.items()]


def _plant(site: str, activities: tuple[Activity, ...]) -> str | None:
    """The place other than the site where most of the course happens."""
    elsewhere = Counter(one.place for one in activities if one.place != site)
    return elsewhere.most_common(1)[0][0] if elsewhere else None


def _activity(node: Node) -> Activity:
    at = node.keys("id", "kind", "dose", "place", "units", "start", "end", optional=("volume_ml", "syringes", "lane"))
    return Activity(
        id=at("id").text(),
        kind=at("kind").text(),
        dose=_dose(at("dose")),
        place=at("place").text(),
        units=at("units").texts_by_key(),
        start_at=at("start").instant(),
        end_at=at("end").instant(),
        lane=at("lane").or_none(Node.text),
        volume_ml=at("volume_ml").or_none(Node.number),
        syringes=at("syringes").or_none(Node.whole),
    )


def _unplanned(node: Node) -> Unplanned:
    at = node.keys("patient", "dose", "reasons")
    reasons = tuple(one.text() for one in at("reasons").items())
    return Unplanned(patient=at("patient").text(), dose=_dose(at("dose")), reasons=reasons)


def _dose(node: Node) -> int | None:
    return node.or_none(lambda one: one.whole(least=1))


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"key {twice!r} stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
