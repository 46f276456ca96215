"""For those who run the service: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from api.documentation import Responses, responses
from api.problems import problem
from api.schemas import Outgoing
from api.service import service_of
from scheduler.persistence.database import Database
from scheduler.persistence.errors import DatabaseBusy, DatabaseUnavailable

router = APIRouter(tags=["health"])


PLAIN_TEXT: Responses = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


class Alive(Outgoing):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(Outgoing):
    """The service can do its work."""

    status: Literal["ready"] = "ready"
    revision: str


@router.get("/livez", operation_id="live", summary="Whether the process answers")
def live() -> Alive:
    """Asks nothing of the database."""
    return Alive()


@router.get("/readyz", operation_id="ready", summary="Whether the service can work", response_model=Ready)
def ready(request: Request) -> Ready | Response:
    """The database answers and its tables are those this version works with; else 503 and which part is at fault."""
    database = service_of(request.scope).database
    try:
        revision, newest = _revisions(database)
    except (DatabaseBusy, DatabaseUnavailable):
        text = "The database cannot be reached. Check that it runs and that this service may connect to it."
        return _not_ready(request, "database", text)
    if revision != newest:
        text = "The tables of the database are not those of this version. Run: marrowline migrate"
        return _not_ready(request, "migrations", text)
    return Ready(revision=newest)


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses=PLAIN_TEXT | responses(404),
)
def metrics(request: Request) -> Response:
    """Requests by route, method and status; 404 where they are switched off."""
    kept = service_of(request.scope).metrics
    if kept is None:
        return problem(request.scope, 404)
    body, media_type = kept.text()
    return Response(body, media_type=media_type)


def _revisions(database: Database) -> tuple[str | None, str]:
    database.ping()
    return database.revision(), database.head()


def _not_ready(request: Request, part: str, text: str) -> Response:
    return problem(request.scope, 503, "not-ready", text, extra={"part": part}, headers={"Retry-After": "5"})
