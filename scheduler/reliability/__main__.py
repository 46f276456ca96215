"""Run the campaigns: ``python -m scheduler.reliability [CAMPAIGN ...]`` prints tables and keeps them in docs/.

Campaigns: race, kill, latency, restore, drill, feeds, fuzz; by default all of them, about an hour and a half on two
cores. Each writes its own section of docs/reliability.md and leaves the others as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from scheduler.bench import machine
from scheduler.documents.files import write_all
from scheduler.domain.errors import MarrowlineError
from scheduler.planning.planner import first_come_first_served_plan
from scheduler.reliability import page
from scheduler.reliability.feeds import time_feeds
from scheduler.reliability.fuzzing import fuzz
from scheduler.reliability.killing import kill_loop
from scheduler.reliability.latency import measure
from scheduler.reliability.nights import simulate
from scheduler.reliability.nights_page import of_nights
from scheduler.reliability.race import race
from scheduler.reliability.restoring import restore_drill
from scheduler.reliability.world import DATABASES

TRIAL = "alsummit"
SEED = 2027
DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = "reliability.md"


def _race(scale: float) -> tuple[page.Section, bool]:
    return page.of_race([race(kind, actions=max(10, int(1000 * scale))) for kind in DATABASES])


def _kill(scale: float) -> tuple[page.Section, bool]:
    return page.of_kills([kill_loop(kind, rounds=max(1, int(20 * scale))) for kind in DATABASES])


def _latency(scale: float) -> tuple[page.Section, bool]:
    rounds = max(1, int(4 * scale))
    return page.of_latency(
        [row for kind in DATABASES for row in measure(kind, TRIAL, first_come_first_served_plan, rounds=rounds)]
    )


def _restore(scale: float) -> tuple[page.Section, bool]:
    pairs = [(origin, target) for origin in DATABASES for target in DATABASES]
    return page.of_drills(
        [restore_drill(origin, target, TRIAL, first_come_first_served_plan) for origin, target in pairs]
    )


def _drill(scale: float) -> tuple[page.Section, bool]:
    found = simulate("PostgreSQL", TRIAL, max(5, int(200 * scale)), seed=SEED, say=_progress)
    for one in (*found.problems, *found.verdicts.all):
        print(one, file=sys.stderr)
    return of_nights(found)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _feeds(scale: float) -> tuple[page.Section, bool]:
    events = max(100, int(5_000 * scale))
    return page.of_feeds(
        [one for kind in DATABASES for one in time_feeds(kind, TRIAL, first_come_first_served_plan, events=events)]
    )


def _fuzz(scale: float) -> tuple[page.Section, bool]:
    return page.of_fuzz(fuzz(max(100, int(10_000 * scale)), first_come_first_served_plan))


CAMPAIGNS: dict[str, Callable[[float], tuple[page.Section, bool]]] = {
    "race": _race,
    "kill": _kill,
    "latency": _latency,
    "restore": _restore,
    "drill": _drill,
    "feeds": _feeds,
    "fuzz": _fuzz,
}


def main() -> int:
    """Run what was asked for; 1 when something was found broken, 2 when a campaign could not run."""
    parser = argparse.ArgumentParser(prog="python -m scheduler.reliability", description=__doc__)
    parser.add_argument("campaigns", nargs="*", choices=[*CAMPAIGNS, []], metavar="CAMPAIGN")
    parser.add_argument("--scale", type=float, default=1.0, help="a part of the usual size, such as 0.1; prints only")
    chosen = parser.parse_args()
    sound = True
    for name in chosen.campaigns or CAMPAIGNS:
        try:
            section, held = CAMPAIGNS[name](chosen.scale)
        except MarrowlineError as problem:
            print(f"{name}: {problem}", file=sys.stderr)
            return 2
        sound = sound and held
        print(section.text, flush=True)
        if chosen.scale >= 1:
            _keep(section)
    return 0 if sound else 1


def _keep(section: page.Section) -> None:
    """Put a section in its place on the page."""
    path = DOCS / PAGE
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_all(DOCS, {PAGE: page.with_section(before, section, list(CAMPAIGNS), machine())})


if __name__ == "__main__":
    sys.exit(main())
