"""What must be done again after something failed, found from the protocol's data alone (docs/domain.md section 2).

A dose is made of what comes from the patient on the day (a tap) and of cells, and cells come from a harvest or from the
patient bank. What was lost says how far back one must go.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from scheduler.domain.course import StepAt
from scheduler.domain.protocol import Protocol, Step

Cause = Literal["lot_failed", "tap_failed", "harvest_dry", "shipment_lost"]
"""What went wrong; a shipment that comes too late is as good as lost."""
WayBack = Literal["material", "dose", "bank", "harvest"]
"""From where a dose is made again: the lost material of one step of its own while its cells grow on, all of its own
steps, the patient bank in place of the culture, or a new harvest."""


def comes_from_patient(protocol: Protocol, step: Step) -> bool:
    """Whether nothing but what was taken at the site goes into a step: a harvest, a tap, and their way to the plant."""
    return all(protocol.step(kind).side == "site" for kind in _up_to(protocol, step.kind))


def fits(protocol: Protocol, step: Step, cause: Cause) -> bool:
    """Whether a step can fail for such a cause."""
    if cause == "shipment_lost":
        return step.is_transit
    if cause == "lot_failed":
        return not comes_from_patient(protocol, step)
    per = "harvest" if cause == "harvest_dry" else "dose"
    return comes_from_patient(protocol, step) and not step.is_transit and step.per == per


def way_back(protocol: Protocol, failed: Step, *, is_first: bool, bank_exists: bool) -> WayBack:
    """From where the dose of a failed step is made again.

    Parameters
    ----------
    is_first
        Whether it is the first dose of its course: under ``supply = "bank"`` only that is made from the culture itself.
    bank_exists
        Whether the patient bank is there to restart the first dose from.
    """
    if comes_from_patient(protocol, failed):
        return "harvest" if failed.per == "harvest" else "material"
    if protocol.supply == "harvest-per-dose":
        return "harvest"
    if not is_first:
        return "dose"
    return "bank" if bank_exists else "harvest"


def done_again(
    protocol: Protocol, steps: Iterable[StepAt], failed: Step, dose: int, way: WayBack
) -> list[tuple[str, int | None]]:
    """Kind and dose of every step that has to be done again, of the steps a course has from then on.

    After a loss of material that is what the failed step needs and what needs it, within the dose; its cells grow on.
    """
    if way == "material":
        kinds = _down_from(protocol, _up_to(protocol, failed.kind))
        return [(at.step.kind, at.dose) for at in steps if at.dose == dose and at.step.kind in kinds]
    doses = {dose, None} if way == "harvest" else {dose}
    return [(at.step.kind, at.dose) for at in steps if at.dose in doses]


def least_days(protocol: Protocol, way: WayBack) -> int:
    """The fewest days from the first step that handles cells again to the fill of a dose that holds cells.

    What is made again from the patient's material alone waits for no cells: 0.
    """
    kinds = {step.kind: step for step in protocol.steps}
    pers = {"material": (), "dose": ("dose",), "bank": ("dose",), "harvest": ("harvest", "dose")}[way]
    return max(
        (
            limit.at_least_days or 0
            for limit in protocol.limits
            if limit.to_ref.kind == protocol.filled_in
            and kinds[limit.from_ref.kind].cells
            and kinds[limit.from_ref.kind].per in pers
        ),
        default=0,
    )


def comes_after(protocol: Protocol, kind: str) -> frozenset[str]:
    """The kinds of step that wait for one, directly or not."""
    return _down_from(protocol, frozenset({kind})) - {kind}


def _up_to(protocol: Protocol, kind: str) -> frozenset[str]:
    """A kind of step and all that it comes after."""
    return frozenset({kind}).union(*(_up_to(protocol, before) for before in protocol.step(kind).after))


def _down_from(protocol: Protocol, kinds: frozenset[str]) -> frozenset[str]:
    """Some kinds of step and all that come after them."""
    more = kinds | {step.kind for step in protocol.steps if not kinds.isdisjoint(step.after)}
    return kinds if more == kinds else _down_from(protocol, more)
