"""The story of a unit: whole, in order, and escaped on paper."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from html.parser import HTMLParser

from scheduler.coldchain.history import Entry, History, history
from scheduler.coldchain.history_page import WHAT, WORDS, page
from scheduler.domain.audience import Principal
from tests.booking.house import ADA, CARL, DORA, MONA, NORA, PAUL, PHIL, SAM, refused
from tests.coldchain.house import Way, handed, released, scanned
from tests.coldchain.test_loggers import disposed, file, uploaded


def story(way: Way, who: Principal = PHIL) -> History:
    with way.house.work(who, write=False) as work:
        return history(work, way.house.board.facts(work), way.unit)


def whole(way: Way) -> History:
    """Released, carried, warm on the way, decided on, scanned and given."""
    released(way)
    handed(way)
    disposed(way, uploaded(way, file(way, warm={5: 9.0})).id)
    scanned(way, "bedside")
    way.house.recorded_until("ANA/1/graft")
    way.house.recorded("ANA/1/graft", NORA)
    scanned(way, "bedside")
    return story(way)


def test_everything_is_told_in_the_order_in_which_it_happened(way: Way) -> None:
    found = whole(way)
    assert [one.at for one in found.entries] == sorted(one.at for one in found.entries)
    assert [one.what for one in found.entries if one.what not in ("identified", "released")] == [
        "filled",
        "packed",
        "handed_over",
        "received",
        "checked",
        "judged",
        "disposed",
        "scanned",
        "given",
        "scan_refused",
    ]
    assert (found.patient, found.dose, found.number, found.lot) == ("ANA", 1, 1, way.lot)
    assert len(found.donations) == 1
    judged = next(one for one in found.entries if one.what == "judged")
    assert (judged.details["verdict"], judged.details["highest"]) == ("review", "9")
    assert "[short_excursion]" in judged.details["reasons"]


def test_it_is_for_those_who_may_see_units(way: Way) -> None:
    for who in (NORA, DORA, MONA, CARL):
        refused("not-your-role", 403, partial(story, way, who))
    refused("not-your-role", 403, partial(story, way, SAM))
    other = Principal("Pia Pharmacist", PHIL.role, "SOUTH", "pia")
    refused("unit-not-found", 404, partial(story, way, other))
    assert story(way, ADA) == story(way, PAUL)


class Text(HTMLParser):
    """The tags of a page, and the words between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_says_the_same_in_english_and_in_korean(way: Way) -> None:
    found = whole(way)
    for language in WORDS:
        text = Text()
        text.feed(page(found, language, way.house.now))
        assert WORDS[language]["title"] in text.words
        assert way.unit in text.words
        assert text.tags.count("tr") == 10 + 1 + len(found.entries)
        assert "script" not in text.tags
    assert WORDS["en"].keys() == WORDS["ko"].keys()
    assert {one.what for one in found.entries} <= WHAT["ko"].keys()


def test_whatever_people_wrote_is_shown_as_they_wrote_it(way: Way) -> None:
    evil = '<script>alert("1")</script>&'
    entry = Entry(way.house.now, "packed", evil, evil, {evil: evil})
    shown = page(replace(story(way), entries=(entry,), patient=evil), "en", way.house.now)
    text = Text()
    text.feed(shown)
    assert "script" not in text.tags
    assert text.words.count(evil) >= 3
