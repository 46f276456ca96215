"""The three files a plan is written as."""

from __future__ import annotations

from pathlib import Path

from scheduler.documents.files import write_all
from scheduler.documents.plan_csv import plan_csv
from scheduler.documents.plan_json import plan_json
from scheduler.documents.summary import Summary, summary_json
from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan


def write_plan(plan: Plan, summary: Summary, facts: Facts, directory: Path) -> None:
    """Write plan.json, plan.csv and summary.json, all of them or none; BadInput when the directory cannot take them."""
    texts = {
        "plan.json": plan_json(plan, facts.network),
        "plan.csv": plan_csv(plan, facts.network),
        "summary.json": summary_json(summary),
    }
    write_all(directory, texts)
