"""A site's share of a diff: its own visits, old and new, with neutral reasons (docs/domain.md section 4).

`site_share` is the only function here that is handed a whole diff, and all it takes are visit changes of the site,
which never knew the plant, its steps or a reason in full. What a site reads is made from that share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scheduler.documents.diff_json import as_text, patients_json
from scheduler.domain.course import Facts
from scheduler.domain.diff import PlanDiff, VisitChange, counts
from scheduler.domain.errors import BadInput

SITE_DIFF_FORMAT = "marrowline-site-diff/1"


@dataclass(frozen=True)
class SiteDiff:
    """What changes at one site; `administration` is the step that counts as the dose, `zone` the site's time zone."""

    program: str
    site: str
    zone: str
    administration: str
    visits: tuple[VisitChange, ...]


def site_share(diff: PlanDiff, facts: Facts, site: str) -> SiteDiff:
    """Take out of a diff what one site may see; BadInput when the program has no such site."""
    place = next((one for one in facts.network.sites if one.code == site), None)
    if place is None:
        known = ", ".join(one.code for one in facts.network.sites)
        raise BadInput("audience", "site", f"program {facts.program} has no site {site!r}", f"Sites: {known}")
    visits = tuple(one for one in diff.visits if one.site == site)
    return SiteDiff(diff.program, site, place.zone, facts.protocol.administration, visits)


def site_diff_json(share: SiteDiff) -> str:
    """The site's share as JSON text; no cost, no step of the plant, no reason in full (docs/plan-format.md)."""
    document: dict[str, Any] = {
        "format": SITE_DIFF_FORMAT,
        "program": share.program,
        "audience": f"site:{share.site}",
        "time_zone": share.zone,
        "visits": counts(share.visits),
        "patients": patients_json(share.visits),
    }
    return as_text(document)
