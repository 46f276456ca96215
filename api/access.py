"""Who is asking: keys become principals before anything under ``/v1/`` is looked at, and refusals leave a trace."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem, request_id
from api.service import service_of
from scheduler.booking.errors import Refused
from scheduler.domain.audience import Principal
from scheduler.persistence.unit_of_work import UnitOfWork

GUARDED = "/v1/"
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="marrowline"'}
_SHOWN = 100  # characters of a path parameter that go into the audit trail


class Authentication:
    """Nothing under ``/v1/`` is reached without a valid key, whatever a route forgets to ask for.

    The principal is kept in the request's state. Refused keys are counted per address; an address with too many of
    them waits, and while it waits no key of its is looked at, so that guessing is slow.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            refused = await run_in_threadpool(_identify, scope)
            if refused is not None:
                await refused(scope, receive, send)
                return
        await self.app(scope, receive, send)


def principal_of(scope: Scope) -> Principal:
    """Who is asking; known on every route under ``/v1/``."""
    principal: Principal = scope["state"]["principal"]
    return principal


def record_refusal(scope: Scope, error: Refused) -> None:
    """One audit entry for a request that role or identity forbids; a unit of work of its own.

    Its subject is the method and the template of the route; which record was meant stands in the entry.
    """
    service = service_of(scope)
    route = getattr(scope.get("route"), "path_format", "unmatched")
    meant = {name: str(value)[:_SHOWN] for name, value in scope.get("path_params", {}).items()}
    with UnitOfWork(
        service.database, now=service.clock(), principal=principal_of(scope), request_id=request_id(scope)
    ) as work:
        work.audit(
            "access:refused",
            f"{scope['method']} {route}",
            reason=error.sentence,
            after={"problem": error.slug, "meant": meant},
        )
        work.commit()


def _identify(scope: Scope) -> Response | None:
    """Put the principal into the state; the answer when there is none."""
    presented = _bearer(Headers(scope=scope).get("authorization"))
    if presented is None:
        return problem(scope, 401, "key-missing", headers=CHALLENGE)
    service = service_of(scope)
    origin, now = origin_of(scope), service.real()
    if not service.keys.allowed(origin, now):
        return problem(scope, 429, headers={"Retry-After": str(service.settings.failed_keys_seconds)})
    principal = service.identity.identify(presented)
    if principal is None:
        service.keys.note_failure(origin, now)
        return problem(scope, 401, headers=CHALLENGE)
    scope["state"]["principal"] = principal
    return None


def _bearer(header: str | None) -> str | None:
    scheme, _, presented = (header or "").partition(" ")
    presented = presented.strip()
    return presented if scheme.lower() == "bearer" and presented else None


def origin_of(scope: Scope) -> str:
    """Where a request comes from, as guesses are counted by."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
