"""What routers ask for: who is acting, a unit of work to act in, the facts of the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from api.access import principal_of
from api.problems import request_id
from api.schemas import Signature
from api.service import Service, service_of
from scheduler.booking.errors import Refused, not_found
from scheduler.domain.audience import Audience, Principal, Role
from scheduler.domain.course import Facts
from scheduler.persistence.unit_of_work import UnitOfWork

bearer = HTTPBearer(
    scheme_name="key",
    bearerFormat="mk_...",
    auto_error=False,
    description="An API key, as printed by: marrowline key create --role ... --site ...",
)


def _principal(request: Request, _shown: Annotated[object, Depends(bearer)]) -> Principal:
    """The middleware has already looked the key up; `bearer` is there for the documentation."""
    return principal_of(request.scope)


CurrentPrincipal = Annotated[Principal, Depends(_principal)]


@dataclass(frozen=True)
class Require:
    """A dependency that lets only some roles pass; the documentation of a route lists them.

    Raises
    ------
    Refused
        403 for any other role; the refusal is written to the audit trail.
    """

    roles: frozenset[Role]

    def __call__(self, principal: CurrentPrincipal) -> Principal:
        """The principal, when it may."""
        if principal.role not in self.roles:
            named = ", ".join(sorted(role.value for role in self.roles))
            raise Refused(
                "not-your-role",
                403,
                f"Your key has the role {principal.role.value}, and this needs one of: {named}. Ask somebody with it.",
            )
        return principal


def require(*roles: Role) -> Require:
    """Only these roles may; use as ``Depends(require(Role.PLANNER))``."""
    return Require(frozenset(roles))


@dataclass(frozen=True)
class Caller:
    """One request's actor, instant and service: everything a use case is given."""

    principal: Principal
    now: datetime
    request_id: str
    service: Service

    def begin(self, *, write: bool = True) -> UnitOfWork:
        """A unit of work in this caller's name, to be used in a ``with`` block."""
        return UnitOfWork(
            self.service.database, now=self.now, principal=self.principal, request_id=self.request_id, write=write
        )

    @contextmanager
    def look(self, subject: str) -> Iterator[UnitOfWork]:
        """A unit of work to read in; an auditor's reading is recorded under the subject."""
        recorded = self.principal.audience is Audience.AUDITOR
        with self.begin(write=recorded) as work:
            yield work
            if recorded:
                work.audit("record:read", subject)
                work.commit()

    def facts(self, work: UnitOfWork) -> Facts:
        """The program with the closures and hindrances of now."""
        return self.service.board.facts(work)

    def signed(self, signature: Signature | None) -> str | None:
        """The meaning of a signature whose signer has shown their own key again; None without one.

        Raises
        ------
        Refused
            403 when the key is not the caller's own.
        """
        if signature is None:
            return None
        signer = self.service.identity.identify(signature.key.get_secret_value())
        if signer is None or signer.key_id != self.principal.key_id:
            raise Refused(
                "signature-refused", 403, "A signature needs your own key again, in signature.key. Nothing was changed."
            )
        return signature.meaning

    def must_see(self, site: str, what: str) -> None:
        """Refuse with 404 when a record's site is not the caller's: it does not exist for them."""
        if not self.principal.may_see_site(site):
            raise not_found(what)


def _caller(request: Request, principal: CurrentPrincipal) -> Caller:
    service = service_of(request.scope)
    return Caller(principal, service.clock(), request_id(request.scope), service)


CurrentCaller = Annotated[Caller, Depends(_caller)]


def _facts(request: Request, _who: CurrentPrincipal) -> Facts:
    return service_of(request.scope).facts()


CurrentFacts = Annotated[Facts, Depends(_facts)]


def _idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]{1,255}$",
            description="Any text of your own, one for each intention: sent again with it, the same request is "
            "answered again and done once.",
            openapi_examples={"a random UUID": {"value": "0b0f6c0e-5d4b-4c8a-9a55-7b7f7d7c1a11"}},
        ),
    ] = None,
) -> str | None:
    """The middleware does the work; this documents the header."""
    return idempotency_key


Idempotent = Depends(_idempotency_key)
"""Among the dependencies of every POST that changes state."""


def no_strangers(request: Request) -> None:
    """Refuse query parameters that a route does not know: a misspelt filter must not be taken for none.

    Raises
    ------
    Refused
        422; the parameters that are known are named, never what was sent.
    """
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = list(query_names(route.dependant))
    if request.query_params.keys() <= set(known):
        return
    problem = f"has a parameter that does not belong here; known are: {', '.join(known) or 'none'}"
    raise Refused(
        "not-usable",
        422,
        f"The query {problem}. Correct it and send it again.",
        extra={"errors": [{"in": "query", "field": "", "problem": problem}]},
    )


def query_names(dependant: Dependant) -> Iterator[str]:
    """The query parameters of a route and of everything it depends on."""
    yield from (one.alias for one in dependant.query_params)
    for inner in dependant.dependencies:
        yield from query_names(inner)
