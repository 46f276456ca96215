"""Events: say what went wrong; the answer is whom it hits and what can be done."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from api.bookings import visit_views
from api.dependencies import Caller, CurrentCaller, Idempotent, require
from api.documentation import responses
from api.paging import Page, page_of
from api.routers.decisions import DecisionView, PlantDecisionView, decision_view
from api.routers.proposals import ProposalView, proposal_view
from api.routers.shipments import transit_of
from api.schemas import (
    ActivityId,
    Code,
    Day,
    DoseNumber,
    Incoming,
    Instant,
    Kind,
    Name,
    Note,
    OpaqueId,
    Outgoing,
    PatientId,
    Reason,
)
from scheduler.booking.errors import not_found
from scheduler.booking.views import VisitView
from scheduler.domain import events as told
from scheduler.domain.audience import Audience, Role
from scheduler.persistence import proposals, repositories
from scheduler.persistence.tables_plans import EventRow
from scheduler.reoptimise.answer import Answer, Outcome, SiteOutcome, answer, for_site

router = APIRouter(prefix="/v1", tags=["events"])

REPORTERS = (
    Role.COORDINATOR,
    Role.SITE_STAFF,
    Role.DOCTOR,
    Role.PHARMACIST,
    Role.PLANNER,
    Role.QA,
    Role.COURIER,
)
READERS = (Role.PLANNER, Role.QA, Role.AUDITOR)


ShipmentRef = Annotated[
    ActivityId | OpaqueId, Field(description="The transit; for a courier the id of the shipment, as it was given out.")
]


class LotFailed(Incoming):
    """A lot cannot be used, as was seen at this step; the dose is made again, from the bank where there is one."""

    kind: Literal["lot_failed"]
    activity: ActivityId
    at: Instant

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.LotFailed(self.activity, self.at)


class HarvestDry(Incoming):
    """A harvest gave nothing that can be cultured; it is done again."""

    kind: Literal["harvest_dry"]
    activity: ActivityId
    at: Instant

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.HarvestDry(self.activity, self.at)


class TapFailed(Incoming):
    """A tap gave nothing and is not tried again on that day."""

    kind: Literal["tap_failed"]
    activity: ActivityId
    at: Instant

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.TapFailed(self.activity, self.at)


class ShipmentLost(Incoming):
    """What a courier carried is lost, or comes too late to be used."""

    kind: Literal["shipment_lost"]
    activity: ShipmentRef
    at: Instant

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.ShipmentLost(self.activity, self.at)


class ShipmentLate(Incoming):
    """A courier is late; what is carried may still be used if the steps after it can wait."""

    kind: Literal["shipment_late"]
    activity: ShipmentRef
    arrives_at: Instant

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.ShipmentLate(self.activity, self.arrives_at)


class OutOfService(Incoming):
    """A place, a resource of it, one unit of that, or a courier lane does not work in this stretch."""

    kind: Literal["out_of_service"]
    where: Code
    resource: Kind | None = None
    unit: Kind | None = None
    start_at: Instant
    end_at: Instant
    reason: Reason

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.OutOfService(self.where, self.start_at, self.end_at, self.reason, self.resource, self.unit)


class HalfCapacity(Incoming):
    """A site has half of its rooms in this stretch; one that has a single room has it in the mornings."""

    kind: Literal["half_capacity"]
    site: Code
    start_at: Instant
    end_at: Instant
    reason: Reason

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.HalfCapacity(self.site, self.start_at, self.end_at, self.reason)


class TemporaryHoliday(Incoming):
    """A day was declared a public holiday, at some places or at all."""

    kind: Literal["holiday"]
    on: Day
    name: Name
    places: Annotated[list[Code] | None, Field(min_length=1, max_length=50)] = None

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.TemporaryHoliday(self.on, self.name, None if self.places is None else tuple(self.places))


class VisitPostponed(Incoming):
    """A visit cannot be before a local date, and nothing that the patient attends is from its old day until then."""

    kind: Literal["visit_postponed"]
    visit: ActivityId
    not_before: Day
    reason: Reason

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.VisitPostponed(self.visit, self.not_before, self.reason)


class CultureReadOut(Incoming):
    """Cells are ahead or behind: their fill begins at `ready_from` at the earliest, and ends by `ready_until`."""

    kind: Literal["read_out"]
    patient: PatientId
    dose: DoseNumber
    ready_from: Instant | None = None
    ready_until: Instant | None = None
    reason: Reason

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.CultureReadOut(self.patient, self.dose, self.ready_from, self.ready_until, self.reason)


class PatientLeft(Incoming):
    """A patient leaves the program, or dies."""

    kind: Literal["patient_left"]
    patient: PatientId
    reason_code: told.EndReason
    note: Note = None

    def event(self) -> told.Event:
        """As the domain tells it."""
        return told.PatientLeft(self.patient, self.reason_code, self.note)


NewEvent = Annotated[
    LotFailed
    | HarvestDry
    | TapFailed
    | ShipmentLost
    | ShipmentLate
    | OutOfService
    | HalfCapacity
    | TemporaryHoliday
    | VisitPostponed
    | CultureReadOut
    | PatientLeft,
    Field(discriminator="kind"),
]


class ReportedView(Outgoing):
    """An event that is on record."""

    event: OpaqueId
    kind: str


class AnswerView(ReportedView):
    """What becomes of an event, for a site: its own visits and decisions, and nothing of others.

    `outcome`: ``in_order`` — nothing changes for the site; ``published`` — visits of it have new times; ``waiting`` —
    what becomes of its visits is not decided yet.
    """

    visits: list[VisitView] = Field(description="The visits that cannot stay as they were told, of those you may see.")
    outcome: SiteOutcome
    decisions: list[DecisionView]


class PlantAnswerView(ReportedView):
    """What becomes of an event, for the plant's side.

    `outcome`: ``in_order`` — nothing has to move; ``published`` — a repair is in force; ``proposed`` — one waits for a
    planner's signature; ``undecided`` — what is left are decisions; ``later`` — the next run looks again.
    """

    visits: list[VisitView] = Field(description="The visits that cannot stay as they were told.")
    outcome: Outcome
    decisions: list[PlantDecisionView]
    repair: ProposalView | None = Field(description="Where it waits, `approve_by` says until when approving it helps.")


class EventView(Outgoing):
    """Something that went wrong, as it was reported."""

    id: OpaqueId
    kind: str
    patient: PatientId | None
    site: Code | None
    details: Any
    reported_at: datetime
    reported_by: str


class Events(Outgoing):
    """Events, the latest first."""

    items: list[EventView]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


@router.post(
    "/events",
    operation_id="report_event",
    summary="Report what went wrong",
    status_code=201,
    response_model=PlantAnswerView | AnswerView | ReportedView,
    responses=responses(404, 409),
    dependencies=[Depends(require(*REPORTERS)), Idempotent],
)
def report_event(body: NewEvent, caller: CurrentCaller, response: Response) -> ReportedView:
    """It is on record at once; then the least repair is looked for, which may take some seconds.

    A courier names a shipment by its id and is told that it is on record.
    """
    event = body.event()
    if caller.principal.audience is Audience.COURIER:
        event = _by_shipment(caller, event)
    found = answer(lambda write: caller.begin(write=write), caller.service.board, event)
    response.headers["Location"] = f"/v1/events/{found.event}"
    return _answered(caller, body.kind, found)


@router.get(
    "/events",
    operation_id="list_events",
    summary="What went wrong",
    responses=responses(400),
    dependencies=[Depends(require(*READERS))],
)
def list_events(
    response: Response, caller: CurrentCaller, page: Annotated[Page, Depends(page_of("events", str, str))]
) -> Events:
    """Every event, the latest first."""
    before = (str(page.after[0]), str(page.after[1])) if page.after else None
    with caller.look("events") as work:
        rows = proposals.events(work.session, site=caller.principal.site, before=before, limit=page.limit + 1)
    shown = rows[: page.limit]
    more = [shown[-1].reported_at.isoformat(), shown[-1].id] if len(rows) > len(shown) else None
    return Events(items=[_view(one) for one in shown], next=page.next(response, more))


@router.get(
    "/events/{event}",
    operation_id="show_event",
    summary="One event",
    responses=responses(404),
    dependencies=[Depends(require(*READERS))],
)
def show_event(event: OpaqueId, caller: CurrentCaller) -> EventView:
    """What was reported, by whom and when."""
    with caller.look(event) as work:
        row = proposals.event(work.session, event)
        if row is None:
            raise not_found("event")
        return _view(row)


def _by_shipment(caller: Caller, event: told.Event) -> told.Event:
    """The same event of the step that a courier knows by its shipment; who names anything else is told of none."""
    if not isinstance(event, told.ShipmentLost | told.ShipmentLate):
        return event
    around = event.at if isinstance(event, told.ShipmentLost) else event.arrives_at
    with caller.begin(write=False) as work:
        return replace(event, activity=transit_of(caller, work, event.activity, around).id)


def _answered(caller: Caller, kind: str, found: Answer) -> ReportedView:
    if caller.principal.audience is Audience.COURIER:
        return ReportedView(event=found.event, kind=kind)
    with caller.begin(write=False) as work:
        visits = (repositories.visit(work.session, name) for name in found.visits)
        own = [one for one in visits if one is not None and caller.principal.may_see_site(one.site)]
        decisions = (proposals.decision(work.session, name) for name in found.decisions)
        mine = [one for one in decisions if one is not None and caller.principal.may_see_site(one.site)]
        shown: dict[str, Any] = {
            "event": found.event,
            "kind": kind,
            "visits": visit_views(work, caller.facts(work), own),
            "decisions": [decision_view(work, caller, one) for one in mine],
        }
        if caller.principal.site is not None:
            return AnswerView(**shown, outcome=for_site(work, found, caller.principal.site))
        pair = None if found.plan is None else proposals.plan(work.session, found.plan, lock=False)
        repair = None if pair is None else proposal_view(*pair)
        return PlantAnswerView(**shown, outcome=found.outcome, repair=repair)


def _view(row: EventRow) -> EventView:
    return EventView(**row.model_dump(exclude={"details"}), details=json.loads(row.details))
