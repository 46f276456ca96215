"""Reading a protocol file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from scheduler.domain.course import FOLLOW_UP
from scheduler.domain.protocol import (
    Arm,
    ColdChain,
    DoseSpec,
    FollowUp,
    Limit,
    Product,
    Protocol,
    Registration,
    Role,
    Step,
    StepRef,
    Temperatures,
    Use,
    Window,
)
from scheduler.programs.extends import read_facts
from scheduler.programs.grammar import QUARTER, parse_anchor, parse_reference, parse_sides, parse_starts
from scheduler.programs.library import shipped
from scheduler.programs.protocol_checks import check_protocol
from scheduler.programs.table import Table

ABSOLUTE_ZERO = -273.15
LONGEST_DAYS = 3660


def load_protocol(path: Path) -> Protocol:
    """The protocol in a file, checked in itself."""
    table = read_facts(path, shipped("protocols"))
    protocol = Protocol(
        name=table.identifier("name"),
        title=table.text("title"),
        blinded=table.flag("blinded"),
        supply=_supply(table),
        administration=table.identifier("administration"),
        product=_product(table.table("product")),
        registration=_registration(table.table("registration")),
        doses=tuple(_dose(one) for one in table.tables("doses")),
        steps=tuple(_step(one) for one in table.tables("steps")),
        limits=tuple(_limit(one) for one in table.tables("limits", ())),
        cold_chain=_cold_chain(table.optional_table("cold_chain")),
        arms=tuple(_arm(one) for one in table.tables("arms", ())),
        follow_ups=tuple(_follow_up(one) for one in table.tables("follow_ups", ())),
    )
    table.finish()
    check_protocol(table, protocol)
    return protocol


def _supply(table: Table) -> Literal["bank", "harvest-per-dose"]:
    return "bank" if table.one_of("supply", ("bank", "harvest-per-dose")) == "bank" else "harvest-per-dose"


def _product(table: Table) -> Product:
    product = Product(
        name=table.text("name"),
        ml_per_kg=table.number("ml_per_kg", above=0),
        ml_per_syringe=table.number("ml_per_syringe", above=0),
        lightest_kg=table.number("lightest_kg"),
        heaviest_kg=table.number("heaviest_kg"),
        band_kg=table.number("band_kg", above=0),
    )
    table.finish()
    bands = (product.heaviest_kg - product.lightest_kg) / product.band_kg
    if bands < 1 or abs(bands - round(bands)) > 1e-6:
        problem = f"{product.heaviest_kg:g} kg is not a whole number of bands above {product.lightest_kg:g} kg"
        raise table.error("heaviest_kg", problem, f"Add a multiple of {product.band_kg:g} kg to lightest_kg")
    return product


def _registration(table: Table) -> Registration:
    found = Registration(
        step=table.identifier("step"),
        earliest_days=table.integer("earliest_days", high=LONGEST_DAYS),
        target_days=table.integer("target_days", high=LONGEST_DAYS),
    )
    table.finish()
    if found.earliest_days > found.target_days:
        problem = f"{found.earliest_days} is later than the target, {found.target_days}"
        raise table.error("earliest_days", problem, "Make it at most target_days")
    return found


def _window(table: Table) -> Window:
    window = Window(
        target_days=table.integer("target_days", 0, high=LONGEST_DAYS),
        target_months=table.integer("target_months", 0, high=120),
        earliest_days=table.integer("earliest_days", low=-LONGEST_DAYS, high=LONGEST_DAYS),
        latest_days=table.integer("latest_days", low=-LONGEST_DAYS, high=LONGEST_DAYS),
    )
    table.finish()
    if window.earliest_days > window.latest_days:
        problem = f"earliest ({window.earliest_days}) is later than latest ({window.latest_days})"
        raise table.error("earliest_days", problem, "Both count from the target; make earliest_days <= latest_days")
    return window


def _dose(table: Table) -> DoseSpec:
    number = table.integer("number", low=1, high=999)
    role: Role = "first"
    word = table.one_of("role", ("first", "pair", "booster"))
    anchor, window = None, None
    if word != "first":
        role = "pair" if word == "pair" else "booster"
        anchor = parse_anchor(table, "anchor")
        window = _window(table.table("window"))
        if anchor is None:
            raise table.error("anchor", "only a follow-up may count from the registration", "Write such as 'dose 1'")
    table.finish()
    return DoseSpec(number, role, anchor, window)


def _step(table: Table) -> Step:
    side, to_side = parse_sides(table, "at")
    step = Step(
        kind=table.identifier("kind"),
        per="harvest" if table.one_of("per", ("harvest", "dose")) == "harvest" else "dose",
        side=side,
        to_side=to_side,
        minutes=table.optional_integer("minutes", low=QUARTER, high=60 * 24 * 60),
        hold=_hold(table.optional_table("hold")),
        uses=_uses(table),
        after=table.texts("after", ()),
        starts=parse_starts(table, "starts"),
        doses=table.integers("doses") if table.has("doses") else None,
        arrives_in=table.optional_text("arrives_in"),
        attended=table.flag("attended", False),
        cells=table.flag("cells", False),
        restarts=table.integers("restarts") if table.has("restarts") else (),
        temperatures=_temperatures(table.table("temperatures")) if table.has("temperatures") else None,
    )
    table.finish()
    _check_shape(table, step)
    return step


def _check_shape(table: Table, step: Step) -> None:
    if step.kind == FOLLOW_UP:
        raise table.error("kind", f"{FOLLOW_UP!r} is kept for follow-up visits", "Choose another word")
    if [step.minutes is not None, step.hold is not None, step.is_transit].count(True) != 1:
        problem = "a step lasts minutes, or is a hold, or a transit: exactly one of the three"
        raise table.error("minutes", problem, "Give minutes, or hold, or at = 'site -> plant'")
    if step.minutes is not None and step.minutes % QUARTER:
        remedy = "Plans are made on quarters of an hour; use a multiple of 15"
        raise table.error("minutes", f"{step.minutes} is not whole quarters of an hour", remedy)
    if step.arrives_in is not None and not step.is_transit:
        raise table.error("arrives_in", "the step is not a transit", "Remove it, or write at = 'plant -> site'")
    if step.temperatures is not None and (step.side, step.to_side) != ("site", "plant"):
        remedy = "Remove them; on the way to a site those of [cold_chain.temperatures] hold"
        raise table.error("temperatures", "the step is not a transit to the plant", remedy)
    if step.attended and (step.side, step.to_side) != ("site", "site"):
        raise table.error("attended", "the patient is only at the site", "Write at = 'site' or remove attended")


def _hold(table: Table | None) -> tuple[StepRef, StepRef] | None:
    if table is None:
        return None
    edges = parse_reference(table, "from"), parse_reference(table, "until")
    table.finish()
    return edges


def _uses(table: Table) -> tuple[Use, ...]:
    values = table.raw("uses", [])
    if not isinstance(values, list):
        raise table.error("uses", f"{values!r} is not a list", 'Write such as ["suite", "fill_crew"]')
    uses = tuple(_use(table, f"uses[{index}]", one) for index, one in enumerate(values))
    if len({use.resource for use in uses}) != len(uses):
        raise table.error("uses", "names one resource twice", "Keep each resource once")
    return uses


def _use(step: Table, key: str, value: object) -> Use:
    if isinstance(value, str) and value:
        return Use(value)
    if not isinstance(value, dict):
        remedy = 'Write "suite" or { resource = "shipper", from = "pack.start", until = "receipt.end" }'
        raise step.error(key, f"{value!r} is not a resource", remedy)
    table = Table(step.where, f"{step.key}.{key}", value)
    use = Use(table.identifier("resource"), parse_reference(table, "from"), parse_reference(table, "until"))
    table.finish()
    return use


def _limit(table: Table) -> Limit:
    limit = Limit(
        name=table.identifier("name"),
        from_ref=parse_reference(table, "from"),
        to_ref=parse_reference(table, "to"),
        at_least_minutes=_elapsed(table, "at_least"),
        at_most_minutes=_elapsed(table, "at_most"),
        at_least_days=table.optional_integer("at_least_days", low=-LONGEST_DAYS, high=LONGEST_DAYS),
        at_most_days=table.optional_integer("at_most_days", low=-LONGEST_DAYS, high=LONGEST_DAYS),
    )
    table.finish()
    _check_bounds(table, limit)
    return limit


def _elapsed(table: Table, bound: str) -> int | None:
    hours = table.optional_integer(f"{bound}_hours")
    minutes = table.optional_integer(f"{bound}_minutes")
    if hours is not None and minutes is not None:
        raise table.error(f"{bound}_minutes", f"{bound}_hours is given too", "Keep one of the two")
    return minutes if hours is None else hours * 60


def _check_bounds(table: Table, limit: Limit) -> None:
    pairs = (limit.at_least_minutes, limit.at_most_minutes), (limit.at_least_days, limit.at_most_days)
    if all(bound is None for pair in pairs for bound in pair):
        raise table.error("at_most_hours", "the limit bounds nothing", "Add at_most_hours, at_least_days or another")
    for least, most in pairs:
        if least is not None and most is not None and least > most:
            raise table.error("at_least", f"at least {least} is more than at most {most}", "Exchange or correct them")


def _cold_chain(table: Table | None) -> ColdChain | None:
    if table is None:
        return None
    chain = ColdChain(
        from_ref=parse_reference(table, "from"),
        until_ref=parse_reference(table, "until"),
        out_minutes=table.integer("out_minutes"),
        temperatures=_temperatures(table.table("temperatures")),
    )
    table.finish()
    return chain


def _temperatures(table: Table) -> Temperatures:
    found = Temperatures(
        at_least=table.number("at_least_celsius", low=ABSOLUTE_ZERO),
        at_most=table.number("at_most_celsius", low=ABSOLUTE_ZERO),
        review_at_least=table.number("review_at_least_celsius", low=ABSOLUTE_ZERO),
        review_at_most=table.number("review_at_most_celsius", low=ABSOLUTE_ZERO),
        review_minutes=table.integer("review_minutes"),
        longest_gap_minutes=table.integer("longest_gap_minutes", low=1),
    )
    table.finish()
    if not found.review_at_least <= found.at_least <= found.at_most <= found.review_at_most:
        remedy = "Write review_at_least, at_least, at_most and review_at_most in ascending order"
        raise table.error("at_least_celsius", "the bounds are not in order", remedy)
    return found


def _arm(table: Table) -> Arm:
    arm = Arm(
        name=table.identifier("name"),
        share=table.integer("share", low=1, high=1000),
        active=table.integers("active", ()),
        comparator=table.integers("comparator", ()),
    )
    table.finish()
    both = sorted(set(arm.active) & set(arm.comparator))
    if both:
        raise table.error("comparator", f"dose {both[0]} is active as well", "Keep each dose in one of the two lists")
    return arm


def _follow_up(table: Table) -> FollowUp:
    minutes = table.integer("minutes", low=QUARTER, high=24 * 60)
    if minutes % QUARTER:
        raise table.error("minutes", f"{minutes} is not whole quarters of an hour", "Use a multiple of 15")
    found = FollowUp(
        name=table.identifier("name"),
        anchor=parse_anchor(table, "anchor"),
        window=_window(table.table("window")),
        minutes=minutes,
        uses=table.texts("uses"),
    )
    table.finish()
    return found
