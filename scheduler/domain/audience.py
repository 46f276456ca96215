"""Who may see and do what (docs/domain.md section 4): roles, the audience each belongs to, and who is acting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

NeutralReason = Literal["supply", "site", "patient", "logistics"]
"""All a blinded reader learns of why something is not as it was."""


class Role(StrEnum):
    """What a person does; an API key has exactly one."""

    SITE_STAFF = "site_staff"
    COORDINATOR = "coordinator"
    RATER = "rater"
    MONITOR = "monitor"
    DOCTOR = "doctor"
    PHARMACIST = "pharmacist"
    PLANNER = "planner"
    QA = "qa"
    COURIER = "courier"
    STATISTICIAN = "statistician"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Audience(StrEnum):
    """What a reader may be shown. A blinded reader gets only what was made from data that never held the arm."""

    BLINDED = "blinded"
    PHARMACIST = "pharmacist"
    PLANT = "plant"
    COURIER = "courier"
    STATISTICIAN = "statistician"
    AUDITOR = "auditor"
    ADMIN = "admin"


AUDIENCE_OF: dict[Role, Audience] = {
    Role.SITE_STAFF: Audience.BLINDED,
    Role.COORDINATOR: Audience.BLINDED,
    Role.RATER: Audience.BLINDED,
    Role.MONITOR: Audience.BLINDED,
    Role.DOCTOR: Audience.BLINDED,
    Role.PHARMACIST: Audience.PHARMACIST,
    Role.PLANNER: Audience.PLANT,
    Role.QA: Audience.PLANT,
    Role.COURIER: Audience.COURIER,
    Role.STATISTICIAN: Audience.STATISTICIAN,
    Role.AUDITOR: Audience.AUDITOR,
    Role.ADMIN: Audience.ADMIN,
}

SITE_ROLES = frozenset({Role.SITE_STAFF, Role.COORDINATOR, Role.RATER, Role.MONITOR, Role.DOCTOR, Role.PHARMACIST})


@dataclass(frozen=True)
class Principal:
    """Who acts: the name printed in the audit trail, the role, and the site for roles that belong to one.

    `key_id` names the credential, never the secret.
    """

    name: str
    role: Role
    site: str | None
    key_id: str

    @property
    def audience(self) -> Audience:
        """What this reader may be shown."""
        return AUDIENCE_OF[self.role]

    def may_see_site(self, site: str) -> bool:
        """Whether a site's records exist for this reader; roles without a site see every site."""
        return self.site is None or self.site == site


class IdentityProvider(Protocol):
    """Who stands behind a credential. API keys are the one provider there is; a hospital's own would be another."""

    def identify(self, credential: str) -> Principal | None:
        """The person or machine a credential belongs to, or None where it is unknown, wrong or revoked."""
        ...
