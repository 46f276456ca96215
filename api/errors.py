"""From exceptions to answers: the only place that decides what a caller is told when something is refused."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from api.access import record_refusal
from api.problems import problem
from api.validation import flaws, sentence
from scheduler.booking.errors import Refused
from scheduler.domain.audience import Audience
from scheduler.domain.errors import BadInput
from scheduler.persistence.errors import DatabaseBusy, DatabaseUnavailable, Duplicate, Overlap

BUSY_SECONDS = 1
GONE_SECONDS = 5
PLANT_SIDE = frozenset({Audience.PLANT, Audience.AUDITOR})
"""Who is told why supply refused; everybody else gets the blinded sentence."""


def handle_errors(app: FastAPI) -> None:
    """Teach an application to answer every error as problem+json."""
    handlers: dict[type[Exception], Any] = {
        HTTPException: _http,
        RequestValidationError: _unusable,
        Refused: _refused,
        BadInput: _bad_input,
        Overlap: _overlap,
        Duplicate: _duplicate,
        DatabaseBusy: _not_available,
        DatabaseUnavailable: _not_available,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def answer_unexpected(scope: Scope, error: Exception) -> Response:
    """The answer to an exception that reached the outermost layer; it tells nothing but the request's number."""
    if isinstance(error, HTTPException):
        return problem(scope, error.status_code, headers=error.headers)
    if isinstance(error, DatabaseBusy | DatabaseUnavailable):
        return _database(scope, error)
    return problem(scope, 500)


def refusal(scope: Scope, error: Refused) -> Response:
    """A refusal in the words its reader may have."""
    principal = scope["state"].get("principal")
    full = principal is not None and principal.audience in PLANT_SIDE
    text = error.sentence if full or error.blinded_sentence is None else error.blinded_sentence
    return problem(scope, error.status, error.slug, text, extra=error.extra)


def _http(request: Request, error: HTTPException) -> Response:
    return problem(request.scope, error.status_code, headers=error.headers)


def _unusable(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    if found and found[0]["type"] == "json_invalid":
        text = "The body is not valid JSON. Correct it and send it again."
        return problem(request.scope, 400, "malformed-json", text)
    if isinstance(error.body, bytes):
        return problem(request.scope, 415)
    listed = flaws(found)
    return problem(request.scope, 422, None, sentence(listed), extra={"errors": listed})


def _refused(request: Request, error: Refused) -> Response:
    # A record of another site and one that is not there are told alike, so they are recorded alike.
    if error.status == 403 or (error.status == 404 and request.method != "GET"):
        record_refusal(request.scope, error)
    return refusal(request.scope, error)


def _bad_input(request: Request, error: BadInput) -> Response:
    # Not error.problem: it repeats the value.
    return problem(request.scope, 422, "bad-input", f"{error.key} cannot be used. {error.remedy}.")


def _overlap(request: Request, _error: Overlap) -> Response:
    text = "Another booking took this time a moment ago, and nothing was changed. Ask for new offers."
    return problem(request.scope, 409, "taken-meanwhile", text)


def _duplicate(request: Request, _error: Duplicate) -> Response:
    text = "Somebody else did the same a moment ago, and nothing was changed. Look again before you repeat it."
    return problem(request.scope, 409, "done-meanwhile", text)


def _not_available(request: Request, error: DatabaseBusy | DatabaseUnavailable) -> Response:
    return _database(request.scope, error)


def _database(scope: Scope, error: DatabaseBusy | DatabaseUnavailable) -> Response:
    if isinstance(error, DatabaseBusy):
        text = "Many bookings are being made just now, and nothing was changed. Try again in a moment."
        return problem(scope, 503, "busy", text, headers={"Retry-After": str(BUSY_SECONDS)})
    return problem(scope, 503, headers={"Retry-After": str(GONE_SECONDS)})
