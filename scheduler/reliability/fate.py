"""Fate: what goes wrong, when and how badly, drawn at the rates of docs/domain.md section 7.

Every draw has a key of its own (a seed, and the patient, dose, step and attempt it concerns), so that it comes out the
same whatever else happens: a plan that is repaired and one that is not meet the same fate.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from scheduler.domain.calendars import local_instant
from scheduler.domain.course import Facts
from scheduler.domain.protocol import Protocol, Step
from scheduler.domain.remake import fits

Failure = Literal["harvest_dry", "tap_failed", "lot_failed", "shipment_lost"]
MONTH_DAYS = 365.25 / 12


@dataclass(frozen=True)
class Rates:
    """How often things go wrong; shares of one, source: docs/domain.md section 7.

    `tap_failed` are the taps that do not succeed the same day either. A `rejected` leg's temperatures cost the dose as
    a lost shipment does. `suite_months` is the mean time between two failures of a suite.
    """

    leaves_a_month: float = 0.036
    postponed: float = 0.08
    harvest_dry: float = 0.03
    tap_failed: float = 0.03 * 0.3
    lot_failed: float = 0.05
    late: float = 0.04
    very_late: float = 0.007
    lost: float = 0.0002
    rejected: float = 0.003
    suite_months: float = 9.0


@dataclass(frozen=True)
class Mishap:
    """Something that happens to one step: `share` of its length after its start; `late` for a courier who arrives."""

    kind: Failure | Literal["shipment_late"]
    share: float = 1.0
    late: timedelta = timedelta(0)


@dataclass(frozen=True)
class Postponed:
    """A patient cannot come on the date told but `days` later, and says so `notice` before."""

    days: int
    notice: timedelta


@dataclass(frozen=True)
class Misfortune:
    """Something that does not work for a while, known at an instant; `report` is what an API client sends."""

    known_at: datetime
    report: Mapping[str, Any]


def failure_of(protocol: Protocol, step: Step) -> Failure:
    """For what cause a step fails that could not take place."""
    causes: tuple[Failure, ...] = ("shipment_lost", "lot_failed", "harvest_dry")
    return next((cause for cause in causes if fits(protocol, step, cause)), "tap_failed")


@dataclass(frozen=True)
class Fate:
    """What happens to whom, by a seed."""

    seed: int
    rates: Rates
    protocol: Protocol

    def draw(self, *key: object) -> random.Random:
        """Chance for one question, the same whenever it is asked."""
        return random.Random("/".join(map(str, (self.seed, *key))))

    def of_step(self, step: Step, patient: str, dose: int | None, attempt: int) -> Mishap | None:
        """What happens to a step at an attempt; None when it goes well."""
        chance = self.draw(patient, dose, step.kind, attempt)
        if step.is_transit:
            return self._of_leg(chance)
        kind = failure_of(self.protocol, step)
        if kind == "harvest_dry":
            return Mishap(kind) if step.attended and chance.random() < self.rates.harvest_dry else None
        if kind == "tap_failed":
            return Mishap(kind) if step.attended and chance.random() < self.rates.tap_failed else None
        if self._grows(step):  # seen on day 14 to 26 of 28, or at the fill: half each
            found = chance.random() < self.rates.lot_failed / 2
            return Mishap(kind, chance.uniform(0.5, 0.93)) if found else None
        at_fill = step.kind == self.protocol.filled_in and chance.random() < self.rates.lot_failed / 2
        return Mishap(kind) if at_fill else None

    def _grows(self, step: Step) -> bool:
        return step.cells and step.hold is not None

    def _of_leg(self, chance: random.Random) -> Mishap | None:
        rates, drawn = self.rates, chance.random()
        if drawn < rates.lost + rates.rejected:
            return Mishap("shipment_lost")
        drawn -= rates.lost + rates.rejected
        if drawn < rates.very_late:
            return Mishap("shipment_late", late=timedelta(minutes=chance.randint(241, 480)))
        if drawn < rates.late:
            return Mishap("shipment_late", late=timedelta(minutes=chance.randint(61, 240)))
        return None

    def postponed(self, patient: str, dose: int | None) -> Postponed | None:
        """Whether the visits of a dose, or the harvest (None), are put off; half of them with less than 48 h notice."""
        chance = self.draw(patient, dose, "postponed")
        if chance.random() >= self.rates.postponed:
            return None
        hours = chance.uniform(2, 48) if chance.random() < 0.5 else chance.uniform(48, 7 * 24)
        return Postponed(chance.randint(1, 10), timedelta(hours=hours))

    def stays(self, patient: str) -> timedelta:
        """How long a patient stays from registration, if nothing else ends the course."""
        months = self.draw(patient, "stays").expovariate(self.rates.leaves_a_month)
        return timedelta(days=months * MONTH_DAYS)


def misfortunes(fate: Fate, facts: Facts, begins: datetime, nights: int) -> list[Misfortune]:
    """What does not work for a while, by the instant it is known: suites, a shutdown, a walk-out, a holiday."""
    zone = ZoneInfo(facts.network.plants[0].zone)
    ends = begins + timedelta(days=nights)
    found = [*_suites(fate, facts, begins, ends), *_announced(fate, facts, begins, nights, zone)]
    return sorted((one for one in found if one.known_at < ends), key=lambda one: one.known_at)


def _suites(fate: Fate, facts: Facts, begins: datetime, ends: datetime) -> Iterator[Misfortune]:
    """Each suite fails once in nine months, for one to five days, without a word before."""
    for plant in facts.network.plants:
        for room in (one for one in plant.resources if one.kind == "suite"):
            for unit in room.units:
                chance, at = fate.draw(plant.code, unit), begins
                while (
                    at := at + timedelta(days=chance.expovariate(1 / (fate.rates.suite_months * MONTH_DAYS)))
                ) < ends:
                    at = at.replace(microsecond=0)
                    until = at + timedelta(days=chance.randint(1, 5))
                    where = {"where": plant.code, "resource": room.kind, "unit": unit}
                    yield Misfortune(at, _stretch("out_of_service", at, until, "suite down") | where)


def _announced(fate: Fate, facts: Facts, begins: datetime, nights: int, zone: ZoneInfo) -> Iterator[Misfortune]:
    """Known before: a shutdown of the fill line (60 days), a walk-out (2 days), a temporary holiday (21 to 28 days)."""
    chance, plant = fate.draw("announced"), facts.network.plants[0]

    def day(on: int) -> datetime:
        return local_instant((begins + timedelta(days=on)).astimezone(zone).date(), 0, zone.key)

    line = _fill_line(facts.protocol)
    shutdown = chance.randint(nights * 2 // 5, nights * 4 // 5)
    if line is not None:
        closed = _stretch("out_of_service", day(shutdown), day(shutdown + 10), "planned shutdown")
        yield Misfortune(day(max(1, shutdown - 60)), closed | {"where": plant.code, "resource": line})
    walkout, weeks = chance.randint(nights // 5, nights * 3 // 5), chance.randint(8, 26)
    site = chance.choice([one.code for one in facts.network.sites])
    half = _stretch("half_capacity", day(walkout), day(walkout + 7 * weeks), "doctors' walk-out")
    yield Misfortune(day(max(1, walkout - 2)), half | {"site": site})
    known = chance.randint(0, max(0, nights - 28))
    on = (begins + timedelta(days=known + chance.randint(21, 28))).astimezone(zone).date()
    yield Misfortune(day(known + 1), {"kind": "holiday", "on": on.isoformat(), "name": "temporary holiday"})


def _fill_line(protocol: Protocol) -> str | None:
    """The resource that a fill holds while it lasts and no other step does; None where there is none."""
    held = {one.kind: {use.resource for use in one.uses if use.from_ref is None} for one in protocol.steps}
    others = {name for kind, names in held.items() if kind != protocol.filled_in for name in names}
    return min(held.get(protocol.filled_in or "", set()) - others, default=None)


def _stretch(kind: str, start_at: datetime, end_at: datetime, reason: str) -> dict[str, Any]:
    return {"kind": kind, "start_at": start_at.isoformat(), "end_at": end_at.isoformat(), "reason": reason}
