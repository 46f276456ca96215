"""A week on paper: everything escaped, nothing loaded from elsewhere, and a style that a browser is allowed."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from scheduler.documents.week_page import POLICY, PageDay, PageRow, WeekPage, week_html

COLUMNS = ("Time", "Patient", "Visit", "To know", "Done")
SCRIPT = '<script>alert("x")</script>&'


def page(*days: PageDay, title: str = "North") -> WeekPage:
    return WeekPage("en", title, "As booked on Monday.", COLUMNS, days)


def row(text: str = "ANA", *, is_off: bool = False) -> PageRow:
    return PageRow("08:00–08:45", text, text, text, is_off)


class Tags(HTMLParser):
    """The tags of a page in order, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_whatever_a_text_holds_it_is_shown_and_never_becomes_part_of_the_page() -> None:
    plain, bent = (Tags(week_html(page(PageDay(one, False, (row(one),)), title=one))) for one in ("ANA", SCRIPT))
    assert bent.tags == plain.tags
    assert bent.text.count(SCRIPT) == plain.text.count("ANA")


def test_a_day_without_visits_is_a_line_and_no_table() -> None:
    assert "table" not in Tags(week_html(page(PageDay("Mon 1 Mar 2027: no visits", True, ())))).tags


def test_what_does_not_take_place_is_struck_through_and_has_no_box() -> None:
    html = week_html(page(PageDay("Mon", False, (row(is_off=True),))))
    assert '<tr class="off">' in html
    assert "☐" not in html


def test_the_policy_allows_exactly_the_style_of_the_page() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", week_html(page()), re.DOTALL)
    assert f"'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'" in POLICY
    assert "script-src" not in POLICY and "default-src 'none'" in POLICY
