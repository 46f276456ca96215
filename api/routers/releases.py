"""Lots and their release in two stages."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import Field

from api.dependencies import CurrentCaller, Idempotent, require
from api.documentation import responses
from api.identities import LotId
from api.schemas import Incoming, OpaqueId, Outgoing, PatientId, Reason, Signature
from scheduler.coldchain.releases import LOT_READERS, RELEASERS, Stage, lots_listed, release
from scheduler.persistence.tables_coldchain import ReleaseRow

router = APIRouter(prefix="/v1", tags=["units"])


class ReleaseView(Outgoing):
    """What was said of a lot at one stage."""

    id: OpaqueId
    stage: Stage
    passed: bool
    reason: str
    decided_at: datetime
    decided_by: str


class LotView(Outgoing):
    """One attempt of one fill; without units where it failed."""

    id: str
    dose: int
    attempt: int
    made_at: datetime
    units: list[str]
    releases: list[ReleaseView]


class Lots(Outgoing):
    """The lots of a course by dose and attempt, with the donations they were made from."""

    coi: str
    donations: list[str]
    lots: list[LotView]


class Said(Incoming):
    """What quality says of a lot, signed."""

    stage: Stage = Field(description="before_sterility once the quick tests are known, final once all are.")
    passed: bool
    reason: Reason
    signature: Signature


@router.get(
    "/courses/{course}/lots",
    operation_id="list_lots",
    summary="Donations and lots of a course",
    responses=responses(404),
    dependencies=[Depends(require(*LOT_READERS))],
)
def list_lots(course: PatientId, caller: CurrentCaller) -> Lots:
    """For the plant: every attempt, with what was said of it."""
    with caller.look(course) as work:
        found = lots_listed(work, course)
        return Lots(
            coi=found.coi,
            donations=[one.id for one in found.donations],
            lots=[
                LotView(
                    id=one.row.id,
                    dose=one.row.dose,
                    attempt=one.row.attempt,
                    made_at=one.row.made_at,
                    units=[unit.id for unit in one.units],
                    releases=[_release(each) for each in one.releases],
                )
                for one in found.lots
            ],
        )


@router.post(
    "/lots/{lot}/releases",
    operation_id="release_lot",
    summary="Release a lot, or fail it",
    status_code=201,
    responses=responses(404, 409),
    dependencies=[Depends(require(*RELEASERS)), Idempotent],
)
def release_lot(lot: LotId, body: Said, caller: CurrentCaller) -> ReleaseView:
    """One of two stages, signed. A failure after the dose was given is an urgent notice to the treating doctor."""
    meaning = caller.signed(body.signature)
    with caller.begin() as work:
        facts = caller.facts(work)
        row = release(
            work, facts, lot, stage=body.stage, passed=body.passed, reason=body.reason, signed_meaning=meaning
        )
        shown = _release(row)
        work.commit()
    return shown


def _release(row: ReleaseRow) -> ReleaseView:
    return ReleaseView.model_validate(
        {name: getattr(row, name) for name in ("id", "stage", "passed", "reason", "decided_at", "decided_by")}
    )
