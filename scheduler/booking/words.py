"""A visit in one sentence for the people at the site, in English and Korean."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

from scheduler.domain.calendars import WEEKDAYS

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
KOREAN_WEEKDAYS = ("월", "화", "수", "목", "금", "토", "일")
WEEK = timedelta(days=7)  # so far off a weekday alone names no day
KINDS = {
    "harvest": ("bone marrow harvest", "골수 채취"),
    "csf_tap": ("spinal fluid tap", "뇌척수액 채취"),
    "injection": ("injection", "주사"),
    "infusion": ("infusion", "주입"),
    "apheresis": ("apheresis", "성분채집"),
    "follow_up": ("follow-up visit", "추적 방문"),
    "marrow_transit": ("marrow transport", "골수 운송"),
    "isolation": ("isolation", "세포 분리"),
    "culture": ("culture", "배양"),
    "thaw": ("thaw", "해동"),
    "expansion": ("expansion", "증식 배양"),
    "csf_transit": ("spinal fluid transport", "뇌척수액 운송"),
    "fill": ("fill", "충전"),
    "release": ("release tests", "출하 시험"),
    "pack": ("packing", "포장"),
    "transit": ("dose transport", "투여분 운송"),
    "receipt": ("receipt and check", "인수 및 확인"),
    "transport": ("transport", "운송"),
}
TO_DO = {
    "harvest": ("Take the marrow and hand it to the courier.", "골수를 채취하여 운송 담당자에게 인계하세요."),
    "csf_tap": (
        "Weigh the patient, take the fluid and hand it to the courier.",
        "체중을 측정하고 뇌척수액을 채취하여 운송 담당자에게 인계하세요.",
    ),
    "injection": (
        "Check that the dose has arrived, then inject before the end of its shelf life.",
        "투여분 도착을 확인하고 유효 기한 내에 주사하세요.",
    ),
}
STATUS = {
    "performed": ("Done.", "완료되었습니다."),
    "late": ("Done, late.", "지연되어 완료되었습니다."),
    "failed": ("It failed.", "실패하였습니다."),
    "cancelled": ("Cancelled.", "취소되었습니다."),
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
    en, ko = step_texts(kind, dose, name, start_at, end_at, zone)
    if arrives_at is not None:
        en_by, ko_by = _seen(arrives_at, start_at)
        en += f" The dose arrives by {en_by}"
        ko += f" 투여분 도착: {ko_by}까지"
        if give_by is not None:
            en_by, ko_by = _seen(give_by, start_at)
            en += f"; give by {en_by}"
            ko += f"; 투여 기한: {ko_by}까지"
        en, ko = en + ".", ko + "."
    return en, ko


def step_texts(
    kind: str, dose: int | None, name: str | None, start_at: datetime, end_at: datetime, zone: str
) -> tuple[str, str]:
    """What is done and when, in English and Korean. Both instants are in the zone named."""
    (en_on, ko_on), (en_what, ko_what) = dated(start_at.date()), titled(kind, dose, name)
    begins, (en_end, ko_end) = _clock(start_at), _seen(end_at, start_at)
    return (
        f"{en_on}, {begins}–{en_end} ({zone}): {en_what}.",
        f"{ko_on} {begins}–{ko_end} ({zone}): {ko_what}.",
    )


@lru_cache(maxsize=1024)
def titled(kind: str, dose: int | None, name: str | None = None) -> tuple[str, str]:
    """A step by its kind, with the dose it belongs to or the name of its follow-up visit."""
    en, ko = KINDS.get(kind, (kind.replace("_", " "), kind.replace("_", " ")))
    if dose is not None:
        return f"{en}, dose {dose}", f"{ko}, {dose}회차"
    return (f"{en}, {name}", f"{ko}, {name}") if name else (en, ko)


@lru_cache(maxsize=4096)
def dated(on: date) -> tuple[str, str]:
    """A date with its weekday."""
    return (
        f"{WEEKDAYS[on.weekday()]} {on.day} {MONTHS[on.month - 1]} {on.year}",
        f"{on.year}년 {on.month}월 {on.day}일({KOREAN_WEEKDAYS[on.weekday()]})",
    )


def counted(kind: str, number: int) -> tuple[str, str]:
    """How many visits of a kind: ``2 injections``."""
    en, ko = titled(kind, None)
    return f"{number} {en}{'s' if number > 1 and not en.endswith('s') else ''}", f"{ko} {number}건"


def brought(arrives_at: datetime, give_by: datetime | None) -> tuple[str, str]:
    """When a dose arrives, and until when giving it must be over; on another day with its weekday."""
    en, ko = f"dose arrives {_clock(arrives_at)}", f"투여분 도착 {_clock(arrives_at)}"
    if give_by is None:
        return en, ko
    en_by, ko_by = _seen(give_by, arrives_at)
    return f"{en}, finish by {en_by}", f"{ko}, {ko_by}까지 완료"


def to_do(kind: str) -> tuple[str, str] | None:
    """What the people at the site do at a visit, where that is known of its kind."""
    return TO_DO.get(kind)


def stands(status: str) -> tuple[str, str] | None:
    """How a step stands that is not simply planned."""
    return STATUS.get(status)


def no_longer(en: str, ko: str) -> tuple[str, str]:
    """The texts of a visit whose date no longer holds, while there is no other."""
    return (
        f"{en} This date no longer holds; a new one will be told.",
        f"{ko} 이 날짜는 취소되었으며, 새 날짜를 안내해 드립니다.",
    )


def _seen(at: datetime, seen_from: datetime) -> tuple[str, str]:
    """A time of day, with its day where that is another."""
    on, clock = at.date(), _clock(at)
    if on == seen_from.date():
        return clock, clock
    if on - seen_from.date() >= WEEK:
        en, ko = dated(on)
        return f"{en} {clock}", f"{ko} {clock}"
    return f"{WEEKDAYS[on.weekday()]} {clock}", f"{KOREAN_WEEKDAYS[on.weekday()]}요일 {clock}"


def _clock(at: datetime) -> str:
    # Not strftime, which takes several times as long: a feed tells thousands of times.
    return f"{at.hour:02}:{at.minute:02}"
