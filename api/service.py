"""What one running service consists of; made once by `create_app`, read by middleware and dependencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.types import Scope

from scheduler.booking.board import Board
from scheduler.booking.feed_documents import Shelf
from scheduler.clock import Clock
from scheduler.domain.audience import IdentityProvider
from scheduler.domain.course import Facts
from scheduler.persistence.answers import Answers
from scheduler.persistence.database import Database
from scheduler.persistence.keys import KeyStore
from scheduler.settings import Settings

if TYPE_CHECKING:
    from api.metrics import Metrics


@dataclass(frozen=True)
class Service:
    """The parts every request may need.

    `clock` is what staff are shown and what bookings are dated by; `real` paces rate limits and idempotency, and
    differs from it only where a program clock is set. `identity` says who stands behind a credential; `keys` also
    counts refused ones, whoever refused them. `board` is what is taken and `shelf` what
    calendar feeds were last answered, both in memory and shared by all requests.
    """

    settings: Settings
    database: Database
    identity: IdentityProvider
    keys: KeyStore
    answers: Answers
    board: Board
    shelf: Shelf
    clock: Clock
    real: Clock
    facts: Callable[[], Facts]
    metrics: Metrics | None


def service_of(scope: Scope) -> Service:
    """The service that answers a request."""
    service: Service = scope["app"].state.service
    return service
