"""The treatment of the small world: docs/domain.md section 2 with three doses, one harvest and a patient bank."""

from __future__ import annotations

from scheduler.domain.protocol import (
    ColdChain,
    DoseSpec,
    FollowUp,
    Limit,
    Product,
    Protocol,
    Registration,
    StartHours,
    Step,
    StepRef,
    Temperatures,
    Use,
    Window,
)


def ref(text: str) -> StepRef:
    """A reference such as ``fill.end`` or ``harvest@2.start``."""
    kind, edge = text.split(".")
    name, _, dose = kind.partition("@")
    return StepRef(name, "start" if edge == "start" else "end", int(dose) if dose else None)


def held(resource: str, since: str, until: str) -> Use:
    """A unit held from one edge to another."""
    return Use(resource, ref(since), ref(until))


STEPS = (
    Step(
        "harvest",
        "harvest",
        "site",
        "site",
        90,
        uses=(Use("harvest_room"),),
        starts=(StartHours((0, 1, 2, 3), 8 * 60, 12 * 60),),
        attended=True,
    ),
    Step("marrow_transit", "harvest", "site", "plant", after=("harvest",), arrives_in="dock"),
    Step("isolation", "harvest", "plant", "plant", 210, uses=(Use("suite"),), after=("marrow_transit",), cells=True),
    Step(
        "culture",
        "harvest",
        "plant",
        "plant",
        hold=(ref("isolation.end"), ref("fill.start")),
        uses=(Use("incubator"),),
        cells=True,
    ),
    Step("thaw", "dose", "plant", "plant", 60, uses=(Use("suite"),), doses=(2, 3), cells=True, restarts=(1,)),
    Step(
        "expansion",
        "dose",
        "plant",
        "plant",
        hold=(ref("thaw.end"), ref("fill.start")),
        uses=(Use("incubator"),),
        doses=(2, 3),
        cells=True,
        restarts=(1,),
    ),
    Step("csf_tap", "dose", "site", "site", 60, uses=(Use("procedure_room"),), attended=True),
    Step("csf_transit", "dose", "site", "plant", after=("csf_tap",), arrives_in="dock"),
    Step(
        "fill",
        "dose",
        "plant",
        "plant",
        150,
        uses=(Use("suite"), Use("fill_crew"), held("cold_store", "fill.end", "pack.start")),
        after=("csf_transit", "culture", "expansion"),
    ),
    Step("release", "dose", "plant", "plant", 300, uses=(Use("qc_bench"),), after=("fill",)),
    Step(
        "pack",
        "dose",
        "plant",
        "plant",
        30,
        uses=(Use("dispatch_bench"), held("shipper", "pack.start", "receipt.end")),
        after=("release",),
    ),
    Step("transit", "dose", "plant", "site", after=("pack",), arrives_in="pharmacy"),
    Step(
        "receipt",
        "dose",
        "site",
        "site",
        30,
        uses=(Use("pharmacy"), held("refrigerator", "receipt.end", "injection.start")),
        after=("transit",),
    ),
    Step("injection", "dose", "site", "site", 60, uses=(Use("procedure_room"),), after=("receipt",), attended=True),
)

HOUR = 60
LIMITS = (
    Limit("marrow_hold", ref("harvest.end"), ref("isolation.start"), at_most_minutes=24 * HOUR),
    Limit("culture_days", ref("isolation.end"), ref("fill.start"), at_least_days=26, at_most_days=30),
    Limit("bank_available", ref("isolation.end"), ref("thaw.start"), at_least_days=14),
    Limit("expansion_days", ref("thaw.end"), ref("fill.start"), at_least_days=12, at_most_days=16),
    Limit("tap_day_before", ref("csf_tap.start"), ref("injection.start"), at_least_days=1, at_most_days=1),
    Limit("csf_hold", ref("csf_tap.end"), ref("fill.start"), at_most_minutes=24 * HOUR),
    Limit("shelf_life", ref("fill.end"), ref("injection.end"), at_most_minutes=48 * HOUR),
    Limit("masked_interval", ref("harvest.start"), ref("injection.start"), at_least_days=27, at_most_days=32),
)

PROTOCOL = Protocol(
    name="small",
    title="Three doses",
    blinded=True,
    supply="bank",
    administration="injection",
    product=Product("cells", 0.1, 4.0, 31, 131, 2),
    registration=Registration("harvest", 7, 42),
    doses=(
        DoseSpec(1, "first"),
        DoseSpec(2, "pair", 1, Window(26, 0, -2, 5)),
        DoseSpec(3, "booster", 1, Window(0, 4, -7, 7)),
    ),
    steps=STEPS,
    limits=LIMITS,
    cold_chain=ColdChain(ref("fill.end"), ref("injection.start"), 60, Temperatures(2, 8, 0, 15, 30, 10)),
    follow_ups=(FollowUp("week-20", 1, Window(140, 0, -14, 14), 60, ("clinic",)),),
)
