"""Why so late? The earliest day of a patient's next dose, and what accounts for how many days of the wait.

First everything that could be otherwise is left out, then it is put back one family after the other. Each earliest day
is proved by solving the whole course, so that what a family adds is what it adds on top of those before it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta

from scheduler.domain.calendars import local_date
from scheduler.planning.obstacles import CAPACITY, FENCE, PLACES, Obstacle
from scheduler.planning.situation import Question, Situation
from scheduler.planning.smallest import least
from scheduler.planning.why_not import OutOfTime, Search, Verdict

FAMILIES: tuple[tuple[str, frozenset[str], str], ...] = (
    ("registration", frozenset({"registration"}), "the wait between registration and the first step"),
    ("windows", frozenset({"pair_window", "booster_window", "follow_up_window"}), "the windows of doses and visits"),
    ("hours", frozenset({"opening_hours", "departure"}), "weekly hours and timetables"),
    ("holidays", frozenset({"holiday"}), "public holidays"),
    (FENCE, frozenset({FENCE}), "nothing begins or moves within the fence of the plant"),
    ("closures", frozenset({"closure"}), "closures"),
    ("others", frozenset({CAPACITY, PLACES}), "what others have taken"),
)


@dataclass(frozen=True)
class Part:
    """What one family adds to the wait: the earliest day with it and all before it, and the days it adds."""

    family: str
    earliest_on: date
    days: int
    sentence: str


@dataclass(frozen=True)
class Lateness:
    """Why a dose is not earlier.

    Attributes
    ----------
    verdict
        ``yes`` when every step is proved; ``no`` when there is no place at all for the dose; ``undecided`` when the
        time ran out, with the parts proved until then.
    dose
        The next dose that could still move; None when there is none.
    registered_on, bare_on
        The day the wait counts from, and the earliest day when everything gives way but the steps themselves.
    parts
        Each family in order; their days add up from `bare_on` to the earliest day now.
    booked_on
        The day for which the dose is booked; None without a course.
    """

    verdict: Verdict
    dose: int | None
    registered_on: date
    bare_on: date | None = None
    parts: tuple[Part, ...] = ()
    booked_on: date | None = None

    @property
    def earliest_on(self) -> date | None:
        """The earliest day now; None while it is not known."""
        return self.parts[-1].earliest_on if self.verdict == "yes" and self.parts else None


def why_so_late(situation: Situation, *, seconds: float) -> Lateness:
    """The earliest day of the next dose of a patient, and what keeps it from being earlier.

    `seconds` is the time limit for all of it; with 0 nothing is decided.
    """
    registered_on = situation.patient.registered_on
    dose = next_dose(situation)
    if dose is None:
        return Lateness("no", None, registered_on)
    booked_on = _booked_on(situation, dose)
    until = time.monotonic() + seconds
    zone = situation.facts.network.place(situation.patient.site).zone
    begins = max(registered_on, local_date(situation.now, zone))
    every = Search(situation, None, until).obstacles()
    gone = frozenset(one for one in every if any(one.rule in rules for _, rules, _ in FAMILIES))
    bare_on: date | None = None
    parts: list[Part] = []
    try:
        bare_on = before = _earliest(situation, dose, gone, begins, until)
        for family, rules, sentence in FAMILIES if bare_on else ():
            gone = frozenset(one for one in gone if one.rule not in rules)
            now = None if before is None else _earliest(situation, dose, gone, before, until)
            if now is None or before is None:
                return Lateness("no", dose, registered_on, bare_on, tuple(parts), booked_on)
            parts.append(Part(family, now, (now - before).days, sentence))
            before = now
    except OutOfTime:
        return Lateness("undecided", dose, registered_on, bare_on, tuple(parts), booked_on)
    return Lateness("yes" if parts else "no", dose, registered_on, bare_on, tuple(parts), booked_on)


def next_dose(situation: Situation) -> int | None:
    """The first dose that can still move; None when there is none."""
    if situation.course is None:
        return min(situation.doses, default=None)
    for dose in situation.doses:
        given = situation.course.find(situation.facts.protocol.administration, dose)
        if given is not None and given.id not in situation.done and given.start_at >= situation.fence_at:
            return dose
    return None


def _booked_on(situation: Situation, dose: int) -> date | None:
    if situation.course is None:
        return None
    given = situation.course.find(situation.facts.protocol.administration, dose)
    zone = situation.facts.network.place(situation.patient.site).zone
    return None if given is None else local_date(given.start_at, zone)


def _earliest(situation: Situation, dose: int, gone: frozenset[Obstacle], since: date, until: float) -> date | None:
    """The first day from `since` on that is possible without some obstacles, each day before it proved not to be."""
    kind = situation.facts.protocol.administration

    def possible(days: int) -> bool:
        question = Question(since + timedelta(days=days), kind, dose, or_before=True)
        return Search(situation, question, until).possible(gone)

    days = least(possible, _last_day(situation, dose, since))
    return None if days is None else since + timedelta(days=days)


def _last_day(situation: Situation, dose: int, since: date) -> int:
    """How many days on the dose is looked for: as long as a patient may wait, and to the end of its window."""
    window = situation.facts.protocol.dose(dose).window
    target = 0 if window is None else (window.target_on(since) - since).days + window.latest_days
    return situation.facts.policy.max_wait_days + max(target, 0)
