"""Find: complete courses a site can offer a patient, and new times for what is booked."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from scheduler.booking.access import BOOKERS, course_for, must_be, must_be_randomised, patient_for
from scheduler.booking.board import Board
from scheduler.booking.decisions import skipped_doses
from scheduler.booking.errors import Refused
from scheduler.booking.override import FENCE, OVERRIDERS, rules_broken
from scheduler.booking.windows import drift_days, windows_missed
from scheduler.domain.audience import Audience
from scheduler.domain.calendars import local_date
from scheduler.domain.course import Facts, Patient
from scheduler.domain.plan import PlannedCourse
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.mapping import NOT_YET, course_of, course_text, patient_of
from scheduler.persistence.tables import ActivityRow, OfferRow
from scheduler.persistence.unit_of_work import Begin, UnitOfWork
from scheduler.planning.desk import Desk, Proposal
from scheduler.planning.last_moment import SLACK_DAYS
from scheduler.planning.wanted import Wanted

APART_DAYS = 5  # any two offers of a course differ by so many days in dose 1


@dataclass(frozen=True)
class Ask:
    """What somebody asks for.

    `refused` are ids of offers not wanted: later ones are returned. `not_before` and `not_after` bound the date of the
    first dose that moves, both inclusive; other hours on its present date are offered only when both are that date.
    `dose` asks for other times of a booked course: of that dose alone, or with `onwards` of it and all later ones.
    With `override` they may lie outside the windows and inside the fence; what that breaks is told with the offer.
    """

    count: int = 3
    refused: tuple[str, ...] = ()
    not_before: date | None = None
    not_after: date | None = None
    dose: int | None = None
    onwards: bool = False
    override: bool = False


@dataclass(frozen=True)
class Found:
    """The offers, the cheapest first, with the facts they are made on; without any, why, in the caller's own words."""

    facts: Facts
    offers: tuple[OfferRow, ...]
    why: str | None = None


def find_offers(begin: Begin, board: Board, patient_id: str, ask: Ask, *, valid_for: timedelta) -> Found:
    """Offer a patient complete courses, or other times for a booked one. Moves nobody, takes nothing.

    Parameters
    ----------
    begin
        Makes a unit of work, writing or not. Searching happens in one that reads, so that it never holds others up;
        the offers are written in one of their own.
    valid_for
        How long the offers may be held. Until then they are as good as what is free: holding one may still fail.

    Raises
    ------
    Refused
        For an unknown patient, one with a course already or without one to change, and a role that may not book.
    """
    with begin(False) as work:
        facts, moving, version, found, broken, why = _search(work, board, patient_id, ask)
    with begin(True) as work:
        rows = tuple(
            _offer(work, one, moving, version, rules, valid_for) for one, rules in zip(found, broken, strict=True)
        )
        work.session.add_all(rows)
        work.commit()
    return Found(facts, rows, why)


def _search(
    work: UnitOfWork, board: Board, patient_id: str, ask: Ask
) -> tuple[Facts, frozenset[str], int | None, list[Proposal], list[list[str]], str | None]:
    """The facts, what would move, the version of the course, the proposals, the rules each breaks, and why none."""
    must_be(work.principal, OVERRIDERS if ask.override else BOOKERS, "look for dates")
    if ask.override and ask.dose is None:
        raise Refused("override-needs-dose", 422, "An override moves a dose of a booked course. Name the dose.")
    row = patient_for(work, patient_id)
    if row.status == "withdrawn":
        raise Refused("patient-withdrawn", 409, "This patient has left the program; nothing can be booked any more.")
    patient = patient_of(row)
    wanted = _wanted(work, ask)
    booked = repositories.course(work.session, patient_id)
    version: int | None = None
    moving: frozenset[str] = frozenset()
    broken: list[list[str]] | None = None
    with board.desk(work, registered_on=patient.registered_on) as desk:
        must_be_randomised(desk.facts, patient_id)
        fence = timedelta(days=desk.facts.policy.plant_fence_days)
        earliest_at = work.now + (min(FENCE, fence) if ask.override else fence)
        if ask.dose is None:
            if booked is not None:
                raise Refused(
                    "already-booked", 409, "This patient has a course already. Reschedule a visit of it instead."
                )
            found = desk.find(patient, _at(wanted, earliest_at, APART_DAYS))
        else:
            course_row = course_for(work, patient_id)
            version = course_row.version
            rows = repositories.activities(work.session, patient_id)
            course = course_of(patient, course_row, rows)
            moving = _moving(desk, course, rows, ask.dose, ask.onwards, earliest_at)
            stays = [one.id for one in occupancy.stays_of(work.session, patient_id) if one.id is not None]
            by_id = {one.id: one for one in rows}
            slack_days = SLACK_DAYS if ask.override else drift_days(desk.facts, course, by_id)
            asked = replace(_elsewhen(desk, course, ask, _at(wanted, earliest_at, 1)), slack_days=slack_days)
            without = skipped_doses(work, patient_id).get(patient_id, frozenset())
            found = desk.find_again(patient, course, moving, stays, asked, without=without)
            missed = [set(windows_missed(desk.facts, course, one.course, by_id).values()) for one in found]
            if ask.override:
                broken = [
                    sorted({*rules_broken(desk.facts, patient, course, one.course, work.now), *rules})
                    for one, rules in zip(found, missed, strict=True)
                ]
            else:
                found = [one for one, rules in zip(found, missed, strict=True) if not rules]
        why = None if found else _over(desk.facts, patient, earliest_at) or _why(work, ask)
        facts = desk.facts
    return facts, moving, version, found, [[] for _ in found] if broken is None else broken, why


def _elsewhen(desk: Desk, course: PlannedCourse, ask: Ask, wanted: Wanted) -> Wanted:
    """Other dates than the present one, unless exactly that one is asked for, for another hour."""
    given = course.find(desk.facts.protocol.administration, ask.dose)
    if given is None:  # it waits to be made again: no date is the present one
        return wanted
    on = local_date(given.start_at, desk.facts.network.place(course.site).zone)
    return wanted if ask.not_before == ask.not_after == on else replace(wanted, avoid=(*wanted.avoid, on))


def wanted_of(work: UnitOfWork, ask: Ask) -> Callable[[datetime], Wanted]:
    """What an ask wants of a new course, once it is known when that may begin at the earliest."""
    wanted = _wanted(work, ask)
    return lambda earliest_at: _at(wanted, earliest_at, APART_DAYS)


def _wanted(work: UnitOfWork, ask: Ask) -> Wanted:
    """What was refused lies behind: only later dates are asked for."""
    refused = [one for one in repositories.offers(work.session, ask.refused) if work.principal.may_see_site(one.site)]
    if len(refused) < len(set(ask.refused)):
        raise Refused("offer-not-found", 404, "One of the refused offers is unknown. Leave it out.")
    after = max((one.first_dose_on for one in refused), default=None)
    not_before = ask.not_before
    if after is not None:
        later = after + timedelta(days=1)
        not_before = later if not_before is None else max(later, not_before)
    return Wanted(
        earliest_at=work.now,
        count=ask.count,
        not_before=not_before,
        not_after=ask.not_after,
        avoid=tuple(one.first_dose_on for one in refused),
    )


def _at(wanted: Wanted, earliest_at: datetime, apart_days: int) -> Wanted:
    return Wanted(earliest_at, wanted.count, apart_days, wanted.not_before, wanted.not_after, wanted.avoid)


def _moving(
    desk: Desk, course: PlannedCourse, rows: list[ActivityRow], dose: int, onwards: bool, earliest_at: datetime
) -> frozenset[str]:
    """What may move: planned activities of the dose (and later ones) that begin after the fence, and what is open."""
    doses = {one.number for one in desk.facts.protocol.doses if one.number == dose or (onwards and one.number > dose)}
    administration = desk.facts.protocol.administration
    given = next((one for one in rows if one.kind == administration and one.dose == dose), None)
    if given is None:
        raise Refused("dose-not-found", 404, "This course has no such dose.")
    if given.status not in NOT_YET:
        raise Refused("already-performed", 409, "This visit has been recorded already and cannot be moved.")
    if given.status == "planned" and given.start_at < earliest_at:
        raise Refused(
            "inside-fence",
            409,
            f"This visit is less than {desk.facts.policy.plant_fence_days} days away and can no longer be moved here. "
            "A planner or doctor can ask for an override, up to a day before.",
        )
    first = min(doses)
    shared = (
        {one.id for one in rows if one.dose is None and one.kind != "follow_up"} if first == _first(desk) else set()
    )
    free = {one.id for one in rows if one.dose in doses} | shared
    return frozenset(
        one.id
        for one in rows
        if one.status == "open" or (one.id in free and one.status == "planned" and one.start_at >= earliest_at)
    )


def _first(desk: Desk) -> int:
    return min(one.number for one in desk.facts.protocol.doses)


def _over(facts: Facts, patient: Patient, earliest_at: datetime) -> str | None:
    """Whether a visit that counts from the registration can no longer take place: then no course is complete."""
    today = local_date(earliest_at, facts.network.place(patient.site).zone)
    for one in facts.protocol.follow_ups:
        last = one.window.target_on(patient.registered_on) + timedelta(days=one.window.latest_days)
        if one.anchor is None and last < today:
            return (
                f"The visit {one.name} counts from the registration and had to be by {last:%a} {last}: no complete "
                "course is left for this patient. Ask the planner."
            )
    return None


def _why(work: UnitOfWork, ask: Ask) -> str:
    """Why nothing was found; a blinded reader hears nothing of the plant."""
    asked = ask.not_before is not None or ask.not_after is not None
    wider = "Ask for a wider range of dates." if asked else "Ask the planner."
    if work.principal.audience is Audience.BLINDED:
        return f"No complete course fits these dates. {wider}"
    return f"No complete course passes every rule on these dates with what is taken now. {wider}"


def _offer(
    work: UnitOfWork,
    one: Proposal,
    moving: frozenset[str],
    version: int | None,
    broken: list[str],
    valid_for: timedelta,
) -> OfferRow:
    return OfferRow(
        id=f"off_{secrets.token_hex(12)}",
        patient=one.course.patient,
        site=one.course.site,
        course=course_text(one.course),
        replaces=json.dumps(sorted(moving)),
        breaks=json.dumps(broken),
        first_dose_on=one.on,
        cost=json.dumps(one.cost),
        made_at=work.now,
        made_by=work.principal.name,
        valid_until=work.now + valid_for,
        course_version=version,
    )
