"""One week of a site on paper: HTML that prints on A4, everything in it escaped, without scripts or outside files."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html import escape

STYLE = """
@page { size: A4; margin: 14mm 12mm; }
body { font: 10.5pt/1.35 "Noto Sans", "Noto Sans KR", "NanumGothic", "Malgun Gothic", sans-serif; }
body { color: #111; margin: 1.5rem; }
h1 { font-size: 15pt; margin: 0 0 2pt; }
p.note { color: #444; margin: 0 0 10pt; }
section { break-inside: avoid; border-top: 1.5pt solid #111; padding: 5pt 0 9pt; }
section.today { border-top-width: 3pt; }
h2 { font-size: 11.5pt; margin: 0 0 4pt; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th:nth-child(1) { width: 17%; }
th:nth-child(2) { width: 13%; }
th:nth-child(3) { width: 22%; }
th:last-child { width: 7%; }
th, td { text-align: left; vertical-align: top; padding: 2.5pt 6pt 2.5pt 0; border-bottom: 0.5pt solid #bbb; }
th { font-weight: 600; font-size: 9pt; color: #444; }
td.time, td:nth-child(2) { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.box { width: 9mm; font-size: 13pt; line-height: 1; }
tr.off td { text-decoration: line-through; color: #666; }
@media print { body { margin: 0; } }
"""
POLICY = (
    "default-src 'none'; frame-ancestors 'none'; style-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'"
)
"""The Content-Security-Policy under which a browser shows the page: this style and nothing else."""


@dataclass(frozen=True)
class PageRow:
    """One visit: its times, who, what, and what to know; struck through where it does not take place."""

    times: str
    patient: str
    what: str
    note: str
    is_off: bool


@dataclass(frozen=True)
class PageDay:
    """One day: its line, which says all that matters, and its visits."""

    line: str
    is_today: bool
    rows: tuple[PageRow, ...]


@dataclass(frozen=True)
class WeekPage:
    """A week; `columns` are the headings of times, patient, visit, note and tick box; `lang` is ``en`` or ``ko``."""

    lang: str
    title: str
    note: str
    columns: tuple[str, str, str, str, str]
    days: tuple[PageDay, ...]


def week_html(page: WeekPage) -> str:
    """The page as a whole document."""
    days = "".join(_day(page, day) for day in page.days)
    return (
        f'<!doctype html>\n<html lang="{escape(page.lang)}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(page.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{escape(page.title)}</h1>\n<p class="note">{escape(page.note)}</p>\n{days}</body>\n</html>\n'
    )


def _day(page: WeekPage, day: PageDay) -> str:
    today = ' class="today"' if day.is_today else ""
    if not day.rows:
        return f"<section{today}>\n<h2>{escape(day.line)}</h2>\n</section>\n"
    headings = "".join(f"<th>{escape(one)}</th>" for one in page.columns)
    rows = "".join(map(_row, day.rows))
    return (
        f"<section{today}>\n<h2>{escape(day.line)}</h2>\n<table>\n<thead><tr>{headings}</tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table>\n</section>\n"
    )


def _row(row: PageRow) -> str:
    off = ' class="off"' if row.is_off else ""
    box = "" if row.is_off else "☐"
    return (
        f'<tr{off}><td class="time">{escape(row.times)}</td><td>{escape(row.patient)}</td><td>{escape(row.what)}</td>'
        f'<td>{escape(row.note)}</td><td class="box">{box}</td></tr>\n'
    )
