"""From visits, steps and shipments to the events of a calendar, in English and Korean.

What a site's calendars show is made from `VisitView`, as its answers are: nothing here that serves a blinded reader
receives a plant's activity. The plant's are made from activities, a courier's from `Shipment`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.booking.unblinded import Contents
from scheduler.booking.views import Shipment, VisitView
from scheduler.booking.words import no_longer, stands, step_texts, titled, to_do
from scheduler.calendar_export.events import CalendarEvent
from scheduler.documents.blinded import visit_id
from scheduler.domain.course import Facts
from scheduler.domain.plant import Place
from scheduler.persistence.mapping import UNPLACED
from scheduler.persistence.tables import ActivityRow

OFF = frozenset({"cancelled", "open", "given_up"})
"""The statuses of what does not take place at its time."""
LONG = timedelta(hours=24)


def visit_event(
    facts: Facts, one: VisitView, changed_at: datetime, *, tells_the_patient: bool = False
) -> CalendarEvent:
    """A visit for its site; for a coordinator also what the patient still has to hear."""
    en, ko = titled(one.kind, one.dose, one.name)
    told = _told(one) if tells_the_patient else None
    what = None if one.status in OFF else to_do(one.kind)
    return CalendarEvent(
        uid=_uid(facts, one.id),
        sequence=one.version,
        changed_at=changed_at,
        start_at=one.start_at,
        end_at=one.end_at,
        summary=f"{one.patient}: {en} / {ko}",
        description=_lines((one.text.en, one.text.ko), what, stands(one.status), told),
        location=facts.network.place(one.site).name,
        categories=(en.partition(",")[0], *(["to tell"] if told and one.status == "planned" and not one.told else [])),
        is_cancelled=one.status in OFF,
    )


def plant_event(facts: Facts, row: ActivityRow, changed_at: datetime) -> CalendarEvent:
    """A step at the plant for those who do it: no contents, no weight."""
    place = facts.network.place(row.place)
    en, ko = titled(row.kind, row.dose)
    units = ", ".join(json.loads(row.units).values())
    return CalendarEvent(
        uid=_uid(facts, row.id),
        sequence=row.version,
        changed_at=changed_at,
        start_at=row.start_at,
        end_at=row.end_at,
        summary=f"{row.course}: {en} / {ko}" + (f" ({units})" if units else ""),
        description=_lines(_texts(row, place), stands(row.status)),
        location=place.name,
        categories=(en.partition(",")[0],),
        is_cancelled=row.status in OFF,
        is_background=row.end_at - row.start_at >= LONG,
    )


def shipment_event(facts: Facts, one: Shipment, sequence: int, changed_at: datetime) -> CalendarEvent:
    """A transit for those who carry it: neither contents nor patient."""
    where = f"{one.from_place} → {one.to_place}"
    cold = one.at_least_celsius is not None and one.at_most_celsius is not None
    celsius = f"{one.at_least_celsius:g}–{one.at_most_celsius:g} °C" if cold else None
    return CalendarEvent(
        uid=_uid(facts, one.id),
        sequence=sequence,
        changed_at=changed_at,
        start_at=one.pick_up_at,
        end_at=one.drop_at,
        summary=where + (f", {celsius}" if celsius else "") + (f" ({one.box})" if one.box else ""),
        description=_lines(_carried(facts, one, where, celsius), stands(one.status)),
        location=facts.network.place(one.from_place).name,
        categories=("transport",),
        is_cancelled=one.status in OFF,
    )


def receipt_event(
    facts: Facts, row: ActivityRow, site: str, contents: Contents | None, units: Sequence[str], changed_at: datetime
) -> CalendarEvent:
    """The arrival of a dose for the site's pharmacist, who knows what it holds and, once it is filled, its units."""
    place = facts.network.place(site)
    en, ko = titled(row.kind, row.dose)
    return CalendarEvent(
        uid=_uid(facts, row.id),
        sequence=row.version,
        changed_at=changed_at,
        start_at=row.start_at,
        end_at=row.end_at,
        summary=f"{row.course}: {en} / {ko}",
        description=_lines(_texts(row, place), _held(contents, place.zone), _made(units), stands(row.status)),
        location=place.name,
        categories=("receipt",),
        is_cancelled=row.status in OFF,
    )


def _carried(facts: Facts, one: Shipment, where: str, celsius: str | None) -> tuple[str, str]:
    from_zone, to_zone = (facts.network.place(code).zone for code in (one.from_place, one.to_place))
    end_at = one.drop_at.astimezone(one.pick_up_at.tzinfo)
    en, ko = step_texts("transport", None, where, one.pick_up_at, end_at, from_zone)
    by, drop = f"{one.hand_over_by:%H:%M}", f"{one.drop_at:%H:%M} ({to_zone})"
    keep_en, keep_ko = (f" Keep at {celsius}.", f" {celsius} 유지.") if celsius else ("", "")
    return (
        f"{en}\nHand over by {by}; dropped at {drop}.{keep_en}",
        f"{ko}\n인계: {by}까지; 도착: {drop}.{keep_ko}",
    )


def _held(contents: Contents | None, zone: str) -> tuple[str, str]:
    if contents is None:
        return "Contents: not randomised yet.", "내용물: 아직 무작위 배정 전입니다."
    en, ko = ("cells", "세포") if contents.make else ("comparator", "대조약")
    by = contents.give_by
    en_by, ko_by = ("", "") if by is None else _by(by.astimezone(ZoneInfo(zone)))
    amount = f"{contents.volume_ml:g} mL"
    return (
        f"Contents: {en}, {amount} in {contents.syringes} syringes ({contents.coi}).{en_by}",
        f"내용물: {ko}, {amount}, 주사기 {contents.syringes}개 ({contents.coi}).{ko_by}",
    )


def _made(units: Sequence[str]) -> tuple[str, str] | None:
    listed = ", ".join(units)
    return (f"Units: {listed}.", f"주사기 번호: {listed}.") if units else None


def _by(at: datetime) -> tuple[str, str]:
    return f" Give by {at:%Y-%m-%d %H:%M}.", f" 투여 기한: {at:%Y-%m-%d %H:%M}."


def _told(one: VisitView) -> tuple[str, str] | None:
    if one.status == "open":
        return "Tell the patient that this date no longer holds.", "이 날짜가 취소되었음을 환자에게 알려 주세요."
    if one.status != "planned":
        return None
    if not one.told:
        return "The patient has not been told of this date.", "환자에게 아직 이 날짜를 알리지 않았습니다."
    if not one.confirmed:
        return "Told, not confirmed.", "안내함, 확인 전."
    return "Confirmed by the patient.", "환자가 확인함."


def _texts(row: ActivityRow, place: Place) -> tuple[str, str]:
    zone = ZoneInfo(place.zone)
    start_at, end_at = row.start_at.astimezone(zone), row.end_at.astimezone(zone)
    texts = step_texts(row.kind, row.dose, None, start_at, end_at, place.zone)
    return no_longer(*texts) if row.status in UNPLACED else texts


def _lines(*pairs: tuple[str, str] | None) -> str:
    """Every sentence in English, then every one in Korean."""
    said = [pair for pair in pairs if pair is not None]
    return "\n".join([*(en for en, _ in said), "", *(ko for _, ko in said)])


def _uid(facts: Facts, key: str) -> str:
    """The same in every feed and for as long as the visit or step exists."""
    return f"{visit_id(facts.program, key)}@marrowline"
