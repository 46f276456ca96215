"""Shapes and bounds that several routes share. Everything that comes in is bounded; unknown fields are refused."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from api.validation import Unusable
from scheduler.booking.views import OfferedVisit, PlantStep, VisitView

STUDY_ID_PATTERN = r"^[A-Z][A-Z0-9]{1,9}-[0-9]{1,6}$"  # a code and a number: no room for a name
ID = r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}"  # what a program may call a place, a patient or a kind of step
PRINTED = r"^[^\x00-\x1f\x7f]*$"  # no control characters: a database may refuse a NUL


def _this_century(day: date) -> date:
    if not 2000 <= day.year <= 2099:
        raise Unusable("must be a date from 2000 to 2099")
    return day


def _an_instant_of_this_century(instant: datetime) -> datetime:
    if not 2000 <= instant.year <= 2099:
        raise Unusable("must be an instant from 2000 to 2099")
    return instant


StudyId = Annotated[
    str,
    Field(min_length=4, max_length=17, pattern=STUDY_ID_PATTERN, description="A study id.", examples=["HYU-001"]),
]
PatientId = Annotated[
    str,
    Field(min_length=1, max_length=40, pattern=f"^{ID}$", description="A study id.", examples=["HYU-001"]),
]
ActivityId = Annotated[
    str,
    Field(
        min_length=3,
        max_length=122,
        pattern=f"^{ID}(/{ID})?/{ID}$",
        description="The stable id of a planned step or visit.",
        examples=["HYU-001/1/injection"],
    ),
]
Code = Annotated[
    str,
    Field(min_length=1, max_length=40, pattern=f"^{ID}$", description="A place or courier lane.", examples=["HYU"]),
]
Kind = Annotated[
    str,
    Field(min_length=1, max_length=40, pattern=f"^{ID}$", description="A kind of resource.", examples=["clinic"]),
]
UnitName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=60,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="One unit of a resource.",
        examples=["clinic-1"],
    ),
]
OpaqueId = Annotated[
    str,
    Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="An id as it was given out."),
]
Weight = Annotated[
    float,
    Field(ge=20, le=300, allow_inf_nan=False, description="Kilograms.", examples=[60.0]),
]
Reason = Annotated[
    str,
    Field(min_length=3, max_length=500, pattern=PRINTED, description="Why, in a sentence others can read."),
]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTED)]
Instant = Annotated[
    AwareDatetime,
    AfterValidator(_an_instant_of_this_century),
    Field(description="With its UTC offset.", examples=["2027-01-04T09:00:00+09:00"]),
]
Day = Annotated[date, AfterValidator(_this_century), Field(description="A local date.", examples=["2027-01-04"])]
Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="Counts changes; the ETag holds it.")]


class Incoming(BaseModel):
    """Base of what callers send."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class Outgoing(BaseModel):
    """Base of what callers are sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Flaw(Outgoing):
    """One reason why a request cannot be used."""

    in_: Literal["body", "query", "path", "header", "cookie", "request"] = Field(alias="in")
    field: str = Field(description="The field, such as doses[0].weight_kg; empty for the whole.")
    problem: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = Field(description="What kind of problem: stable, fit for programs.")
    title: str = Field(description="The kind in words.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong and what to do, for people.")
    instance: str = Field(description="The number of the request, as in the header X-Request-ID.")
    errors: list[Flaw] | None = Field(default=None, description="With status 422: every field that cannot be used.")


# --- booking ----------------------------------------------------------------------------------------------------------

Meaning = Annotated[
    str,
    Field(
        min_length=3, max_length=200, pattern=PRINTED, description="What signing says, such as: override of a window."
    ),
]
DoseNumber = Annotated[int, Field(ge=1, le=99, description="A dose by its number.", examples=[2])]
Count = Annotated[int, Field(ge=1, le=5, description="The most offers to make.")]
Note = Annotated[str | None, Field(max_length=500, pattern=PRINTED, description="For others who read the record.")]


class Signature(Incoming):
    """An electronic signature: the signer shows their own key once more and says what signing means."""

    key: SecretStr = Field(
        min_length=1, max_length=200, description="The caller's own key.", examples=["mk_0123456789ab_..."]
    )
    meaning: Meaning


class PatientView(Outgoing):
    """A patient by study id."""

    id: PatientId
    site: Code
    registered_on: Day
    weight_kg: float = Field(description="As registered, in kilograms.")
    status: Literal["registered", "booked", "withdrawn", "completed"]
    version: Version


class MovedVisit(Outgoing):
    """One visit that an offer would move."""

    id: ActivityId
    start_at: datetime
    new_start_at: datetime


class MovedPatient(Outgoing):
    """A patient some of whose visits an offer would move."""

    patient: PatientId
    visits: list[MovedVisit]


class OfferView(Outgoing):
    """A complete course, or other times for a booked one. Nothing is taken until it is held or booked."""

    id: OpaqueId
    patient: PatientId
    site: Code
    first_dose_on: Day = Field(description="The local date by which offers are told apart.")
    holds_true_until: datetime = Field(description="Until then it may be held; its times may still be taken by others.")
    breaks: list[str] = Field(description="With override: the rules it breaks; each becomes a signed deviation.")
    moves: list[MovedPatient] = Field(description="Whose visits it moves; only offers of tier 1 move anybody.")
    visits: list[OfferedVisit]


class PlantOfferView(OfferView):
    """An offer with what the plant does for it."""

    plant: Code | None
    cost: list[int] = Field(description="The three levels, the first counts most.")
    steps: list[PlantStep]


class CourseSummary(Outgoing):
    """A booked course in a list."""

    id: PatientId
    site: Code
    status: Literal["booked", "cancelled", "completed"]
    booked_at: datetime
    version: Version


class CourseView(CourseSummary):
    """A booked course as its site sees it."""

    visits: list[VisitView]


class PlantCourseView(CourseView):
    """A booked course as the plant sees it."""

    coi: str = Field(description="The opaque chain-of-identity id.")
    plant: Code | None
    weight_kg: float = Field(description="The weight it was planned with, in kilograms.")
    steps: list[PlantStep]
