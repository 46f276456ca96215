"""Who is asking, what they may see, what time it is, and where."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import Field

from api.dependencies import CurrentCaller, CurrentFacts
from api.documentation import responses
from api.schemas import Code, Instant, Outgoing
from scheduler.domain.audience import Audience, Role

router = APIRouter(prefix="/v1", tags=["access"])

SEES: dict[Audience, str] = {
    Audience.BLINDED: "The visits of your site with their windows, arrival times, status and reasons.",
    Audience.PHARMACIST: "The units of your site with contents, dose, expiry and temperature verdict.",
    Audience.PLANT: "The plant's work: chain of identity, lots, suites, weights, and what to make.",
    Audience.COURIER: "Shipments: pick-up, drop, time, box and temperature limits.",
    Audience.STATISTICIAN: "The randomisation list.",
    Audience.AUDITOR: "Everything, to read; every read is recorded.",
    Audience.ADMIN: "Keys, programs and closures; no arm and no contents.",
}


class ProgramClock(Outgoing):
    """The time everything is dated by."""

    now: Instant
    is_program_clock: bool = Field(description="True where the clock is set for a demonstration or simulation.")


class Me(Outgoing):
    """Who a key belongs to and what it opens."""

    name: str
    role: Role
    audience: Audience
    site: Code | None = Field(description="The one site this key sees; null for every site.")
    sees: str
    clock: ProgramClock


class SiteView(Outgoing):
    """A place where patients are treated."""

    code: Code
    name: str
    city: str
    zone: str = Field(description="IANA time zone of its dates.", examples=["Asia/Seoul"])
    now: datetime = Field(description="The local time there, with its UTC offset.")


class Sites(Outgoing):
    """The sites the caller may see, in the order of the program."""

    items: list[SiteView]


@router.get("/me", operation_id="show_me", summary="Who am I")
def me(caller: CurrentCaller) -> Me:
    """The caller's name, role and site, what they may see, and what time the service goes by."""
    principal = caller.principal
    is_program_clock = caller.service.settings.program_clock is not None
    return Me(
        name=principal.name,
        role=principal.role,
        audience=principal.audience,
        site=principal.site,
        sees=SEES[principal.audience],
        clock=ProgramClock(now=caller.now, is_program_clock=is_program_clock),
    )


@router.get("/sites", operation_id="list_sites", summary="Where patients are treated", responses=responses(409))
def sites(caller: CurrentCaller, facts: CurrentFacts) -> Sites:
    """The caller's own site, or all for roles without one."""
    visible = (place for place in facts.network.sites if caller.principal.may_see_site(place.code))
    return Sites(
        items=[
            SiteView(
                code=place.code,
                name=place.name,
                city=place.city,
                zone=place.zone,
                now=caller.now.astimezone(ZoneInfo(place.zone)),
            )
            for place in visible
        ]
    )
