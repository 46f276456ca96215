"""For those who run the service: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.documentation import Responses, responses
from api.metrics import nights_text
from api.problems import problem
from api.schemas import Outgoing
from api.service import Service, service_of
from scheduler.domain.audience import Principal, Role
from scheduler.persistence.database import Database
from scheduler.persistence.errors import DatabaseBusy, DatabaseUnavailable
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.runs import Standing, standing

router = APIRouter(tags=["health"])

LOOKING = Principal("health", Role.ADMIN, None, "health")
PLAIN_TEXT: Responses = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


class Alive(Outgoing):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Nights(Outgoing):
    """How the nights have gone. They do not decide whether the service can work: sites book without them, too."""

    last_good_at: datetime | None = Field(description="When the last nightly that did its work ended.")
    overdue: bool = Field(description="Whether there was none for more than 26 hours: look at the worker.")


class Ready(Outgoing):
    """The service can do its work."""

    status: Literal["ready"] = "ready"
    revision: str
    nights: Nights


@router.get("/livez", operation_id="live", summary="Whether the process answers")
def live() -> Alive:
    """Asks nothing of the database."""
    return Alive()


@router.get("/readyz", operation_id="ready", summary="Whether the service can work", response_model=Ready)
def ready(request: Request) -> Ready | Response:
    """The database answers and its tables are those this version works with; else 503 and which part is at fault.

    Nights that are overdue are reported and are no reason to send requests elsewhere.
    """
    service = service_of(request.scope)
    try:
        revision, newest = _revisions(service.database)
        nights = _nights(service) if revision == newest else None
    except (DatabaseBusy, DatabaseUnavailable):
        text = "The database cannot be reached. Check that it runs and that this service may connect to it."
        return _not_ready(request, "database", text)
    if nights is None:
        text = "The tables of the database are not those of this version. Run: marrowline migrate"
        return _not_ready(request, "migrations", text)
    return Ready(revision=newest, nights=Nights(last_good_at=nights.last_good_at, overdue=nights.overdue))


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses=PLAIN_TEXT | responses(404),
)
def metrics(request: Request) -> Response:
    """Requests by route, method and status, and how the nights have gone; 404 where they are switched off."""
    service = service_of(request.scope)
    if service.metrics is None:
        return problem(request.scope, 404)
    body, media_type = service.metrics.text()
    with suppress(DatabaseBusy, DatabaseUnavailable):  # figures of requests are told all the more then
        body += nights_text(_nights(service), service.clock())
    return Response(body, media_type=media_type)


def _revisions(database: Database) -> tuple[str | None, str]:
    database.ping()
    return database.revision(), database.head()


def _nights(service: Service) -> Standing:
    with UnitOfWork(service.database, now=service.clock(), principal=LOOKING, write=False) as work:
        return standing(work)


def _not_ready(request: Request, part: str, text: str) -> Response:
    return problem(request.scope, 503, "not-ready", text, extra={"part": part}, headers={"Retry-After": "5"})
