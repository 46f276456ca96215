"""A diff as JSON (docs/plan-format.md): by site and patient, kept visits only counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.documents.places import local_end, local_start
from scheduler.domain.diff import DaysAfter, PlanDiff, StepChange, VisitChange, When, counts, moves_cost
from scheduler.domain.logistics import Network
from scheduler.domain.plan import Activity

DIFF_FORMAT = "marrowline-diff/1"


def diff_json(diff: PlanDiff, network: Network) -> str:
    """The whole diff as JSON text: a plant-side document, with costs, reasons in full and the plant's own steps."""
    moved, retimed = moves_cost(diff)

    def in_full(one: VisitChange) -> dict[str, Any]:
        return {"cost": one.cost, "reason_in_full": diff.reasons.get(one.id)}

    sites = groupby(diff.visits, key=lambda one: one.site)
    document: dict[str, Any] = {
        "format": DIFF_FORMAT,
        "program": diff.program,
        "audience": "plant",
        "cost": {"moved": moved, "retimed": retimed},
        "visits": counts(diff.visits),
        "sites": [
            {"site": site, "time_zone": network.place(site).zone, "patients": patients_json(group, in_full)}
            for site, group in sites
        ],
        "steps": [_step(one, diff.reasons.get(one.id), network) for one in diff.steps],
    }
    return as_text(document)


def patients_json(
    visits: Iterable[VisitChange], more: Callable[[VisitChange], dict[str, Any]] = lambda one: {}
) -> list[dict[str, Any]]:
    """Visits in order of patients: how many each keeps, and every change, with `more` keys of the caller's."""
    found = []
    for patient, group in groupby(visits, key=lambda one: one.patient):
        listed = list(group)
        changed = [one for one in listed if one.change != "kept"]
        shown = [{**_visit(one), **more(one)} for one in changed]
        found.append({"patient": patient, "kept": len(listed) - len(changed), "changes": shown})
    return found


def as_text(document: dict[str, Any]) -> str:
    """A document as JSON text that ends with its line."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _visit(one: VisitChange) -> dict[str, Any]:
    return {
        "visit": one.id,
        "kind": one.kind,
        **({"name": one.name} if one.name else {"dose": one.dose}),
        "change": one.change,
        "before": _when(one.before, one.zone),
        "after": _when(one.after, one.zone),
        "days_after": _days_after(one.days_after),
        "confirmed": one.confirmed,
        "notice_days": one.notice_days,
        "reason": one.reason,
        "tell": list(one.tell),
    }


def _when(when: When | None, zone: str) -> dict[str, str] | None:
    if when is None:
        return None
    return {"on": when.on.isoformat(), "start": _clock(when.start_at, zone), "end": _clock(when.end_at, zone)}


def _days_after(days: DaysAfter | None) -> dict[str, int | None] | None:
    return None if days is None else {"dose": days.anchor, "before": days.before, "after": days.after}


def _clock(instant: datetime, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).isoformat()


def _step(one: StepChange, reason: str | None, network: Network) -> dict[str, Any]:
    return {
        "activity": one.id,
        "patient": one.patient,
        "change": one.change,
        "fields": [field.removesuffix("_at") for field in one.fields],
        "before": _activity(one.before, network),
        "after": _activity(one.after, network),
        "reason_in_full": reason,
        "tell": list(one.tell),
    }


def _activity(one: Activity | None, network: Network) -> dict[str, Any] | None:
    if one is None:
        return None
    start, end = local_start(one, network).isoformat(), local_end(one, network).isoformat()
    lane = {} if one.lane is None else {"lane": one.lane}
    return {"place": one.place, "units": dict(sorted(one.units.items())), **lane, "start": start, "end": end}
