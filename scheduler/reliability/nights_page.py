"""The section of docs/reliability.md that tells of the simulated nights."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from scheduler.reliability.nights import Simulated
from scheduler.reliability.page import Section, section, table

FULL = 200


def of_nights(found: Simulated) -> tuple[Section, bool]:
    """The simulated nights, and whether everything held."""
    part = "" if found.nights == FULL else f" --scale {found.nights / FULL:g}"
    command = "make drill" if not part else f"python -m scheduler.reliability drill{part}"
    text = "\n".join((_how(found), _judged(found), _nights(found), _beside(found), _doses(found), _said(found)))
    return section("drill", f"{found.nights} nights", command, text), found.sound


def _how(found: Simulated) -> str:
    return f"""The program `{found.program}` lives {found.nights} days and nights on {found.kind}, seed {found.seed},
from its first day. Patients register on their day and book; what is due is done and recorded, visits are confirmed, the
planner approves what waits for a signature at some hour of the day, doctors decide on doses without a place: all of it
through the public API, in one process with a clock that is moved on. What goes wrong is drawn at the rates of
[domain.md](domain.md), section 7, and reported to `POST /v1/events`. Each night three workers, processes of their own,
go after the same night; in three nights out of ten one of them is ended by `kill -9` at a random moment, and in one out
of seven one has a clock that is an hour or a day off. After each night its row, the plan in force and all that plans
published are judged; at the end overlapping stays, the audit trail and every record that was acknowledged.
"""


def _judged(found: Simulated) -> str:
    wrong = found.verdicts
    rows = [
        ("nights not done exactly once", len(wrong.not_once)),
        ("rules broken by the plan in force that nothing excuses", len(wrong.broken)),
        ("visits inside the fence moved without need or signature", len(wrong.frozen)),
        ("plans published without the signature they wait for", len(wrong.unsigned)),
        ("doses without a place of which nobody was asked", len(wrong.dropped)),
        ("overlapping stays", wrong.overlaps),
        ("acknowledged records lost", len(wrong.lost)),
        ("errors of workers, answers that are neither success nor clean refusal", len(found.problems)),
    ]
    trail = "BROKEN" if wrong.trail else "verifies"
    return table(("judged", "found"), [*((name, str(count)) for name, count in rows), ("audit trail", trail)])


def _nights(found: Simulated) -> str:
    half, most, whole = median(found.night_seconds), max(found.night_seconds), found.seconds / 60
    return f"""Nights ended: {_counted(found.status)}. Workers killed: {found.kills}; nights taken over from one of
them: {found.resumed}; wrong clocks: {found.wrong_clocks}. Half of the nights took less than {half:.1f} s, the longest
{most:.1f} s, everything together {whole:.0f} minutes. Broken after a night and on record as such, night by night:
{_counted(found.waiting)}.
"""


def _beside(found: Simulated) -> str:
    return f"""The doses that were to be given until the end, by the courses of {found.patients} patients as they were
first booked, beside the same fate if nobody had repaired anything: then a dose is lost when a step of it fails, its
visit is put off, what it needs is closed, or a courier comes after the next step was to begin.
"""


def _doses(found: Simulated) -> str:
    repaired, baseline = found.repaired, found.baseline
    causes = sorted({*repaired.lost, *baseline.lost})
    rows = [
        ("doses planned", repaired.planned, baseline.planned),
        ("given", repaired.given, baseline.given),
        ("still to come, moved beyond the end", repaired.to_come, baseline.to_come),
        ("lost", repaired.doses_lost, baseline.doses_lost),
        *((f"lost: {cause}", repaired.lost[cause], baseline.lost[cause]) for cause in causes),
        ("lots begun and wasted", repaired.wasted, baseline.wasted),
    ]
    return table(("", "repaired", "nobody repairs"), [(name, str(one), str(other)) for name, one, other in rows])


def _said(found: Simulated) -> str:
    told, promised = found.done["acknowledge"], found.done["confirm"]
    return f"""Visits that plans changed: {_counted(found.moves)}; {found.near} of them lay within the patients' fence
and were impossible where they were, each moved by a signed plan. Patients were told of {told:,} changes and promised to
come {promised:,} times.

Events by kind and answer: {_counted(found.events)}.

Calls that changed something: {_counted(found.done)}. Refused cleanly: {_counted(found.refused)}.
"""


def _counted(found: Mapping[str, int]) -> str:
    ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ordered if count) or "none"
