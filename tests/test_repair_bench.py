"""The benchmark of repairs: what it does to a plan, and how it keeps its section of the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from scheduler.domain.calendars import local_date
from scheduler.repair_bench import BEGIN, END, Scenario, measure, standings, table, with_section
from tests.domain.world import ANA, PLANT, SEOUL
from tests.planning.small import BEN_NORTH, one_dose, planned

FACTS = one_dose(ANA, replace(BEN_NORTH, registered_on=ANA.registered_on + timedelta(days=7)))
PLAN = planned(FACTS)
FILL = min(
    (one for course in PLAN.courses for one in course.activities if one.kind == "fill"), key=lambda one: one.start_at
)


def test_a_closed_fill_line_moves_one_dose_and_planning_anew_no_fewer() -> None:
    early = Scenario(
        "closed", FILL.start_at - timedelta(days=60), ((PLANT, "fill_crew"),), local_date(FILL.start_at, SEOUL), 1
    )
    row = measure(FACTS, PLAN, early)
    # Tap and injection of one patient.
    assert (row.found.visits_moved, row.found.is_proven) == (2, True)
    assert row.anew >= row.found.visits_moved
    assert "| closed | 0 | 2 |" in table([row])


def test_what_is_nearer_than_the_fences_is_fixed() -> None:
    late = Scenario("late", FILL.start_at - timedelta(days=10))
    (told,) = [one for one in standings(FACTS, PLAN.courses, late) if FILL in one.course.activities]
    kinds = {one.id: one.kind for one in told.course.activities}
    # Ten days ahead visits are within their 14 days, a fill is not within the plant's 3.
    assert {"csf_tap", "injection", "harvest"} <= {kinds[name] for name in told.fixed}
    assert {"fill", "release", "pack"} <= {kinds[name] for name in told.movable}


def test_the_section_of_the_page_is_replaced_and_the_rest_stays() -> None:
    page = f"# Benchmarks\n\n{BEGIN}\nold\n{END}\n\n## More\n"
    assert with_section(page, f"{BEGIN}\nnew\n{END}\n") == f"# Benchmarks\n\n{BEGIN}\nnew\n{END}\n\n## More\n"
    assert with_section("# Benchmarks\n", f"{BEGIN}\nnew\n{END}\n") == f"# Benchmarks\n\n{BEGIN}\nnew\n{END}\n"
