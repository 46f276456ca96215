"""plan.csv: one activity a row, safe to open in a spreadsheet (docs/plan-format.md)."""

from __future__ import annotations

import csv
import io

from scheduler.documents.places import local_end, local_start
from scheduler.domain.logistics import Network
from scheduler.domain.plan import Activity, Plan, PlannedCourse

COLUMNS = (
    "patient",
    "site",
    "activity",
    "kind",
    "dose",
    "place",
    "lane",
    "units",
    "volume_ml",
    "syringes",
    "start",
    "end",
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def plan_csv(plan: Plan, network: Network) -> str:
    """The plan as a table with a header, ``\\n`` line ends, in the order of plan.json; local times with offset."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for course in plan.courses:
        table.writerows(_row(course, activity, network) for activity in course.activities)
    return text.getvalue()


def _row(course: PlannedCourse, activity: Activity, network: Network) -> list[str]:
    cells = (
        course.patient,
        course.site,
        activity.id,
        activity.kind,
        activity.dose,
        activity.place,
        activity.lane,
        " ".join(f"{resource}={unit}" for resource, unit in sorted(activity.units.items())),
        activity.volume_ml,
        activity.syringes,
        local_start(activity, network).isoformat(),
        local_end(activity, network).isoformat(),
    )
    return [safe_cell("" if cell is None else str(cell)) for cell in cells]


def safe_cell(text: str) -> str:
    """The text, with a quote in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
