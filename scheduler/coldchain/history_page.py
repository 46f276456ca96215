"""The story of a unit as a page to print, in English or Korean: no script, nothing from elsewhere, all escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Literal
from zoneinfo import ZoneInfo

from scheduler.coldchain.history import Entry, History

Language = Literal["en", "ko"]

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "History of a unit",
        "unit": "Unit",
        "lot": "Lot",
        "donations": "Donations",
        "coi": "Chain of identity",
        "patient": "Patient",
        "dose": "Dose",
        "number": "Syringe",
        "expires_at": "Give by",
        "state": "State",
        "at": "When",
        "what": "What",
        "by": "Who",
        "place": "Where",
        "details": "Recorded",
        "printed": "As of",
    },
    "ko": {
        "title": "주사기 이력",
        "unit": "주사기 ID",
        "lot": "제조번호",
        "donations": "채취 ID",
        "coi": "동일성 사슬 ID",
        "patient": "환자",
        "dose": "투여 차수",
        "number": "주사기 번호",
        "expires_at": "투여 기한",
        "state": "상태",
        "at": "일시",
        "what": "내용",
        "by": "담당자",
        "place": "장소",
        "details": "기록",
        "printed": "기준 시각",
    },
}
WHAT: dict[Language, dict[str, str]] = {
    "en": {},
    "ko": {
        "filled": "충전",
        "identified": "ID 부여",
        "packed": "포장",
        "handed_over": "인계",
        "received": "인수",
        "checked": "확인",
        "scanned": "스캔 통과",
        "scan_refused": "스캔 거부",
        "judged": "온도 판정",
        "disposed": "처리 결정",
        "released": "출하 승인",
        "failed": "출하 불가",
        "given": "투여",
    },
}
STYLE = """
body { font: 11pt/1.4 sans-serif; margin: 2rem; color: #000; background: #fff; }
h1 { font-size: 15pt; }
table { border-collapse: collapse; width: 100%; margin-bottom: 1.5rem; }
th, td { border: 1px solid #777; padding: .25rem .5rem; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
@page { size: A4; margin: 15mm; }
@media print { body { margin: 0; } }
"""


def page(story: History, language: Language, now: datetime) -> str:
    """The page; times are those of the site, with their offset."""
    words = WORDS[language]
    head = [
        (words["unit"], story.unit),
        (words["patient"], story.patient),
        (words["coi"], story.coi),
        (words["donations"], ", ".join(story.donations)),
        (words["lot"], story.lot),
        (words["dose"], str(story.dose)),
        (words["number"], str(story.number)),
        (words["expires_at"], "" if story.expires_at is None else _local(story.expires_at, story.zone)),
        (words["state"], story.state),
        (words["printed"], _local(now, story.zone)),
    ]
    facts = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in head)
    columns = "".join(
        f'<th scope="col">{escape(words[name])}</th>' for name in ("at", "what", "by", "place", "details")
    )
    rows = "".join(_row(one, story.zone, language) for one in story.entries)
    return (
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{escape(words['title'])} {escape(story.unit)}</title><style>{STYLE}</style></head>"
        f"<body><h1>{escape(words['title'])}</h1><table>{facts}</table>"
        f"<table><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table></body></html>\n"
    )


def _row(one: Entry, zone: str, language: Language) -> str:
    what = WHAT[language].get(one.what, one.what.replace("_", " "))
    details = "<br>".join(f"{escape(name)}: {escape(value)}" for name, value in one.details.items() if value)
    cells = (escape(_local(one.at, zone)), escape(what), escape(one.by or ""), escape(one.place or ""), details)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _local(instant: datetime, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %z")
