"""Logger files: what is read of them, what is refused, and that random ones are never believed too much."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest

from scheduler.coldchain.logger_files import readings
from scheduler.domain.errors import BadInput
from scheduler.domain.excursions import Reading, judge
from tests.coldchain.by_minute import LIMITS, minute, random_file, stretch, verdict_by_minute

WHOLE = os.environ.get("LOGGER_FILES") == "all"
FILES = 10_000 if WHOLE else 400
LINES = 4_000_000 if WHOLE else 40_000  # of 25 bytes
"""``make logger-files`` asks for all of them."""

JSON_READING = '{"at": "2027-02-17T00:00:00Z", "celsius": 4.6}'


def read(content: str | bytes) -> list[Reading]:
    encoded = content if isinstance(content, bytes) else content.encode()
    return list(readings(io.BytesIO(encoded), "logger.csv"))


def refused(content: str | bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        read(content)
    assert caught.value.where == "logger.csv"
    assert caught.value.remedy
    return caught.value


def test_csv_is_read_in_either_unit_and_any_offset() -> None:
    # 41 degrees Fahrenheit are (41 - 32) x 5 / 9 = 5 degrees Celsius; 09:00 in Seoul is midnight UTC.
    assert read("at,celsius\n2027-02-17T09:00:00+09:00,4.6\n") == [Reading(minute(0), 4.6)]
    assert read("\ufeffFahrenheit,At\r\n41.0,2027-02-17T00:05:00Z\r\n") == [Reading(minute(5), 5.0)]


def test_json_is_a_list_of_readings() -> None:
    other = '{"fahrenheit": 41, "at": "2027-02-17T00:05:00Z"}'
    assert read(f" [ {JSON_READING} ,\n{other} ] ") == [Reading(minute(0), 4.6), Reading(minute(5), 5.0)]
    assert read("[]") == []


def test_a_list_longer_than_a_block_is_read_whole() -> None:
    # 47 characters a reading: 3000 readings are more than two blocks of 65,536.
    assert len(read("[" + ",".join([JSON_READING] * 3000) + "]")) == 3000


@pytest.mark.parametrize("written", ["NaN", "", "nan", "Inf", "-inf", "1e999", "N/A", "--"])
def test_a_temperature_that_is_no_finite_number_is_no_reading(written: str) -> None:
    assert read(f"at,celsius\n2027-02-17T00:00:00Z,{written}\n") == [Reading(minute(0), None)]


@pytest.mark.parametrize("written", ["null", "NaN", "Infinity", "1e999", "1" + "0" * 400])
def test_and_so_in_json(written: str) -> None:
    assert read(f'[{{"at": "2027-02-17T00:00:00Z", "celsius": {written}}}]') == [Reading(minute(0), None)]


@pytest.mark.parametrize(
    ("content", "key", "problem"),
    [
        ("", "line 1", "not the header"),
        ("time;temp\n", "line 1", "not the header"),
        ("at,celsius,fahrenheit\n", "line 1", "not the header"),
        ("at,celsius\n2027-02-17T00:00:00Z,4,6\n", "line 2", "3 columns"),
        ("at,celsius\n2027-02-17T00:00:00Z\n", "line 2", "1 columns"),
        ("at,celsius\n2027-02-17T00:00:00Z,warm\n", "line 2", "no number"),
        ("at,celsius\n2027-02-17T00:00:00,4.6\n", "line 2", "no UTC offset"),
        ("at,celsius\n2027-02-17,4.6\n", "line 2", "no UTC offset"),
        ("at,celsius\n17.02.2027 09:00,4.6\n", "line 2", "no time"),
        ("at,celsius\n1970-01-01T00:00:00Z,4.6\n", "line 2", "this century"),
        ("at,celsius\n" + "9" * 2000 + "\n", "line 2", "too long"),
        ('at,celsius\n"2027-02-17T00:00:00Z,4.6\n', "line 2", "1 columns"),
        (b"at,celsius\n\xff\n", "encoding", "UTF-8"),
        ("[", "reading 0", "no end"),
        ("[" + JSON_READING, "reading 1", "no end"),
        (f"[{JSON_READING} {JSON_READING}]", "reading 1", "comma"),
        (f"[{JSON_READING},]", "reading 2", "no flat object"),
        (f"[{JSON_READING}] x", "end", "follows"),
        ("[" * 100_000, "reading 1", "no flat object"),
        ("[" + '{"a":' * 100_000, "reading 1", "no flat object"),
        ('[{"at": ' + "[" * 980 + "}]", "reading 1", "no flat object"),
        ("at,celsius\n2027-02-17T00:00:00Z,4_6\n", "line 2", "no number"),
        ("at,celsius\n2027-02-17T00:00:00Z,0x4\n", "line 2", "no number"),
        ('[{"at": "2027-02-17T00:00:00Z"}]', "reading 1", "other keys"),
        ('[{"at": "2027-02-17T00:00:00Z", "celsius": "4.6"}]', "reading 1", "no number"),
        ('[{"at": "2027-02-17T00:00:00Z", "celsius": true}]', "reading 1", "no number"),
        ('[{"at": 5, "celsius": 4.6}]', "reading 1", "no time"),
        ('[{"at": "\\ud800", "celsius": 4.6}]', "reading 1", "no time"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(content: str | bytes, key: str, problem: str) -> None:
    error = refused(content)
    assert (error.key, problem in error.problem) == (key, True)


def test_random_files_get_the_verdict_of_the_oracle() -> None:
    chance, seen = Random(20270217), set()
    for _ in range(FILES):
        one = random_file(chance)
        found = judge(readings(io.BytesIO(one.content), "f"), stretch(one.start, one.end), LIMITS)
        expected = verdict_by_minute(one.entries, one.start, one.end)
        seen.add(found.word)
        if any(reason.rule == "order" for reason in found.reasons):
            assert expected in ("missing", "quarantine")
            assert found.word in ("missing", "quarantine")
        else:
            assert found.word == expected, one
    assert seen == {"in-range", "review", "quarantine", "missing"}


def test_random_bytes_are_read_or_refused() -> None:
    chance = Random(7)
    whole = b"at,celsius\n" + b"2027-02-17T00:00:00Z,4.6\n" * 3
    listed = f"[{JSON_READING},{JSON_READING}]".encode()
    refusals = 0
    for _ in range(FILES):
        content = bytearray(chance.choice((whole, listed)))
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            read(bytes(content))
        except BadInput:
            refusals += 1
    assert refusals > FILES / 4


class Endless(io.RawIOBase):
    """A file of many equal lines that is nowhere held as a whole."""

    def __init__(self, lines: int) -> None:
        self._parts = self._content(lines)
        self._rest = b""

    @staticmethod
    def _content(lines: int) -> Iterator[bytes]:
        yield b"at,celsius\n"
        for _ in range(lines // 1000):
            yield b"2027-02-17T00:00:00Z,4.6\n" * 1000

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._rest = self._rest or next(self._parts, b"")
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def test_a_long_file_is_never_held_in_memory() -> None:
    tracemalloc.start()
    found = judge(readings(io.BufferedReader(Endless(LINES)), "f"), stretch(0, 60), LIMITS)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.readings == LINES
    assert most < 500_000  # the file has a million bytes, or a hundred
