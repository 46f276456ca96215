"""What is booked, as files: a table of visits, a calendar to import once, and a site's week on paper.

Everything is made from the views that sites are shown, for every reader: who sees more sites gets more sheets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from scheduler.booking.errors import Refused, not_found
from scheduler.booking.feed_events import OFF, visit_event
from scheduler.booking.site_visits import site_visits
from scheduler.booking.views import VisitView
from scheduler.booking.words import brought, counted, dated, stands, titled, to_do
from scheduler.calendar_export.events import CalendarEvent, CalendarOfEvents
from scheduler.calendar_export.ics import ics
from scheduler.documents.sheets import Sheet, sheets_csv, sheets_xlsx
from scheduler.documents.week_page import PageDay, PageRow, WeekPage, week_html
from scheduler.domain.calendars import WEEKDAYS
from scheduler.domain.course import Facts
from scheduler.persistence import feeds, repositories
from scheduler.persistence.bundle import facts_of
from scheduler.persistence.unit_of_work import UnitOfWork

Format = Literal["ics", "csv", "xlsx"]
Language = Literal["en", "ko"]
DAYS = 7
COLUMNS = (
    *("site", "patient", "visit", "dose", "name", "weekday", "date", "start", "end", "time zone"),
    *("earliest", "target", "latest", "arrives", "checked", "give by", "status", "reason", "confirmed", "told"),
    *("text", "text (Korean)"),
)


@dataclass(frozen=True)
class Stretch:
    """Local dates, both inclusive; None is no bound."""

    from_on: date | None = None
    to_on: date | None = None

    def has(self, on: date) -> bool:
        """Whether a date lies in it."""
        return (self.from_on is None or on >= self.from_on) and (self.to_on is None or on <= self.to_on)


def export_visits(work: UnitOfWork, made_as: Format, stretch: Stretch, *, site: str | None = None) -> bytes:
    """The visits of a stretch, of one site or of every site the actor may see.

    Raises
    ------
    Refused
        404 for a site unknown or not the actor's, 409 before a program was imported.
    """
    facts = _facts(work)
    by_site = {code: _visits(work, facts, code, stretch) for code in _sites(work, facts, site)}
    if made_as == "ics":
        events = [event for found in by_site.values() for _, event in found]
        return ics(CalendarOfEvents(f"{' '.join(by_site)} · Marrowline", "steelblue", tuple(events)))
    sheets = [_sheet(facts, code, [one for one, _ in found]) for code, found in by_site.items()]
    return sheets_csv(sheets).encode() if made_as == "csv" else sheets_xlsx(sheets, work.now)


def export_week(work: UnitOfWork, site: str, from_on: date | None, language: Language) -> str:
    """Seven days of a site as a page to print, from a local date, by default from today.

    Raises
    ------
    Refused
        404 for a site unknown or not the actor's, 409 before a program was imported.
    """
    facts = _facts(work)
    _sites(work, facts, site)
    place = facts.network.place(site)
    now = work.now.astimezone(ZoneInfo(place.zone))
    first = from_on or now.date()
    last = first + timedelta(days=DAYS - 1)
    found = [one for one, _ in _visits(work, facts, site, Stretch(first, last))]
    index = 0 if language == "en" else 1
    start, end = dated(first)[index], dated(last)[index]
    made = f"{dated(now.date())[index]} {now:%H:%M} ({place.zone})"
    title = f"{place.name}: {start} – {end}"
    notes = (
        f"As booked on {made}. Later changes are not on this page.",
        f"{made} 기준입니다. 이후 변경은 반영되지 않습니다.",
    )
    columns = (("Time", "Patient", "Visit", "To know", "Done"), ("시간", "환자", "방문", "확인 사항", "완료"))
    days = (first + timedelta(days=number) for number in range(DAYS))
    made_days = tuple(_day(on, now.date(), [one for one in found if one.on == on], index) for on in days)
    return week_html(WeekPage(language, title, notes[index], columns[index], made_days))


# --- what is exported -------------------------------------------------------------------------------------------------


def _facts(work: UnitOfWork) -> Facts:
    program = repositories.program(work.session)
    if program is None:
        raise Refused("no-program", 409, "No program was imported yet. Run: marrowline import PROGRAM")
    return facts_of(program, (), (), None)


def _sites(work: UnitOfWork, facts: Facts, site: str | None) -> list[str]:
    may = [one.code for one in facts.network.sites if work.principal.may_see_site(one.code)]
    if site is None:
        return may
    if site not in may:
        raise not_found("site")
    return [site]


def _visits(work: UnitOfWork, facts: Facts, site: str, stretch: Stretch) -> list[tuple[VisitView, CalendarEvent]]:
    """Ascending by start."""
    found = site_visits(work, facts, feeds.courses_of_site(work.session, site))
    kept = [(one, visit_event(facts, one, changed_at)) for one, changed_at in found if stretch.has(one.on)]
    return sorted(kept, key=lambda pair: (pair[0].start_at, pair[0].id))


def _sheet(facts: Facts, site: str, visits: Sequence[VisitView]) -> Sheet:
    zone = facts.network.place(site).zone
    return Sheet(site, COLUMNS, tuple(_row(one, zone) for one in visits))


def _row(one: VisitView, zone: str) -> tuple[str | int | None, ...]:
    arrival = one.arrives_at
    window = [] if one.window is None else [one.window.earliest, one.window.target, one.window.latest]
    return (
        *(one.site, one.patient, titled(one.kind, None)[0], one.dose, one.name),
        *(WEEKDAYS[one.on.weekday()], one.on.isoformat(), f"{one.start_at:%H:%M}", f"{one.end_at:%H:%M}", zone),
        *([on.isoformat() for on in window] if window else (None, None, None)),
        *((None, None) if arrival is None else (f"{arrival.planned_at:%H:%M}", f"{arrival.checked_at:%H:%M}")),
        None if one.give_by is None else f"{one.give_by:%Y-%m-%d %H:%M}",
        *(one.status, one.reason, "yes" if one.confirmed else "no", "yes" if one.told else "no"),
        *(one.text.en, one.text.ko),
    )


# --- a week on paper --------------------------------------------------------------------------------------------------


def _day(on: date, today: date, visits: Sequence[VisitView], language: int) -> PageDay:
    rows = tuple(_page_row(one, language) for one in visits)
    return PageDay(day_line(on, today, visits)[language], on == today, rows)


def day_line(on: date, today: date, visits: Sequence[VisitView]) -> tuple[str, str]:
    """All that matters of a day in a line: ``tomorrow, Wed 17 Feb 2027: 2 injections; dose arrives 07:30, ...``.

    Doses that arrive together and end together are told once.
    """
    takes_place = [one for one in visits if one.status not in OFF]
    near = {0: ("today, ", "오늘, "), 1: ("tomorrow, ", "내일, ")}.get((on - today).days, ("", ""))
    kinds = Counter(one.kind for one in takes_place)
    doses = [
        brought(one.arrives_at.planned_at, one.give_by)
        for one in takes_place
        if one.arrives_at is not None and one.status == "planned"
    ]
    lines = []
    for language, nothing in enumerate(("no visits", "방문 없음")):
        what = ", ".join(counted(kind, number)[language] for kind, number in kinds.items()) or nothing
        arrive = dict.fromkeys(one[language] for one in doses)
        lines.append("; ".join([f"{near[language]}{dated(on)[language]}: {what}", *arrive]))
    return lines[0], lines[1]


def _page_row(one: VisitView, language: int) -> PageRow:
    is_off = one.status in OFF
    told = None if is_off or one.arrives_at is None else brought(one.arrives_at.planned_at, one.give_by)
    said = [told, None if is_off or one.status != "planned" else to_do(one.kind), stands(one.status)]
    if one.status == "open":
        said.append(("This date no longer holds.", "이 날짜는 취소되었습니다."))
    elif one.status == "planned" and not one.told:
        said.append(("Patient not told yet.", "환자에게 아직 알리지 않음."))
    return PageRow(
        times=f"{one.start_at:%H:%M}–{one.end_at:%H:%M}",
        patient=one.patient,
        what=titled(one.kind, one.dose, one.name)[language],
        note=" · ".join(pair[language] for pair in said if pair is not None),
        is_off=is_off,
    )
