"""What a temperature logger proves of a shipment: in range, to be reviewed, unusable, or not known.

Between two readings it was as bad as the worse of them: a reading outside counts back to the one before it and on to
the one after it. Readings must reach from the start of the stretch to its end, in order of time, none further from the
next than is allowed; whatever is not certain is ``missing``, never ``in-range``. Source: docs/domain.md section 6.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Literal

from scheduler.domain.intervals import Interval
from scheduler.domain.protocol import Temperatures

Word = Literal["in-range", "review", "quarantine", "missing"]
Rule = Literal["in_range", "short_excursion", "long_excursion", "forbidden", "no_readings", "gap", "ends", "order"]

GAPS_LISTED = 20
NONE = timedelta(0)


@dataclass(frozen=True)
class Reading:
    """One line of a logger file; `celsius` is None where the logger gave no usable number."""

    at: datetime
    celsius: float | None


@dataclass(frozen=True)
class Reason:
    """A rule that decided, and what was found, in a sentence."""

    rule: Rule
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """What a logger proves of a stretch.

    Attributes
    ----------
    word
        The verdict.
    reasons
        Why, the one that decided first; never empty.
    exposure, longest_run
        How long it was outside in total, and at one stretch at most.
    lowest, highest
        Degrees Celsius of the readings that say something of the stretch; None without any.
    gaps, gap_count
        Stretches without a reading that are too long, 20 at most, and how many there are.
    readings, unusable
        How many lines the file has with a temperature, and without.
    first_at, last_at
        The earliest and the latest of the readings; None without any.
    """

    word: Word
    reasons: tuple[Reason, ...]
    exposure: timedelta
    longest_run: timedelta
    lowest: float | None
    highest: float | None
    gaps: tuple[Interval, ...]
    gap_count: int
    readings: int
    unusable: int
    first_at: datetime | None
    last_at: datetime | None


class _Level(IntEnum):
    INSIDE = 0
    OUTSIDE = 1
    FORBIDDEN = 2


@dataclass
class _Point:
    """All readings of one instant."""

    at: datetime
    lowest: float
    highest: float


def judge(readings: Iterable[Reading], stretch: Interval, limits: Temperatures) -> Verdict:
    """What readings prove of a stretch; they are looked at once, in the order of the file, and not kept.

    Parameters
    ----------
    readings
        Oldest first or newest first. Any other order means lines in disorder or a clock that was set, and which of
        the two cannot be known: then the verdict is ``missing`` at best.
    stretch
        From the moment the unit was packed to its receipt.

    Raises
    ------
    ValueError
        Where the stretch has no length: nothing can be proved of it.
    """
    if stretch.start_at == stretch.end_at:
        raise ValueError("a stretch without length has no temperature")
    log = _Log(stretch, limits)
    for one in readings:
        log.add(one)
    return log.verdict()


class _Log:
    """Readings so far, in a few figures."""

    def __init__(self, stretch: Interval, limits: Temperatures) -> None:
        self.stretch = stretch
        self.limits = limits
        self.longest_gap = timedelta(minutes=limits.longest_gap_minutes)
        self.readings = self.unusable = self.gap_count = 0
        self.gaps: list[Interval] = []
        self.exposure = self.longest_run = self._run = NONE
        self.lowest, self.highest = math.inf, -math.inf
        self.level = _Level.INSIDE
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None
        self.in_order = True
        self._before: _Point | None = None
        self._point: _Point | None = None
        self._forward: bool | None = None

    def add(self, reading: Reading) -> None:
        """Take one more reading into account."""
        if reading.celsius is None or not math.isfinite(reading.celsius):
            self.unusable += 1
            return
        self.readings += 1
        at, celsius = reading.at, reading.celsius
        if self._point is not None and self._point.at == at:
            self._point.lowest = min(self._point.lowest, celsius)
            self._point.highest = max(self._point.highest, celsius)
            return
        self._pass_on(_Point(at, celsius, celsius))

    def verdict(self) -> Verdict:
        """The verdict on everything that was added."""
        self._pass_on(None)
        reasons = tuple(self._reasons()) or (Reason("in_range", f"Always {self._range()}."),)
        return Verdict(
            word=_word_of(reasons[0].rule),
            reasons=reasons,
            exposure=self.exposure,
            longest_run=self.longest_run,
            lowest=None if math.isinf(self.lowest) else self.lowest,
            highest=None if math.isinf(self.highest) else self.highest,
            gaps=tuple(sorted(self.gaps)),
            gap_count=self.gap_count,
            readings=self.readings,
            unusable=self.unusable,
            first_at=self.first_at,
            last_at=self.last_at,
        )

    # --- one instant after the other ------------------------------------------------------------------------------

    def _pass_on(self, new: _Point | None) -> None:
        """The instant at hand is complete; the next one begins."""
        if self._point is not None:
            self._completed(self._point)
        self._before, self._point = self._point, new
        if new is None or self._before is None:
            return
        forward = new.at > self._before.at
        if self._forward is not None and forward is not self._forward:
            self.in_order = False
        self._forward = forward

    def _completed(self, point: _Point) -> None:
        self.first_at = point.at if self.first_at is None else min(self.first_at, point.at)
        self.last_at = point.at if self.last_at is None else max(self.last_at, point.at)
        if self.stretch.start_at <= point.at <= self.stretch.end_at:
            self._seen(point)
        if self._before is not None:
            self._between(*sorted((self._before, point), key=lambda one: one.at))

    def _between(self, earlier: _Point, later: _Point) -> None:
        start_at, end_at = max(earlier.at, self.stretch.start_at), min(later.at, self.stretch.end_at)
        if start_at >= end_at:
            return
        worst = max(self._seen(earlier), self._seen(later))
        lasted = end_at - start_at
        self._run = self._run + lasted if worst > _Level.INSIDE else NONE
        self.exposure += lasted if worst > _Level.INSIDE else NONE
        self.longest_run = max(self.longest_run, self._run)
        if later.at - earlier.at > self.longest_gap:
            self.gap_count += 1
            if len(self.gaps) < GAPS_LISTED:
                self.gaps.append(Interval(start_at, end_at))

    def _seen(self, point: _Point) -> _Level:
        """A point that says something of the stretch."""
        self.lowest, self.highest = min(self.lowest, point.lowest), max(self.highest, point.highest)
        level = max(self._level(point.lowest), self._level(point.highest))
        self.level = max(self.level, level)
        return level

    def _level(self, celsius: float) -> _Level:
        if self.limits.at_least <= celsius <= self.limits.at_most:
            return _Level.INSIDE
        if self.limits.review_at_least <= celsius <= self.limits.review_at_most:
            return _Level.OUTSIDE
        return _Level.FORBIDDEN

    # --- what follows -----------------------------------------------------------------------------------------------

    def _reasons(self) -> Iterable[Reason]:
        """Everything that speaks against in-range, the worst first."""
        limits, outside = self.limits, _minutes(self.exposure)
        if self.level is _Level.FORBIDDEN:
            span = f"{limits.review_at_least:g} to {limits.review_at_most:g} °C"
            yield Reason(
                "forbidden", f"{self.lowest:g} to {self.highest:g} °C were read; beyond {span} nothing is used."
            )
        if self.exposure > timedelta(minutes=limits.review_minutes):
            most = f"at most {limits.review_minutes} min can be decided on"
            yield Reason("long_excursion", f"Outside {self._range()} for {outside} min in total; {most}.")
        yield from self._doubts()
        if self.level is _Level.OUTSIDE and self.exposure <= timedelta(minutes=limits.review_minutes):
            most = f"up to {limits.review_minutes} min can be decided on"
            yield Reason("short_excursion", f"Outside {self._range()} for {outside} min in total; {most}.")

    def _doubts(self) -> Iterable[Reason]:
        """Why it is not certain what the temperature was."""
        if self.first_at is None or self.last_at is None:
            yield Reason("no_readings", "There is no reading with a temperature.")
            return
        if not self.in_order:
            yield Reason("order", "The times go forth and back: lines are in disorder, or the clock was set.")
        if self.first_at > self.stretch.start_at:
            yield Reason("ends", "The readings begin after the unit was packed.")
        if self.last_at < self.stretch.end_at:
            yield Reason("ends", "The readings stop before the unit was received.")
        if self.gap_count:
            most = f"more than {self.limits.longest_gap_minutes} min"
            yield Reason("gap", f"There is no reading for {most}, {self.gap_count} times.")

    def _range(self) -> str:
        return f"{self.limits.at_least:g} to {self.limits.at_most:g} °C"


def _word_of(rule: Rule) -> Word:
    if rule == "in_range":
        return "in-range"
    if rule == "short_excursion":
        return "review"
    return "quarantine" if rule in ("forbidden", "long_excursion") else "missing"


def _minutes(lasted: timedelta) -> str:
    return f"{lasted / timedelta(minutes=1):.3g}"
