"""The life of a day: what is due is done and recorded, fate strikes and is reported, all through the public API.

The people do what the plan in force says. A step that cannot take place when and where it is planned (a closed room, a
patient who stays away) has failed, and is reported as failed; one that waits for something late begins late; what
misses its courier is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from scheduler.booking.board import Board
from scheduler.domain.audience import Role
from scheduler.domain.calendars import local_date, local_instant
from scheduler.domain.course import FOLLOW_UP, Facts, Patient
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.domain.protocol import Step
from scheduler.domain.rules_context import Judged, visit_step
from scheduler.domain.rules_courier import arrival_open, departure
from scheduler.domain.rules_time import closure, hindrance
from scheduler.persistence import proposals, repositories
from scheduler.persistence.mapping import course_of, patient_of
from scheduler.persistence.tables import ActivityRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reliability.fate import Fate, Misfortune, failure_of
from scheduler.reliability.people import People
from scheduler.reoptimise.proposals import losses_of

AHEAD = timedelta(days=8)  # longer than anybody says before that a visit is put off
SLACK = timedelta(minutes=15)
DONE = ("performed", "late")


class Due(NamedTuple):
    """Something to be done at an instant, once: `key` tells it from everything else."""

    at: datetime
    key: str
    do: Callable[[], None]


@dataclass
class Life:
    """Everybody's days, one after the other.

    Attributes
    ----------
    booked
        Each course as it was first booked, by patient.
    acknowledged
        The steps whose record was acknowledged, each with the attempt it was.
    outcomes
        How often an event was answered how.
    """

    people: People
    facts: Facts
    fate: Fate
    misfortunes: Sequence[Misfortune]
    patients: Sequence[Patient]
    booked: dict[str, PlannedCourse] = field(default_factory=dict)
    acknowledged: list[tuple[str, int]] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    _over: set[str] = field(default_factory=set)
    _arrives: dict[tuple[str, int], datetime] = field(default_factory=dict)
    _changed: bool = False
    board: Board = field(default_factory=Board)

    def until(self, end: datetime) -> None:
        """Live until an instant: everything in the order in which it is due."""
        while True:
            self._changed = False
            for due in sorted(self._agenda(end), key=lambda one: (one.at, one.key)):
                self._over.add(due.key)
                self.people.clock.reach(due.at)
                due.do()
                if self._changed:  # what is due may be something else by now
                    break
            else:
                self.people.clock.reach(end)
                return

    def _agenda(self, end: datetime) -> list[Due]:
        with self.people.look() as work:
            ever = local_instant(self.facts.starts_on - timedelta(days=400), 0, self.zone)
            rows = repositories.activities_between(work.session, ever, end + AHEAD)
        near = [one for one in rows if one.start_at < end]
        parts = (self._steps(near), self._postponed(rows), self._whole_program(), self._rounds(end))
        return [one for part in parts for one in part if one.at < end and one.key not in self._over]

    @property
    def zone(self) -> str:
        """The time zone of the program."""
        return self.facts.network.plants[0].zone

    # --- steps ------------------------------------------------------------------------------------------------

    def _steps(self, rows: Sequence[ActivityRow]) -> Iterator[Due]:
        for row in rows:
            key = f"{row.id} {row.attempt} {row.start_at}"
            arrives = self._arrives.get((row.id, row.attempt))
            mishap = None
            if row.kind != FOLLOW_UP and arrives is None:
                mishap = self.fate.of_step(self._step(row), row.course, row.dose, row.attempt)
            if mishap is not None and mishap.kind == "shipment_late":
                yield Due(row.end_at, f"late {key}", partial(self._late, row, mishap.late))
            elif mishap is not None:
                at = row.start_at + mishap.share * (row.end_at - row.start_at)
                yield Due(at, f"fails {key}", partial(self._fails, row, mishap.kind))
            else:
                at = arrives or row.end_at
                yield Due(at, f"does {key} {arrives}", partial(self._does, row))

    def _step(self, row: ActivityRow) -> Step:
        if row.kind == FOLLOW_UP:
            return visit_step(self.facts.protocol.follow_ups[0])
        return self.facts.protocol.step(row.kind)

    def _does(self, row: ActivityRow) -> None:
        """Record a step as performed, late where something before it was; or report that it could not be."""
        step = self._step(row)
        if row.id in self._forbidden(row.course):
            self._fails(row, failure_of(self.facts.protocol, step) if row.kind != FOLLOW_UP else None)
            return
        start_at, end_at = self._actual(row, step)
        if step.is_transit and start_at > row.start_at:
            self._fails(row, "shipment_lost")
            return
        self.people.clock.reach(end_at)
        body = {
            "outcome": "late" if start_at > row.start_at + SLACK else "performed",
            "start_at": start_at.isoformat(),
            "end_at": end_at.isoformat(),
        }
        if step.attended and row.kind != FOLLOW_UP:
            body |= {"weight_kg": self._weight(row.course)}  # type: ignore[dict-item]
        if self._recorded(row, step, body) is None and row.kind == self.facts.protocol.filled_in:
            self._weigh(row, start_at)
            self._recorded(row, step, body)

    def _recorded(self, row: ActivityRow, step: Step, body: dict[str, Any]) -> Any:
        role, site = self._who(row, step)
        found = self.people.post(role, site, f"/v1/activities/{row.id}/record", body)
        if found is None and row.kind == self.facts.protocol.administration:
            signed = {"reason": "given when it could be", "signature": self._signed(role, site, "given outside")}
            found = self.people.post(role, site, f"/v1/activities/{row.id}/record", body | signed)
        if found is not None:
            self.acknowledged.append((row.id, row.attempt))
        return found

    def _actual(self, row: ActivityRow, step: Step) -> tuple[datetime, datetime]:
        """When it really took place: after what it waits for, and some minutes longer where nothing waits for it."""
        with self.people.look() as work:
            others = repositories.activities(work.session, row.course)
        before = [one for one in others if one.kind in step.after and one.dose in (row.dose, None)]
        ready = [one.actual_end_at for one in before if one.actual_end_at is not None and one.status in DONE]
        start_at = max([row.start_at, *ready])
        arrives = self._arrives.get((row.id, row.attempt))
        if arrives is not None:
            return start_at, arrives
        end_at = start_at + (row.end_at - row.start_at)
        if step.hold is not None:
            return min(start_at, row.end_at), row.end_at
        following = [one.start_at for one in others if one.start_at >= row.end_at and one.status == "planned"]
        if min(following, default=end_at + SLACK) >= end_at + SLACK and not step.is_transit:
            end_at += timedelta(minutes=self.fate.draw(row.id, row.attempt, "longer").randint(0, 10))
        return start_at, end_at

    def _who(self, row: ActivityRow, step: Step) -> tuple[Role, str | None]:
        if step.is_transit or step.side == "plant":
            return Role.PLANNER, None
        return Role.COORDINATOR, row.place

    def _weight(self, patient: str) -> float:
        return next(one.weight_kg for one in self.patients if one.id == patient)

    def _weigh(self, row: ActivityRow, before: datetime) -> None:
        site = next(one.site for one in self.patients if one.id == row.course)
        body = {"weight_kg": self._weight(row.course), "measured_at": (before - timedelta(days=1)).isoformat()}
        self.people.post(Role.COORDINATOR, site, f"/v1/patients/{row.course}/weights", body)

    def _forbidden(self, name: str) -> set[str]:
        """The steps of a course that cannot take place: somewhere is closed, nothing leaves, or a patient stays away.

        Steps that only wait for something take place later, and are not among them.
        """
        with self.people.look() as work:
            facts = self.board.facts(work)
            row, patient = repositories.course(work.session, name), repositories.patient(work.session, name)
            assert row is not None and patient is not None
            planned = [one for one in repositories.activities(work.session, name) if one.status == "planned"]
            course = course_of(patient_of(patient), row, planned)
        plan = Plan(facts.program, "feasible", 0, (0, 0, 0), (0, 0, 0), 0.0, (course,))
        judged = Judged.of(plan, Facts(**{**facts.__dict__, "patients": (patient_of(patient),)}))
        closed = {one.activities[0] for rule in (closure, departure, arrival_open) for one in rule(judged)}
        attended = {one.id for one in judged.occurrences if one.step.attended}
        return closed | {one.activities[0] for one in hindrance(judged) if one.activities[0] in attended}

    # --- what goes wrong --------------------------------------------------------------------------------------

    def _fails(self, row: ActivityRow, kind: str | None) -> None:
        role, site = self._who(row, self._step(row))
        if kind is None:  # a follow-up visit that nobody came to
            body = {"outcome": "failed", "start_at": row.start_at.isoformat(), "end_at": row.end_at.isoformat()}
            self.people.post(role, site, f"/v1/activities/{row.id}/record", body)
            return
        at = min(self.people.clock(), row.end_at)
        self._report(role, site, {"kind": kind, "activity": row.id, "at": at.isoformat()})

    def _late(self, row: ActivityRow, late: timedelta) -> None:
        arrives = row.end_at + late
        self._arrives[row.id, row.attempt] = arrives
        body = {"kind": "shipment_late", "activity": row.id, "arrives_at": arrives.isoformat()}
        self._report(Role.PLANNER, None, body)

    def _report(self, role: Role, site: str | None, body: dict[str, Any]) -> None:
        found = self.people.post(role, site, "/v1/events", body)
        if found is not None:
            self._changed = True
            self.outcomes[f"{body['kind']} {found['outcome']}"] += 1

    def _postponed(self, rows: Sequence[ActivityRow]) -> Iterator[Due]:
        """The first visit of a dose, and the harvest, may be put off."""
        first: dict[tuple[str, int | None], ActivityRow] = {}
        for row in rows:
            if row.kind != FOLLOW_UP and self._step(row).attended:
                first.setdefault((row.course, row.dose), row)
        for (patient, dose), row in first.items():
            found = self.fate.postponed(patient, dose)
            if found is not None and row.attempt == 1:
                at = max(row.start_at - found.notice, self.people.clock())
                if at < row.start_at:
                    yield Due(at, f"postpones {patient} {dose}", partial(self._puts_off, row, found.days))

    def _puts_off(self, row: ActivityRow, days: int) -> None:
        on = local_date(row.start_at, self.facts.network.place(row.place).zone) + timedelta(days=days)
        body = {"kind": "visit_postponed", "visit": row.id, "not_before": on.isoformat(), "reason": "cannot come"}
        self._report(Role.COORDINATOR, row.place, body)

    def _whole_program(self) -> Iterator[Due]:
        for number, one in enumerate(self.misfortunes):
            yield Due(one.known_at, f"misfortune {number}", partial(self._report, Role.PLANNER, None, dict(one.report)))
        for patient in self.patients:
            if patient.id in self.booked:
                at = self.leaves_at(patient)
                yield Due(at, f"leaves {patient.id}", partial(self._leaves, patient))

    def leaves_at(self, patient: Patient) -> datetime:
        """When a patient leaves the trial, if the course is not over by then."""
        return local_instant(patient.registered_on, 720, self.zone) + self.fate.stays(patient.id)

    def _leaves(self, patient: Patient) -> None:
        body = {"kind": "patient_left", "patient": patient.id, "reason_code": "withdrawn_consent"}
        self._report(Role.COORDINATOR, patient.site, body)

    # --- what people do every day -----------------------------------------------------------------------------

    def _rounds(self, end: datetime) -> Iterator[Due]:
        today = local_date(self.people.clock(), self.zone)
        for on in (today, today + timedelta(days=1)):
            minute = self.fate.draw("approves", on).randint(8 * 60, 18 * 60)
            yield Due(local_instant(on, 540, self.zone), f"tells {on}", partial(self._tells, on))
            yield Due(local_instant(on, 600, self.zone), f"books {on}", partial(self._books, on))
            yield Due(local_instant(on, minute, self.zone), f"approves {on}", self._approves)
            yield Due(local_instant(on, 1110, self.zone), f"decides {on}", partial(self._decides, on))

    def _tells(self, today: date) -> None:
        """Each site tells its patients what changed, and is promised by most that they will come in three weeks."""
        for site in self.facts.network.sites:
            path = f"/v1/visits?from={today}&to={today + timedelta(days=45)}&limit=100"
            for one in self.people.get(Role.COORDINATOR, site.code, path)["items"]:
                if one["status"] != "planned":
                    continue
                near = date.fromisoformat(one["on"]) <= today + timedelta(days=21)
                asked = self.fate.draw(one["id"], one["on"], "confirms").random() < 0.85
                what = (
                    "confirm" if near and asked and not one["confirmed"] else "acknowledge" if not one["told"] else None
                )
                if what is not None and (near or one["reason"] is not None):
                    self.people.post(Role.COORDINATOR, site.code, f"/v1/visits/{one['id']}/{what}", None)

    def _books(self, today: date) -> None:
        """Patients register on their day, and are offered dates until there are some."""
        for one in self.patients:
            if one.registered_on == today:
                body = {"id": one.id, "site": one.site, "registered_on": str(today), "weight_kg": one.weight_kg}
                self.people.post(Role.COORDINATOR, one.site, "/v1/patients", body)
            if one.registered_on <= today and one.id not in self.booked:
                self._book(one)

    def _book(self, patient: Patient) -> None:
        ask = (Role.COORDINATOR, patient.site)
        found = self.people.post(*ask, f"/v1/patients/{patient.id}/offers", {"count": 1})
        if not found or not found["offers"]:
            return
        held = self.people.post(*ask, "/v1/holds", {"offer": found["offers"][0]["id"]})
        made = held and self.people.post(*ask, "/v1/bookings", {"hold": held["id"]})
        if made:
            self._changed = True
            with self.people.look() as work:
                row = repositories.course(work.session, patient.id)
                assert row is not None
                self.booked[patient.id] = course_of(patient, row, repositories.activities(work.session, patient.id))

    def _approves(self) -> None:
        """The planner signs what waits for approval; rather than a dose its cells are given up, if they can be."""
        with self.people.look() as work:
            waiting = [one.id for one in proposals.in_state(work.session, "proposed")]
            found = [proposals.proposal(work.session, number) for number in waiting if number is not None]
            losses = {(one.patient, one.dose) for each in found if each is not None for one in losses_of(each)}
            grown = [row for patient, dose in sorted(losses) if (row := self._growing(work, patient, dose)) is not None]
        if grown:
            self._fails(grown[0], "lot_failed")
            return
        for number in waiting:
            body = {"signature": self._signed(Role.PLANNER, None, "approval of a plan")}
            if self.people.post(Role.PLANNER, None, f"/v1/plans/{number}/approve", body) is not None:
                self._changed = True

    def _growing(self, work: UnitOfWork, patient: str, dose: int) -> ActivityRow | None:
        """The step in which the cells of a dose grow now, if they do: other cells may come from the bank."""
        first = self.facts.protocol.doses[0].number
        for row in repositories.activities(work.session, patient):
            serves = row.dose == dose or (row.dose is None and dose == first)
            if serves and row.status == "planned" and row.start_at < work.now and row.kind != FOLLOW_UP:
                step = self._step(row)
                if step.cells and step.hold is not None:
                    return row
        return None

    def _decides(self, today: date) -> None:
        """A dose without a place is given up once nothing helps any more, after a last look outside its window."""
        now = self.people.clock()
        for one in self.people.get(Role.PLANNER, None, "/v1/decisions")["items"]:
            if "remake" in one["options"] and one["decide_by"] is not None:
                continue
            if one["decide_by"] is not None and self._deviates(one, now):
                continue
            patience = self.fate.draw(one["id"], today).random()
            if one["decide_by"] is None or patience < 0.3:
                body = {
                    "reason": "nothing helps any more",
                    "signature": self._signed(Role.DOCTOR, one["site"], "skipped"),
                }
                self.people.post(Role.DOCTOR, one["site"], f"/v1/decisions/{one['id']}/skip", body)

    def _deviates(self, decision: dict[str, Any], now: datetime) -> bool:
        """Dates outside the window, signed by the doctor; whether there were any."""
        who, course = (Role.DOCTOR, decision["site"]), f"/v1/courses/{decision['patient']}"
        ask = {"dose": decision["dose"], "override": True, "count": 1}
        found = self.people.post(*who, f"{course}/offers", ask)
        if not found or not found["offers"]:
            return False
        body = {"offer": found["offers"][0]["id"], "reason_code": "other", "note": "outside its window or not at all"}
        signed = body | {"signature": self._signed(*who, "override of a window")}
        made = self.people.post(*who, f"{course}/reschedule", signed, version=self.people.version(*who, course))
        self._changed = self._changed or made is not None
        return made is not None

    def _signed(self, role: Role, site: str | None, meaning: str) -> dict[str, str]:
        return self.people.signature(role, site, meaning)
