"""The oracle of logger verdicts: looks at every minute by itself, and random files to try it on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from scheduler.domain.intervals import Interval
from scheduler.domain.protocol import Temperatures

LIMITS = Temperatures(2, 8, 0, 15, 30, 10)
MIDNIGHT = datetime(2027, 2, 17, tzinfo=UTC)
Entry = tuple[int, float | None]
"""Minute after midnight, and degrees Celsius."""


def minute(number: int) -> datetime:
    return MIDNIGHT + timedelta(minutes=number)


def stretch(start: int, end: int) -> Interval:
    return Interval(minute(start), minute(end))


def verdict_by_minute(entries: list[Entry], start: int, end: int, limits: Temperatures = LIMITS) -> str:
    """The verdict on readings at whole minutes, worked out minute by minute."""
    read: dict[int, list[float]] = defaultdict(list)
    order: list[int] = []
    for at, celsius in entries:
        if celsius is not None:
            read[at].append(celsius)
            order += [at] if order[-1:] != [at] else []
    if not read:
        return "missing"
    relevant = [one for at in read if start <= at <= end for one in read[at]]
    outside = holes = 0
    for now in range(start, end):
        before = max((at for at in read if at <= now), default=None)
        after = min((at for at in read if at > now), default=None)
        if before is None or after is None:
            holes += 1
            continue
        around = read[before] + read[after]
        relevant += around
        holes += after - before > limits.longest_gap_minutes
        outside += any(not limits.at_least <= one <= limits.at_most for one in around)
    if any(not limits.review_at_least <= one <= limits.review_at_most for one in relevant):
        return "quarantine"
    if order not in (sorted(set(order)), sorted(set(order), reverse=True)):
        return "missing"
    if outside > limits.review_minutes:
        return "quarantine"
    return "missing" if holes else "review" if outside else "in-range"


@dataclass(frozen=True)
class RandomFile:
    """A file as bytes with what it says, and the stretch it is about."""

    content: bytes
    entries: list[Entry]
    start: int
    end: int


def random_file(chance: Random) -> RandomFile:
    """A logger's file with any of the things that go wrong: mostly cold, and mostly whole."""
    start, end = 60, 60 + chance.randint(1, 240)
    every = chance.choice((1, 2, 5, 5, 5, 9, 10, 11))
    entries: list[Entry] = [(at, _celsius(chance)) for at in range(60 - chance.choice((0, every)), end + every, every)]
    for bend in (_warm, _gap, _repeat, _unusable, _shuffle, _step, _turn, _cut):
        if chance.random() < 0.12:
            entries = bend(entries, chance)
    return RandomFile(_written(entries, chance), entries, start, end)


def _celsius(chance: Random) -> float:
    return chance.choice((2.0, 8.0, 4.6, 5.0, round(chance.uniform(2, 8), 1)))


def _warm(entries: list[Entry], chance: Random) -> list[Entry]:
    begin, many = chance.randrange(len(entries)), chance.choice((1, 2, 5, 30))
    value = chance.choice((8.1, 1.9, 0.0, 15.0, 15.1, -0.1, 22.0))
    return [(at, value if begin <= place < begin + many else one) for place, (at, one) in enumerate(entries)]


def _gap(entries: list[Entry], chance: Random) -> list[Entry]:
    begin = chance.randrange(len(entries))
    return entries[:begin] + entries[begin + chance.randint(1, 6) :]


def _repeat(entries: list[Entry], chance: Random) -> list[Entry]:
    place = chance.randrange(len(entries)) if entries else 0
    again = [(at, chance.choice((one, 4.0, 9.0))) for at, one in entries[place : place + 1]]
    return entries[: place + 1] + again + entries[place + 1 :]


def _unusable(entries: list[Entry], chance: Random) -> list[Entry]:
    return [(at, None if chance.random() < 0.1 else one) for at, one in entries]


def _shuffle(entries: list[Entry], chance: Random) -> list[Entry]:
    return chance.sample(entries, len(entries))


def _step(entries: list[Entry], chance: Random) -> list[Entry]:
    begin, minutes = chance.randrange(len(entries) + 1), chance.choice((-60, -7, -1, 1, 7, 60))
    return entries[:begin] + [(at + minutes, one) for at, one in entries[begin:]]


def _turn(entries: list[Entry], chance: Random) -> list[Entry]:
    return entries[::-1]


def _cut(entries: list[Entry], chance: Random) -> list[Entry]:
    return entries[: chance.randrange(len(entries) + 1)]


def _written(entries: list[Entry], chance: Random) -> bytes:
    fahrenheit, as_json = chance.random() < 0.3, chance.random() < 0.3
    unit = "fahrenheit" if fahrenheit else "celsius"
    zone = chance.choice(("Z", "+09:00", "-05:00"))
    lines = [(_time(at, zone), _number(one, fahrenheit, chance)) for at, one in entries]
    if as_json:
        shown = ",\n".join(f'{{"at": "{at}", "{unit}": {one or "null"}}}' for at, one in lines)
        return f"[{shown}]".encode()
    return "".join([f"at,{unit}\r\n", *(f"{at},{one}\r\n" for at, one in lines)]).encode()


def _time(at: int, zone: str) -> str:
    hours = 0 if zone == "Z" else int(zone[:3])
    return (minute(at) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S") + zone


def _number(celsius: float | None, fahrenheit: bool, chance: Random) -> str:
    if celsius is None:
        return chance.choice(("NaN", "", "Infinity"))
    return f"{celsius * 1.8 + 32:.2f}" if fahrenheit else str(celsius)
