"""Why a dose has no place: the reasons a coordinator reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.calendars import Closure
from scheduler.domain.course import Facts
from scheduler.domain.intervals import Interval
from scheduler.domain.plan import Plan
from scheduler.domain.rules import violations
from scheduler.planning.explain import smallest
from scheduler.planning.planner import make_plan
from scheduler.programs import load_program

SEOUL = ZoneInfo("Asia/Seoul")


@pytest.fixture(scope="module")
def one_patient() -> Facts:
    """The first patient of ALSUMMIT, registered on Tue 5 Jan 2027, who may wait 45 days at the most for dose 1."""
    facts = load_program("alsummit")
    return replace(facts, patients=facts.patients[:1], policy=replace(facts.policy, max_wait_days=45))


def planned(facts: Facts) -> tuple[Plan, dict[int | None, tuple[str, ...]]]:
    plan = make_plan(facts, time_limit=5.0)
    assert violations(plan, facts) == []
    return plan, {one.dose: one.reasons for one in plan.unplanned}


def closed(facts: Facts, first: tuple[int, int], last: tuple[int, int]) -> Facts:
    during = Interval(datetime(2027, *first, tzinfo=SEOUL), datetime(2027, *last, tzinfo=SEOUL))
    return replace(facts, network=facts.network.with_closures(Closure("YONGIN", during, "new air handling")))


def with_units(facts: Facts, place: str, kind: str, count: int) -> Facts:
    places = tuple(
        replace(
            one,
            resources=tuple(replace(r, units=r.units[:count]) if r.kind == kind else r for r in one.resources),
        )
        if one.code == place
        else one
        for one in facts.network.places
    )
    return replace(facts, network=replace(facts.network, places=places))


def test_a_patient_alone_has_nothing_to_explain(one_patient: Facts) -> None:
    _, reasons = planned(one_patient)
    assert reasons == {}


def test_a_closed_plant_is_named_with_its_days_and_the_step_that_meets_it(one_patient: Facts) -> None:
    # Dose 1 can fall on 8 Feb to 19 Feb, so dose 3 (four months on, 7 days either way) is due between 1 and 26 June.
    facts = closed(one_patient, (5, 25), (7, 5))
    plan, reasons = planned(facts)
    assert list(reasons) == [3]
    (reason,) = reasons[3]
    assert "must fall around" in reason
    assert "YONGIN is closed from Tue 25 May 2027 to Sun 4 Jul 2027 (new air handling)" in reason
    # One dose is lost, the other four are kept with the pair on its day.
    assert plan.cost[0] == 1000


def test_a_limit_that_cannot_be_kept_is_named_and_what_hangs_on_dose_one_says_so(one_patient: Facts) -> None:
    # Fill to injection takes 2.5 h of release, pack, transit and receipt at the very least, and a night: never 8 h.
    limits = tuple(
        replace(limit, at_most_minutes=8 * 60) if limit.name == "shelf_life" else limit
        for limit in one_patient.protocol.limits
    )
    _, reasons = planned(replace(one_patient, protocol=replace(one_patient.protocol, limits=limits)))
    assert reasons[1] == ("at most 8 h from fill.end to injection.end cannot be kept (shelf_life)",)
    assert reasons[2] == ("dose 2 counts its days from dose 1, which has no place",)
    assert list(reasons) == [1, 2, 3, 4, 5]


def test_what_others_have_taken_is_named_by_resource_and_place(one_patient: Facts) -> None:
    # A course needs a second position while dose 2 is expanded beside the end of its culture: one is not enough.
    facts = load_program("alsummit")
    pair = (facts.patients[0], replace(facts.patients[0], id="HYU-002"))
    two = replace(one_patient, patients=pair)
    _, reasons = planned(with_units(two, "YONGIN", "incubator", 1))
    assert reasons
    words = [reason for one in reasons.values() for reason in one]
    assert any("every incubator at YONGIN is taken by other courses" in reason for reason in words)


def test_the_smallest_set_keeps_only_what_is_needed() -> None:
    assert smallest("abcd", lambda some: {"b", "d"} <= some) == frozenset("bd")
    assert smallest("ab", lambda _: True) == frozenset()
    assert smallest("ab", lambda _: False) is None
