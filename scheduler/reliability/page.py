"""The page docs/reliability.md: one section a campaign, each with the command that produced it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from scheduler.reliability.feeds import FeedTimes
from scheduler.reliability.fuzzing import CHECKS, Fuzzed
from scheduler.reliability.judge import Verdict
from scheduler.reliability.killing import Killed
from scheduler.reliability.latency import Measured
from scheduler.reliability.race import RACED, Raced
from scheduler.reliability.restoring import Drilled

INTRODUCTION = """# Reliability

Written by `make reliability`, `make drill` and `make fuzz`; each section by the command it names, which runs that
campaign again. Small versions of all of them run in `make test`. Times depend on the machine and on what else it does.
"""
ASKED = ("register", "offers", "hold", "book", "offers, tier 1")


class Section(NamedTuple):
    """A part of the page."""

    name: str
    text: str


def with_section(before: str, section: Section, order: Sequence[str], machine: str) -> str:
    """The page with a section put in its place or replaced; `machine` is where the new one was made."""
    found = dict(re.findall(r"<!-- (\w+) -->\n(.*?)(?=<!-- \w+ -->|\Z)", before, re.DOTALL))
    found[section.name] = f"{section.text}\nMachine: {machine}.\n\n"
    parts = [f"<!-- {name} -->\n{found[name]}" for name in order if name in found]
    return f"{INTRODUCTION}\n{''.join(parts)}".rstrip() + "\n"


def of_race(races: Sequence[Raced]) -> tuple[Section, bool]:
    """The race, and whether everything held."""
    rows = [
        (
            one.kind,
            str(one.processes),
            f"{one.attempts:,}",
            *(f"{one.tally.done[name]:,}" for name in RACED),
            f"{one.tally.refused.total():,}",
            str(len(one.tally.unclean)),
            f"{one.seconds:.0f}",
            *_judged(one.verdict),
        )
        for one in races
    ]
    headings = (
        *(
            "database",
            "processes",
            "attempts",
            "held",
            "booked",
            "moved",
            "cancelled",
            "refused cleanly",
            "other errors",
        ),
        *("s", "double bookings", "lost", "rules broken", "audit trail"),
    )
    text = f"""Processes hold, book, move, cancel and release on the same few units, each working on everybody's
offers, holds and courses, through the use cases and with holds that run out meanwhile. Judged afterwards: overlapping
stays by plain SQL; the whole database by the referee; each acknowledged booking by its identity, and each change by
the version of its course. A refusal is clean when it is a 404, 409 or 412 with a sentence; others are counted apart.

{table(headings, rows)}
Refused: {_counted(races)}.
"""
    held = all(one.verdict.sound and not one.tally.unclean for one in races)
    return section("race", "Race", "python -m scheduler.reliability race", text), held


def of_kills(kills: Sequence[Killed]) -> tuple[Section, bool]:
    """The kill loop, and whether everything held."""
    rows = [
        (
            one.kind,
            str(one.rounds),
            f"{one.seen.statuses.total():,}",
            str(one.seen.unanswered),
            str(len(one.seen.booked)),
            str(one.verdict.courses),
            str(len(one.seen.unexpected)),
            f"{max(one.start_seconds):.1f}",
            *_judged(one.verdict),
        )
        for one in kills
    ]
    headings = (
        *("database", "kills", "answers", "tries without answer", "bookings acknowledged", "courses in the database"),
        *("unexpected answers", "slowest start, s", "double bookings", "lost", "rules broken", "audit trail"),
    )
    text = f"""The server's processes are ended by `kill -9` again and again while four clients register, ask, hold
and book over HTTP, each repeating a request under its Idempotency-Key until it is answered. The database may hold more
courses than were acknowledged (the answer was on its way), never fewer.

{table(headings, rows)}"""
    held = all(one.verdict.sound and not one.seen.unexpected for one in kills)
    return section("kill", "Kill -9", "python -m scheduler.reliability kill", text), held


def of_latency(rows: Sequence[Measured]) -> tuple[Section, bool]:
    """What a site waits; errors of the server are what is broken here, not slowness."""
    lines = [
        (
            one.kind,
            str(one.clients),
            "none" if one.think == 0 else f"{one.think:g} s",
            what,
            str(len(one.times.seconds.get(what, ()))),
            *(f"{one.times.milliseconds(what, per_cent):,.0f}" for per_cent in (50, 95, 100)),
        )
        for one in rows
        for what in ASKED
        if what in one.times.seconds
    ]
    clients, workers = rows[0].clients, rows[0].workers
    text = f"""The whole trial `alsummit` is booked (115 courses); {clients} clients with site keys register patients,
ask for three offers at least twice for each (tier 0), and hold and book for the last; over HTTP against `marrowline
serve`, {workers} workers on the same machine, which also runs the database and the clients. *Think* is how long a
client waits after each answer; without it the clients ask as fast as they can, and the times are those of a queue.
Offers that move somebody else's draft (tier 1) are asked for by one client after the other.

{table(("database", "clients", "think", "request", "answers", "p50, ms", "p95, ms", "slowest, ms"), lines)}
Not answered with success: {"; ".join(_refused(one) for one in rows)}.
"""
    broken = any(re.search(r" 5\d\d$", name) for one in rows for name in one.times.refused)
    return section("latency", "Waiting", "python -m scheduler.reliability latency", text), not broken


def of_drills(drills: Sequence[Drilled]) -> tuple[Section, bool]:
    """The restore drill, and whether everything held."""
    rows = [
        (
            one.origin,
            one.target,
            str(one.courses),
            f"{one.megabytes:.1f}",
            f"{one.backup_seconds:.1f}",
            f"{one.restore_seconds:.1f}",
            "verifies" if one.trail_holds else "BROKEN",
            "the same" if one.same_plan else "DIFFERS",
            str(one.broken_rules),
        )
        for one in drills
    ]
    headings = (
        "from",
        "into",
        "courses",
        "MB",
        "backup, s",
        "restore, s",
        "audit trail",
        "every course",
        "rules broken",
    )
    text = f"""A database with the whole trial booked is backed up and restored into a new one; the plan in force is
read from both and compared byte by byte.

{table(headings, rows)}"""
    held = all(one.trail_holds and one.same_plan and not one.broken_rules for one in drills)
    return section("restore", "Restore drill", "python -m scheduler.reliability restore", text), held


def of_feeds(times: Sequence[FeedTimes]) -> tuple[Section, bool]:
    """Calendar feeds; they cannot fail, only be slow."""
    rows = [
        (
            one.database,
            one.scope,
            f"{one.events:,}",
            f"{one.kilobytes:,.0f}",
            f"{one.made:.2f}",
            f"{one.cpu:.2f}",
            f"{one.unchanged * 1000:.0f}",
        )
        for one in times
    ]
    headings = ("database", "feed", "events", "kB", "made, s", "of it computing, s", "unchanged, ms")
    text = f"""The courses of the lead site are entered again and again until it has so many visits. A feed is made from
the database five times, with nothing kept; then the service is asked 50 times whether it has changed. Medians.

{table(headings, rows)}"""
    return section("feeds", "Calendar feeds", "python -m scheduler.reliability feeds", text), True


def of_fuzz(found: Fuzzed) -> tuple[Section, bool]:
    """Fuzzing, and whether every answer was as documented."""
    failures = "".join(f"- `{one}`\n" for one in found.failures[:20])
    text = f"""Schemathesis sends what the OpenAPI document allows and what it does not, to every operation, with
the key of one role after the other, and judges every answer:
{", ".join(name.replace("_", " ") for name in CHECKS)}.

{found.cases:,} cases in {found.seconds:.0f} s: {len(found.failures)} failures.
{failures}"""
    return section("fuzz", "Fuzzing", "make fuzz", text), not found.failures


def section(name: str, title: str, command: str, text: str) -> Section:
    """A section with its heading and the command that makes it again."""
    return Section(name, f"## {title}\n\n`{command}`\n\n{text}")


def _judged(verdict: Verdict) -> tuple[str, str, str, str]:
    trail = "BROKEN" if verdict.trail else "verifies"
    return str(verdict.double_bookings), str(len(verdict.lost)), str(len(verdict.broken_rules)), trail


def _counted(races: Sequence[Raced]) -> str:
    return "; ".join(
        f"{one.kind} " + ", ".join(f"{name} {count:,}" for name, count in one.tally.refused.most_common())
        for one in races
    )


def _refused(one: Measured) -> str:
    what = ", ".join(f"{name} {count}" for name, count in sorted(one.times.refused.items())) or "nothing"
    return f"{one.kind}, think {one.think:g} s: {what}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
