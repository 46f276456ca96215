"""Import courses that have begun elsewhere: what was performed stands, what remains is planned and booked."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from scheduler.booking.access import must_be, must_be_randomised
from scheduler.booking.board import Board
from scheduler.booking.book import visit_times, written
from scheduler.booking.errors import Refused
from scheduler.booking.identity import identify
from scheduler.booking.record import complete
from scheduler.booking.seating import seated, violations_alone
from scheduler.domain.audience import Role
from scheduler.domain.calendars import local_date
from scheduler.domain.course import FOLLOW_UP, Facts, Patient, activity_id, follow_up_id, steps_of
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.protocol import Step
from scheduler.domain.rules_context import visit_step
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.tables import PatientRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.planning.desk import Desk, Proposal
from scheduler.planning.slots import Route
from scheduler.planning.wanted import Wanted

HEADER = ("patient", "site", "registered_on", "weight_kg", "kind", "dose", "start_at", "end_at")
MOST_LINES = 20_000
STUDY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class RowReport:
    """What became of one line of the file (1 is the header): a patient's lines are imported all or none."""

    line: int
    patient: str
    ok: bool
    problem: str | None = None


@dataclass(frozen=True)
class _Line:
    """One performed activity as the file has it; `dose` is a number, a follow-up's name, or empty."""

    number: int
    patient: Patient
    kind: str
    dose: str
    start_at: datetime
    end_at: datetime


class _Problem(Exception):
    """Something is wrong with one line, or with all of a patient where `line` is None."""

    def __init__(self, words: str, line: int | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.line = line


def import_courses(
    begin: Callable[[], UnitOfWork], board: Board, content: bytes, *, dry_run: bool = False
) -> list[RowReport]:
    """Import a CSV file of performed activities, patient by patient, each in a transaction of its own.

    The remaining steps of every course are planned against all that is booked, from now on. A dry run does the same and
    keeps nothing, so it tries each patient alone.

    Parameters
    ----------
    begin
        Makes a writing unit of work.
    content
        UTF-8 with the header ``patient,site,registered_on,weight_kg,kind,dose,start_at,end_at``; one line for each
        performed activity, with its actual times and their UTC offset. `dose` is empty where a step serves the whole
        course, and the name of the visit for the kind ``follow_up``.

    Returns
    -------
    list[RowReport]
        One report for each line, in the order of the file.

    Raises
    ------
    Refused
        403 for other roles, 409 without a program, 422 for a file that cannot be read at all.
    """
    with begin() as work:
        must_be(work.principal, frozenset({Role.PLANNER}), "import courses")
        facts = board.facts(work)
    rows = _rows(content)
    names = {number: cells[0] if cells else "" for number, cells in rows}
    problems: dict[int, str] = {}
    lines: dict[str, list[_Line]] = {}
    for number, cells in rows:
        try:
            one = _line(facts, number, cells)
        except _Problem as problem:
            problems[number] = problem.words
        else:
            lines.setdefault(one.patient.id, []).append(one)
    wrong = {names[number] for number in problems}
    for name, listed in lines.items():
        whole = f"Not imported: another line of {name} is wrong."
        try:
            if name in wrong:
                raise _Problem(whole)
            with begin() as work:
                _import_one(work, board, listed)
                if not dry_run:
                    work.commit()
        except _Problem as problem:
            problems.update(
                {one.number: problem.words if problem.line in (None, one.number) else whole for one in listed}
            )
        except Refused as refusal:
            problems.update({one.number: refusal.sentence for one in listed})
    return [RowReport(number, names[number], number not in problems, problems.get(number)) for number, _ in rows]


def _rows(content: bytes) -> list[tuple[int, list[str]]]:
    """Line number and cells of every line but the header and empty ones."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Refused("not-utf8", 422, f"The file is not UTF-8: byte {problem.start}. Save it as CSV UTF-8.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as problem:
        raise Refused("bad-csv", 422, f"Line {reader.line_num} is no CSV: {problem}.") from None
    if tuple(header) != HEADER:
        raise Refused("bad-header", 422, f"The first line must be {','.join(HEADER)}.")
    if not rows or len(rows) > MOST_LINES:
        raise Refused("bad-length", 422, f"The file must have 1 to {MOST_LINES} lines after the header.")
    return rows


def _line(facts: Facts, number: int, cells: list[str]) -> _Line:
    if len(cells) != len(HEADER):
        raise _Problem(f"The line has {len(cells)} cells, not {len(HEADER)}.")
    for key, cell in zip(HEADER, cells, strict=True):
        if cell.startswith(FORMULA):
            raise _Problem(f"{key} looks like a formula. Write plain values.")
    name, site, registered_on, weight_kg, kind, dose, start_at, end_at = cells
    if not STUDY_ID.fullmatch(name):
        raise _Problem("patient must be a study id: up to 40 letters, digits, - and _.")
    if site not in {place.code for place in facts.network.sites}:
        raise _Problem("site must be the code of a site of this program.")
    patient = Patient(name, site, _date(registered_on), _weight(facts, weight_kg))
    if patient.registered_on < facts.starts_on:
        raise _Problem(f"registered_on lies before the program's first day, {facts.starts_on}.")
    one = _Line(number, patient, kind, dose, _instant("start_at", start_at), _instant("end_at", end_at))
    if one.end_at < one.start_at:
        raise _Problem("end_at lies before start_at.")
    return one


def _date(cell: str) -> date:
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise _Problem("registered_on must be a date such as 2027-03-01.") from None


def _weight(facts: Facts, cell: str) -> float:
    product = facts.protocol.product
    try:
        weight_kg = float(cell)
    except ValueError:
        weight_kg = math.nan
    if not math.isfinite(weight_kg) or not product.accepts(weight_kg):
        raise _Problem(f"weight_kg must be at least {product.lightest_kg:g} and below {product.heaviest_kg:g}.")
    return weight_kg


def _instant(key: str, cell: str) -> datetime:
    try:
        instant = datetime.fromisoformat(cell)
    except ValueError:
        raise _Problem(f"{key} must be a time such as 2027-03-11T08:00+01:00.") from None
    if instant.utcoffset() is None:
        raise _Problem(f"{key} needs its UTC offset, such as +01:00.")
    return instant


def _import_one(work: UnitOfWork, board: Board, lines: list[_Line]) -> None:
    """Plan and write one patient's course; _Problem or Refused when that cannot be."""
    revision = work.lock_board()
    patient = _same_patient(lines)
    with board.desk(work, registered_on=patient.registered_on) as desk:
        facts = desk.facts
        must_be_randomised(facts, patient.id)
        _times_possible(work, facts, lines)
        steps = _steps(facts, patient)
        performed = _performed(steps, lines)
        _in_order(facts, patient, steps, performed)
        row = _patient_row(work, patient)
        course = _planned(work, desk, patient, steps, performed)
        course, stays = seated(work, board, desk, course)
        broken = [
            one
            for one in violations_alone(facts, patient, course)
            # A culture begins when the seeding really ended, on no quarter of an hour.
            if one.rule != "quarter_hour" and not set(one.activities) <= performed.keys()
        ]
        if broken:
            raise _Problem(f"The remaining steps cannot be planned: {broken[0].message}.")
    course_row = written(work, facts, course)
    occupancy.add_stays(work.session, stays, revision)
    _mark(work, facts, performed)
    row.status, row.version = "booked", row.version + 1
    after = {"performed": sorted(performed), "visits": visit_times(facts, course)}
    work.audit("course:imported", patient.id, after=after)
    activities = {one.id: one for one in repositories.activities(work.session, patient.id)}
    complete(work, facts, course_row, row, activities)


def _same_patient(lines: list[_Line]) -> Patient:
    for one in lines:
        if one.patient != lines[0].patient:
            raise _Problem("site, registered_on and weight_kg differ from the patient's first line.", one.number)
    return lines[0].patient


def _times_possible(work: UnitOfWork, facts: Facts, lines: list[_Line]) -> None:
    for one in lines:
        zone = facts.network.place(one.patient.site).zone
        if one.end_at > work.now:
            raise _Problem("end_at lies in the future. Only what has been performed is imported.", one.number)
        if local_date(one.start_at, zone) < one.patient.registered_on:
            raise _Problem("start_at lies before the patient's registration.", one.number)


@dataclass(frozen=True)
class _Known:
    """A step the patient's course may have: how the file names it, and what the plan calls it."""

    id: str
    step: Step
    dose: int | None
    serves: int | None


def _steps(facts: Facts, patient: Patient) -> dict[tuple[str, str], _Known]:
    """Kind and dose, as the file has them, of every step of the course."""
    found = {
        (at.step.kind, "" if at.dose is None else str(at.dose)): _Known(
            activity_id(patient.id, at.dose, at.step.kind), at.step, at.dose, at.serves
        )
        for at in steps_of(facts.protocol, facts.arm_of(patient.id))
    }
    for one in facts.protocol.follow_ups:
        found[FOLLOW_UP, one.name] = _Known(follow_up_id(patient.id, one.name), visit_step(one), None, None)
    return found


def _performed(steps: dict[tuple[str, str], _Known], lines: list[_Line]) -> dict[str, _Line]:
    found: dict[str, _Line] = {}
    for one in lines:
        known = steps.get((one.kind, one.dose))
        if known is None:
            kinds = {kind for kind, _ in steps}
            words = "dose is not one this step has" if one.kind in kinds else "kind is no step of the protocol"
            raise _Problem(f"{words}. Check it.", one.number)
        if known.id in found:
            raise _Problem(f"This step is in line {found[known.id].number} already.", one.number)
        found[known.id] = one
    return found


def _in_order(
    facts: Facts, patient: Patient, steps: dict[tuple[str, str], _Known], performed: dict[str, _Line]
) -> None:
    """Every step after those it follows, and none without them."""
    for known in steps.values():
        one = performed.get(known.id)
        for kind in known.step.after if one is not None else ():
            before = steps.get((kind, str(known.serves))) or steps.get((kind, ""))
            if one is None or before is None:
                continue
            first = performed.get(before.id)
            if first is None:
                raise _Problem(f"{kind} comes before {one.kind} and is missing.", one.number)
            if first.end_at > one.start_at:
                raise _Problem(f"This starts before {kind} of line {first.number} has ended.", one.number)


def _patient_row(work: UnitOfWork, patient: Patient) -> PatientRow:
    row = repositories.patient(work.session, patient.id)
    if row is None:
        row = PatientRow(
            id=patient.id,
            site=patient.site,
            registered_on=patient.registered_on,
            weight_kg=patient.weight_kg,
            registered_at=work.now,
            registered_by=work.principal.name,
        )
        work.session.add(row)
        work.session.flush()
        after = {"site": patient.site, "registered_on": patient.registered_on}
        work.audit("patient:registered", patient.id, after=after)
        return row
    if repositories.course(work.session, patient.id) is not None:
        raise _Problem("This patient has a course already.")
    if repositories.hold_of_patient(work.session, patient.id, work.now) is not None:
        raise _Problem("Dates are being held for this patient. Release that hold first.")
    if (row.site, row.registered_on, row.weight_kg) != (patient.site, patient.registered_on, patient.weight_kg):
        raise _Problem("This patient is registered with another site, date or weight.")
    return row


def _planned(
    work: UnitOfWork,
    desk: Desk,
    patient: Patient,
    steps: dict[tuple[str, str], _Known],
    performed: dict[str, _Line],
) -> PlannedCourse:
    """The cheapest completion of what was performed, by whatever plant and couriers it can be."""
    moving = frozenset(known.id for known in steps.values() if known.id not in performed and known.serves is not None)
    found: list[Proposal] = []
    for route in desk.routes(patient):
        begun = _begun(desk.facts, patient, route, steps, performed)
        if not moving and len(begun.activities) == len(steps):
            return begun
        found += desk.find_again(patient, begun, moving, (), Wanted(earliest_at=work.now, count=1))
    if not found:
        raise _Problem("The remaining steps find no place that fits what was performed and what is booked.")
    return min(found, key=lambda one: one.cost).course


def _begun(
    facts: Facts,
    patient: Patient,
    route: Route,
    steps: dict[tuple[str, str], _Known],
    performed: dict[str, _Line],
) -> PlannedCourse:
    def activity(known: _Known, one: _Line) -> Activity:
        lane = (route.inbound if known.step.side == "site" else route.outbound) if known.step.is_transit else None
        filled = known.step.kind == facts.protocol.filled_in
        return Activity(
            id=known.id,
            kind=known.step.kind,
            dose=known.dose,
            place=route.place(known.step.side),
            units={},
            start_at=one.start_at,
            end_at=one.end_at,
            lane=None if lane is None else lane.code,
            volume_ml=facts.protocol.product.volume_ml(patient.weight_kg) if filled else None,
            syringes=facts.protocol.product.syringes(patient.weight_kg) if filled else None,
        )

    listed = (activity(known, performed[known.id]) for known in steps.values() if known.id in performed)
    ordered = sorted(listed, key=lambda one: (one.start_at, one.end_at, one.id))
    return PlannedCourse(
        patient.id, patient.site, route.plant, patient.registered_on, patient.weight_kg, tuple(ordered)
    )


def _mark(work: UnitOfWork, facts: Facts, performed: dict[str, _Line]) -> None:
    for name, one in performed.items():
        row = repositories.activity(work.session, name)
        assert row is not None
        row.status, row.actual_start_at, row.actual_end_at = "performed", one.start_at, one.end_at
        row.recorded_by = work.principal.name
        identify(work, facts, row)
        visit = repositories.visit(work.session, name)
        if visit is not None:
            visit.status = "performed"
    work.session.flush()
