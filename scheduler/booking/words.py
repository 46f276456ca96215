"""A visit in one sentence for the people at the site, in English and Korean."""

from __future__ import annotations

from datetime import datetime

from scheduler.domain.calendars import WEEKDAYS

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
KOREAN_WEEKDAYS = ("월", "화", "수", "목", "금", "토", "일")
KINDS = {
    "harvest": ("bone marrow harvest", "골수 채취"),
    "csf_tap": ("spinal fluid tap", "뇌척수액 채취"),
    "injection": ("injection", "주사"),
    "infusion": ("infusion", "주입"),
    "apheresis": ("apheresis", "성분채집"),
    "follow_up": ("follow-up visit", "추적 방문"),
}


def visit_texts(
    kind: str,
    dose: int | None,
    name: str | None,
    start_at: datetime,
    end_at: datetime,
    zone: str,
    arrives_at: datetime | None,
    give_by: datetime | None,
) -> tuple[str, str]:
    """English and Korean. All instants are in the zone named; a weekday is told where it is not the visit's own."""
    en_kind, ko_kind = KINDS.get(kind, (kind.replace("_", " "), kind.replace("_", " ")))
    en_what = en_kind + (f", dose {dose}" if dose is not None else f", {name}" if name else "")
    ko_what = ko_kind + (f", {dose}회차" if dose is not None else f", {name}" if name else "")
    times = f"{start_at:%H:%M}–{end_at:%H:%M} ({zone})"
    en = f"{WEEKDAYS[start_at.weekday()]} {start_at.day} {MONTHS[start_at.month - 1]} {start_at.year}, "
    ko = f"{start_at.year}년 {start_at.month}월 {start_at.day}일({KOREAN_WEEKDAYS[start_at.weekday()]}) "
    en, ko = f"{en}{times}: {en_what}.", f"{ko}{times}: {ko_what}."
    if arrives_at is not None:
        en += f" The dose arrives by {_english(arrives_at, start_at)}"
        ko += f" 투여분 도착: {_korean(arrives_at, start_at)}까지"
        if give_by is not None:
            en += f"; give by {_english(give_by, start_at)}"
            ko += f"; 투여 기한: {_korean(give_by, start_at)}까지"
        en, ko = en + ".", ko + "."
    return en, ko


def no_longer(en: str, ko: str) -> tuple[str, str]:
    """The texts of a visit whose date no longer holds, while there is no other."""
    return (
        f"{en} This date no longer holds; a new one will be told.",
        f"{ko} 이 날짜는 취소되었으며, 새 날짜를 안내해 드립니다.",
    )


def _english(at: datetime, seen_from: datetime) -> str:
    day = "" if at.date() == seen_from.date() else f"{WEEKDAYS[at.weekday()]} "
    return f"{day}{at:%H:%M}"


def _korean(at: datetime, seen_from: datetime) -> str:
    day = "" if at.date() == seen_from.date() else f"{KOREAN_WEEKDAYS[at.weekday()]}요일 "
    return f"{day}{at:%H:%M}"
