"""Why not on that day, and why so late: questions that change nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from api.dependencies import Caller, CurrentCaller, require
from api.documentation import responses
from api.schemas import Code, Day, DoseNumber, Incoming, Kind, Outgoing, PatientId
from scheduler.booking.errors import Refused
from scheduler.booking.shares import share_of
from scheduler.booking.views import OfferedVisit, PlantStep, plant_steps
from scheduler.booking.why_not import AT_SITE, IN_FULL, Visit, read, read_for_site
from scheduler.domain.audience import NeutralReason
from scheduler.domain.plan import Levels
from scheduler.planning.situation import Question
from scheduler.planning.why_not import why_not
from scheduler.planning.why_so_late import Lateness, why_so_late

router = APIRouter(prefix="/v1", tags=["questions"])

ASKERS = (*sorted(AT_SITE), *sorted(IN_FULL))
Seconds = Annotated[int, Field(ge=0, le=60, description="How long to look at most; what is not decided then says so.")]
Verdict = Annotated[
    Literal["yes", "no", "undecided"], Field(description="A no is proved; a time-out is `undecided`, never a no.")
]


class Why(Incoming):
    """A patient's visit and a date: a dose (by default its administration), a `step` of it, or a `follow_up` visit.

    Without a dose and a follow-up visit the first step of the course is meant.
    """

    patient: PatientId
    on: Day = Field(description="The local date of the site.", examples=["2027-03-23"])
    dose: DoseNumber | None = None
    step: Kind | None = Field(default=None, description="A step the patient attends.", examples=["injection"])
    follow_up: Code | None = Field(default=None, description="A follow-up visit by its name.", examples=["week-56"])
    others: Literal["stay", "may_move"] = Field(
        default="stay", description="Whether all other courses stay where they are; planners may ask otherwise."
    )
    seconds: Seconds = 20


class Late(Incoming):
    """Whose next dose is late."""

    patient: PatientId
    seconds: Seconds = 40


class Asked(Outgoing):
    """The visit that was asked about."""

    kind: str
    dose: int | None
    follow_up: str | None


class ReasonView(Outgoing):
    """One thing that stands in the way, by the name of its rule."""

    rule: str
    subject: str = Field(description="What of it: a dose, a place, a resource, a lane or a date; may be empty.")
    sentence: str


class ChangeView(Outgoing):
    """One change with which, and nothing else, the answer would be yes."""

    kind: Literal["move", "closure", "plant_fence", "window", "limit", "registration", "hours", "unit"]
    rule: str
    subject: str
    size: int = Field(description="Days, hours, units or stays moved, by the kind.")
    sentence: str


class OtherCourse(Outgoing):
    """Somebody else's course as it would be."""

    patient: PatientId
    steps: list[PlantStep]


class WhyNotView(Outgoing):
    """The answer in full, for the plant."""

    patient: PatientId
    visit: Asked
    on: Day
    answer: Verdict
    steps: list[PlantStep] = Field(description="With a yes: the whole course.")
    cost: list[int] | None = Field(description="With a yes: the three levels of the course.")
    cost_now: list[int] | None = Field(description="The levels as booked; null without a course.")
    moved: list[str] = Field(description="With a yes: steps of other visits that would be at another time.")
    others: list[OtherCourse] = Field(description="With a yes: whoever else would have to move.")
    reasons: list[ReasonView] = Field(description="With a no: a smallest set of what would all have to give way.")
    changes: list[ChangeView] = Field(description="With a no: single changes that are enough, the cheapest first.")
    explained: bool = Field(description="False when time ran out before reasons and changes were complete.")


class SiteWhyNotView(Outgoing):
    """The answer for a site: its own visits with a yes, a neutral reason with a no."""

    patient: PatientId
    visit: Asked
    on: Day
    answer: Verdict
    visits: list[OfferedVisit]
    reason: NeutralReason | None
    en: str
    ko: str


class PartView(Outgoing):
    """What one family of rules adds, on top of those before it."""

    family: Literal["registration", "windows", "hours", "holidays", "plant_fence", "closures", "others"]
    earliest_on: Day
    days: int
    sentence: str


class SiteLatenessView(Outgoing):
    """When the next dose could be, for a site."""

    patient: PatientId
    answer: Verdict
    dose: int | None = Field(description="The next dose that can still move; null when there is none.")
    registered_on: Day
    booked_on: Day | None
    earliest_on: Day | None = Field(description="The earliest possible day as things are; null while not known.")


class LatenessView(SiteLatenessView):
    """The same for the plant, with what accounts for how many days."""

    bare_on: Day | None = Field(description="The earliest day if everything gave way but the steps themselves.")
    parts: list[PartView]


@router.post(
    "/why-not",
    operation_id="ask_why_not",
    summary="Can this visit be on that day?",
    response_model=WhyNotView | SiteWhyNotView,
    responses=responses(404, 409),
    dependencies=[Depends(require(*ASKERS))],
)
def ask_why_not(body: Why, caller: CurrentCaller) -> WhyNotView | SiteWhyNotView:
    """Yes with a course, no with proof and reasons, or undecided; changes nothing.

    Sites are told their own visits and a neutral reason. Where plans are made with the arm they are told only what
    calendars, and what was done, decide.
    """
    visit = _visit(body)
    if caller.principal.role in AT_SITE and body.others == "stay":
        return _for_site(body, visit, caller)
    with caller.look(body.patient) as work:
        found = read(work, caller.service.board, body.patient, visit, body.on, others_move=body.others == "may_move")
    assert found.question is not None
    answer = why_not(found.situation, found.question, seconds=body.seconds, others=found.others)
    facts = found.situation.facts
    return WhyNotView(
        patient=body.patient,
        visit=_asked(found.question),
        on=body.on,
        answer=answer.verdict,
        steps=plant_steps(facts, answer.course.activities) if answer.course else [],
        cost=_levels(answer.cost),
        cost_now=_levels(answer.cost_now),
        moved=list(answer.moved),
        others=[OtherCourse(patient=one.patient, steps=plant_steps(facts, one.activities)) for one in answer.others],
        reasons=[ReasonView(**vars(one)) for one in answer.reasons],
        changes=[ChangeView.model_validate(vars(one)) for one in answer.changes],
        explained=answer.explained,
    )


@router.post(
    "/why-so-late",
    operation_id="ask_why_so_late",
    summary="Why is this patient's next dose so late?",
    response_model=LatenessView | SiteLatenessView,
    responses=responses(404, 409),
    dependencies=[Depends(require(*ASKERS))],
)
def ask_why_so_late(body: Late, caller: CurrentCaller) -> LatenessView | SiteLatenessView:
    """The earliest day of the next dose, and what accounts for how many days; changes nothing.

    Sites are told the dates. Where plans are made with the arm they are told no earliest day.
    """
    at_site = caller.principal.role in AT_SITE
    with caller.look(body.patient) as work:
        found = read(work, caller.service.board, body.patient, None, None)
    answer = why_so_late(found.situation, seconds=body.seconds if found.decidable else 0)
    return _lateness(body.patient, answer, at_site=at_site)


def _for_site(body: Why, visit: Visit, caller: Caller) -> SiteWhyNotView:
    with caller.look(body.patient) as work:
        asked, situation = read_for_site(work, caller.service.board, body.patient, visit, body.on)
    if situation is None:
        answer = asked.by_calendars()
    else:
        decided = why_not(situation, asked.question, seconds=body.seconds, explain=False)
        share = None if decided.course is None else share_of(asked.facts, decided.course)
        answer = asked.answered(decided.verdict, share)
    return SiteWhyNotView(
        patient=body.patient,
        visit=_asked(asked.question),
        on=body.on,
        answer=answer.verdict,
        visits=list(answer.visits),
        reason=answer.reason,
        en=answer.en,
        ko=answer.ko,
    )


def _visit(body: Why) -> Visit:
    if body.follow_up is not None and (body.dose is not None or body.step is not None):
        raise Refused("visit-unclear", 422, "Ask about a dose or about a follow-up visit, not about both.")
    return Visit(body.dose, body.step, body.follow_up)


def _asked(question: Question) -> Asked:
    return Asked(kind=question.kind, dose=question.dose, follow_up=question.name)


def _levels(cost: Levels | None) -> list[int] | None:
    return None if cost is None else list(cost)


def _lateness(patient: str, found: Lateness, *, at_site: bool) -> LatenessView | SiteLatenessView:
    plain = SiteLatenessView(
        patient=patient,
        answer=found.verdict,
        dose=found.dose,
        registered_on=found.registered_on,
        booked_on=found.booked_on,
        earliest_on=found.earliest_on,
    )
    if at_site:
        return plain
    parts = [PartView.model_validate(vars(one)) for one in found.parts]
    return LatenessView(**plain.model_dump(), bare_on=found.bare_on, parts=parts)
