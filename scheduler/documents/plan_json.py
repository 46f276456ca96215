"""plan.json as text (docs/plan-format.md)."""

from __future__ import annotations

import json
from typing import Any

from scheduler.documents.places import local_end, local_start
from scheduler.domain.logistics import Network
from scheduler.domain.plan import Activity, Plan, PlannedCourse, Unplanned

PLAN_FORMAT = "marrowline-plan/1"


def plan_json(plan: Plan, network: Network) -> str:
    """The plan as a plan.json document: one activity a line, keys always in the same order, local times with offset."""
    head: dict[str, Any] = {
        "format": PLAN_FORMAT,
        "program": plan.program,
        "audience": plan.audience,
        "status": plan.status,
        "seed": plan.seed,
        "cost": {"levels": list(plan.cost)},
        "bound": {"levels": list(plan.bound)},
        "wall_seconds": plan.wall_seconds,
    }
    lines = [f" {_text(key)}: {_text(value)}," for key, value in head.items()]
    courses = _lines([_course(course, network) for course in plan.courses], "  ")
    unplanned = _lines([f"  {_text(_unplanned(one))}" for one in plan.unplanned], "  ")
    return "\n".join(["{", *lines, f' "courses": [{courses}],', f' "unplanned": [{unplanned}]', "}", ""])


def _course(course: PlannedCourse, network: Network) -> str:
    head: dict[str, Any] = {
        "patient": course.patient,
        "site": course.site,
        "registered_on": course.registered_on.isoformat(),
        "weight_kg": course.weight_kg,
        **({"restarted": sorted(course.restarted)} if course.restarted else {}),
    }
    keys = ", ".join(f"{_text(key)}: {_text(value)}" for key, value in head.items())
    activities = _lines([f"    {_text(_activity(one, network))}" for one in course.activities], "   ")
    return f'  {{{keys},\n   "activities": [{activities}]}}'


def _activity(activity: Activity, network: Network) -> dict[str, Any]:
    optional = {"volume_ml": activity.volume_ml, "syringes": activity.syringes, "lane": activity.lane}
    return {
        "id": activity.id,
        "kind": activity.kind,
        "dose": activity.dose,
        "place": activity.place,
        "units": dict(sorted(activity.units.items())),
        **{key: value for key, value in optional.items() if value is not None},
        "start": local_start(activity, network).isoformat(),
        "end": local_end(activity, network).isoformat(),
    }


def _unplanned(one: Unplanned) -> dict[str, Any]:
    return {"patient": one.patient, "dose": one.dose, "reasons": list(one.reasons)}


def _lines(items: list[str], indent: str) -> str:
    return "\n" + ",\n".join(items) + f"\n{indent[:-1]}" if items else ""


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
