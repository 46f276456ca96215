"""The OpenAPI document: every answer a route can give, with schema and example, and who may ask."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from api.dependencies import Require
from api.problems import MEDIA_TYPE, REQUEST_PREFIX, SENTENCES, TYPE_PREFIX
from api.schemas import Problem

VERSION = "1.0.0"
"""Of the contract, not of the product: it changes when callers have to."""

DESCRIPTION = """Finds, holds and books whole courses of autologous cell therapy.

Every error is problem+json (RFC 9457) with a stable `type`. Instants carry their UTC offset. Records carry an `ETag`;
changes to them need `If-Match`. A POST with an `Idempotency-Key` may be sent again safely."""

TAGS = [
    {"name": "access", "description": "Who is asking, and what they may see."},
    {"name": "patients", "description": "Register a patient and ask for dates."},
    {"name": "booking", "description": "Hold an offer, book what is held."},
    {"name": "courses", "description": "Booked courses: read, move, cancel."},
    {"name": "questions", "description": "Can this be, and if not, why not? Nothing is changed."},
    {"name": "visits", "description": "What happens when, what the patient knows of it, what was done."},
    {"name": "calendars", "description": "Addresses that calendar programs read."},
    {"name": "webhooks", "description": "Changes of visits, told to other computers."},
    {"name": "shipments", "description": "What couriers carry, when and how cold."},
    {"name": "units", "description": "Syringes and lots: whose they are, and whether they may be given."},
    {"name": "notices", "description": "What one role at one place must see."},
    {"name": "closures", "description": "What does not work for a while, and whom it hits."},
    {"name": "hindrances", "description": "What keeps one patient's steps from a while, and the visits it hits."},
    {"name": "plant", "description": "Resources, how full they are, and plan documents."},
    {"name": "events", "description": "What went wrong, whom it hits, and what can be done."},
    {"name": "runs", "description": "Keeping the plan true: what was done by night and when asked."},
    {"name": "unblinded", "description": "For the unblinded side: randomisation, contents, emergencies."},
    {"name": "audit", "description": "Who did what, when and why."},
    {"name": "health", "description": "For those who run the service."},
]
REF = "#/components/schemas/Problem"
NEEDS_KEY = (401, 429)
ALWAYS = (500, 503)
WITH_BODY = (400, 413, 415, 422)

Responses = dict[int | str, dict[str, Any]]


def responses(*statuses: int) -> Responses:
    """The error answers of a route, for its `responses`; those every route can give are added by themselves."""
    return {status: _answer(status) for status in statuses}


NOT_MODIFIED: Responses = {304: {"description": "Not modified: If-None-Match names the present version."}}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application, complete with the answers nobody should have to write down."""
    made = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    made["servers"] = [{"url": "/", "description": "Where this document came from."}]
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path, method, route in _operations(app):
        _complete(made["paths"][path][method], method, route)
    return made


def allowed_roles(dependant: Dependant) -> Iterator[frozenset[str]]:
    """The roles that each `require` among a route's dependencies lets pass."""
    if isinstance(dependant.call, Require):
        yield frozenset(role.value for role in dependant.call.roles)
    for inner in dependant.dependencies:
        yield from allowed_roles(inner)


def _operations(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute) and context.include_in_schema:
            for method in context.methods or ():
                yield context.path_format or "", method.lower(), context


def _complete(operation: dict[str, Any], method: str, route: Any) -> None:
    needed = list(ALWAYS)
    if "security" in operation:
        needed += NEEDS_KEY
    if "parameters" in operation:
        needed.append(422)
    if "requestBody" in operation:
        needed += WITH_BODY
    if any(one["name"].lower() == "idempotency-key" for one in operation.get("parameters", ())):
        needed += (400, 409, 422)
    roles = list(allowed_roles(route.dependant))
    if roles:
        needed.append(403)
        operation["x-roles"] = sorted(frozenset.intersection(*roles))
    answers = operation["responses"]
    for status in needed:
        if MEDIA_TYPE not in answers.get(str(status), {}).get("content", {}):  # FastAPI has a 422 of its own
            answers[str(status)] = _answer(status)
    operation["responses"] = dict(sorted(answers.items()))


def _answer(status: int) -> dict[str, Any]:
    slug, sentence = SENTENCES[status]
    example = {
        "type": f"{TYPE_PREFIX}{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "detail": sentence,
        "instance": f"{REQUEST_PREFIX}8f14e45fceea167a5a36dedd",
    }
    if status == 422:
        example |= {"errors": [{"in": "body", "field": "weight_kg", "problem": "must be at least 20"}]}
    answer: dict[str, Any] = {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": REF}, "example": example}},
    }
    if status in (429, 503):
        answer["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
        }
    return answer
