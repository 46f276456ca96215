"""A small shadow program: eight patients of ALSUMMIT, on its shipped protocol, network and policy."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from scheduler.documents.plan_json import plan_json
from scheduler.domain.plan import Plan
from scheduler.planning.planner import make_plan
from scheduler.programs import load_program

SECONDS = 60.0  # far more than the search needs, so that no clock has a say in the plan

PROGRAM = """\
name = "small"
title = "Eight patients of ALSUMMIT"
starts_on = 2027-01-04
protocol = "alsummit"
network = "alsummit"
policy = "shadow"
patients = "patients.csv"
randomisation = "arms.csv"
"""

PATIENTS = """\
id,site,registered_on,weight_kg
HYU-001,HYU,2027-01-05,60.0
HYU-002,HYU,2027-01-05,71.5
HYU-003,HYU,2027-01-06,80.0
HYU-004,HYU,2027-01-06,55.0
SNU-001,SNU,2027-01-05,64.2
SNU-002,SNU,2027-01-07,90.1
SMC-001,SMC,2027-01-07,47.3
PNY-001,PNY,2027-01-05,58.9
"""

ARMS: Mapping[str, str] = {
    "HYU-001": "single-cycle",
    "HYU-002": "control",
    "HYU-003": "multiple-dose",
    "HYU-004": "control",
    "SNU-001": "multiple-dose",
    "SNU-002": "control",
    "SMC-001": "multiple-dose",
    "PNY-001": "single-cycle",
}


def write_program(directory: Path, arms: Mapping[str, str] | None = ARMS) -> Path:
    """Write the program's files; without arms there is no randomisation list. Gives the program's path."""
    path = directory / "small.toml"
    path.write_text(PROGRAM, encoding="utf-8")
    (directory / "patients.csv").write_text(PATIENTS, encoding="utf-8")
    if arms is not None:
        rows = "".join(f"{patient},{arm}\n" for patient, arm in arms.items())
        (directory / "arms.csv").write_text(f"patient,arm\n{rows}", encoding="utf-8")
    return path


def plan_of(program: Path, seed: int = 0) -> Plan:
    """The plan of a program file."""
    return make_plan(load_program(str(program)), seed=seed, time_limit=SECONDS)


def text_of(plan: Plan) -> str:
    """plan.json without the line that tells how long planning took."""
    network = load_program("alsummit").network
    lines = plan_json(plan, network).splitlines()
    kept = [line for line in lines if not line.startswith(' "wall_seconds"')]
    assert len(kept) == len(lines) - 1
    return "\n".join(kept)


@cache
def small_plan(directory: Path) -> Plan:
    """The plan of the program in a directory, made once."""
    return plan_of(directory / "small.toml")
