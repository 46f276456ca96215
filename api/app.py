"""The application: its parts, its middleware, its routers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import Depends, FastAPI

from api.access import Authentication
from api.dependencies import no_strangers
from api.documentation import DESCRIPTION, TAGS, VERSION, document
from api.errors import handle_errors
from api.facts import facts_from
from api.idempotency import Idempotency
from api.metrics import Metrics
from api.middleware import BodyLimit, Requests
from api.routers import (
    audit,
    calendars,
    closures,
    courses,
    custody,
    decisions,
    events,
    exports,
    health,
    hindrances,
    holds,
    loggers,
    meta,
    notices,
    patients,
    plan_runs,
    plant,
    proposals,
    releases,
    shipments,
    unblinded,
    units,
    visits,
    webhooks,
    what_if,
    why_not,
)
from api.service import Service
from scheduler.booking.board import Board
from scheduler.booking.feed_documents import Shelf
from scheduler.clock import Clock, program_clock, real_clock
from scheduler.domain.audience import IdentityProvider
from scheduler.domain.course import Facts
from scheduler.persistence.answers import Answers
from scheduler.persistence.database import Database, open_database
from scheduler.persistence.keys import KeyStore
from scheduler.settings import Settings, load_settings

ROUTERS = (
    health.router,
    meta.router,
    patients.router,
    holds.router,
    courses.router,
    visits.router,
    calendars.router,
    calendars.addresses,
    exports.router,
    webhooks.router,
    shipments.router,
    custody.router,
    loggers.router,
    units.router,
    releases.router,
    notices.router,
    plant.router,
    plan_runs.router,
    proposals.router,
    decisions.router,
    events.router,
    what_if.router,
    closures.router,
    hindrances.router,
    why_not.router,
    unblinded.router,
    audit.router,
)


def create_app(
    settings: Settings | None = None,
    *,
    database: Database | None = None,
    clock: Clock | None = None,
    facts: Callable[[], Facts] | None = None,
    identity: IdentityProvider | None = None,
) -> FastAPI:
    """The service, ready to be given to a server; nothing is connected to before the first request.

    Parameters
    ----------
    settings
        By default those of the environment.
    database
        By default the one the settings name, closed when the service stops. A database given here stays open.
    clock
        By default the program clock of the settings, else real time. A clock given here also paces rate limits.
    facts
        Reads the facts of the program; by default from the database.
    identity
        Who stands behind a credential; by default the API keys of the database.

    Raises
    ------
    BadInput
        When a setting cannot be used.
    """
    settings = settings or load_settings()
    opened = database or open_database(settings.database_url.get_secret_value())
    keys = KeyStore(opened, failures=settings.failed_keys, within=timedelta(seconds=settings.failed_keys_seconds))
    service = Service(
        settings=settings,
        database=opened,
        identity=identity or keys,
        keys=keys,
        answers=Answers(opened),
        board=Board(),
        shelf=Shelf(),
        clock=clock or _clock(settings),
        real=clock or real_clock,
        facts=facts or facts_from(opened),
        metrics=Metrics() if settings.metrics else None,
    )
    app = _application(service, dispose=database is None)
    app.state.service = service
    return app


def _application(service: Service, *, dispose: bool) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        if service.metrics:
            service.metrics.close()
        if dispose:
            service.database.dispose()

    app = FastAPI(
        dependencies=[Depends(no_strangers)],
        title="Marrowline",
        version=VERSION,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    for router in ROUTERS:
        app.include_router(router)
    handle_errors(app)
    _wrap(app, service)
    app.openapi = _documented(app)  # type: ignore[method-assign]
    return app


def _wrap(app: FastAPI, service: Service) -> None:
    """Middleware, innermost first: the last one added is the first to see a request."""
    app.add_middleware(Idempotency)
    app.add_middleware(Authentication)
    app.add_middleware(BodyLimit, limit=service.settings.body_limit_bytes)
    app.add_middleware(Requests)


def _documented(app: FastAPI) -> Callable[[], dict[str, Any]]:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    return openapi


def _clock(settings: Settings) -> Clock:
    if settings.program_clock is None:
        return real_clock
    return program_clock(settings.program_clock, real_clock, settings.program_clock_since)
