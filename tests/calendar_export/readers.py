"""What readers that nobody here wrote make of a calendar file: icalendar (Python), ical.js and node-ical (npm)."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import icalendar

SCRIPT = Path(__file__).parents[1] / "readers" / "read.mjs"
FOLDER = Path(os.environ.get("READERS", ".venv-readers")).absolute()
"""Where `make test` has installed the libraries of npm."""

READERS = ("icalendar", "ical.js", "node-ical")


class Read(NamedTuple):
    """An event as a reader sees it."""

    uid: str
    sequence: int
    start_at: datetime
    end_at: datetime
    status: str
    summary: str
    description: str


def read_by_all(body: bytes) -> dict[str, list[Read]]:
    """The events each reader sees, by start and UID."""
    assert FOLDER.is_dir(), f"there is no {FOLDER}: 'make test' installs it"
    env = os.environ | {"READERS": str(FOLDER), "TZ": "America/New_York"}
    done = subprocess.run(["node", str(SCRIPT)], input=body, capture_output=True, check=True, env=env)
    told = {name: [_of_npm(one) for one in found["events"]] for name, found in json.loads(done.stdout).items()}
    told["icalendar"] = [_of_python(one) for one in icalendar.Calendar.from_ical(body).walk("VEVENT")]
    return {name: sorted(told[name], key=lambda one: (one.start_at, one.uid)) for name in READERS}


def _of_npm(one: dict[str, Any]) -> Read:
    start_at, end_at = (datetime.fromisoformat(one[name]) for name in ("start", "end"))
    return Read(one["uid"], one["sequence"], start_at, end_at, one["status"], one["summary"], one["description"])


def _of_python(one: icalendar.Event) -> Read:
    texts = (str(one[name]) for name in ("STATUS", "SUMMARY", "DESCRIPTION"))
    return Read(str(one["UID"]), int(one["SEQUENCE"]), one["DTSTART"].dt, one["DTEND"].dt, *texts)
