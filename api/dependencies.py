"""What routers ask for: who is acting, a unit of work to act in, the facts of the program."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPBearer

from api.access import principal_of
from api.problems import request_id
from api.service import Service, service_of
from scheduler.booking.errors import Refused, not_found
from scheduler.domain.audience import Principal, Role
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
