"""plan.json bent by hand: `marrowline check` accepts what was written, and names the rule each bend breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scheduler import cli
from tests.programs_planned.conftest import Small

Document = dict[str, Any]
Step = dict[str, Any]


class Checked(NamedTuple):
    """How `marrowline check` ended, and the rules it named."""

    code: int
    rules: set[str]


def check(capfd: pytest.CaptureFixture[str], plan_json: Path, program: Path | str) -> Checked:
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", str(plan_json), str(program)])
    out = capfd.readouterr().out
    return Checked(int(ended.value.code or 0), set(re.findall(r"^(\w+): broken", out, re.MULTILINE)))


def steps_in(plan: Document) -> Iterator[Step]:
    for course in plan["courses"]:
        yield from course["activities"]


def find(plan: Document, name: str) -> Step:
    return next(one for one in steps_in(plan) if one["id"] == name)


def when(step: Step, edge: str) -> datetime:
    return datetime.fromisoformat(step[edge])


def put(step: Step, start: datetime) -> None:
    """Let a step start then and last as long as before."""
    length = when(step, "end") - when(step, "start")
    step["start"], step["end"] = start.isoformat(), (start + length).isoformat()


def shift(plan: Document, name: str, **by: int) -> None:
    step = find(plan, name)
    put(step, when(step, "start") + timedelta(**by))


def shift_dose(plan: Document, patient: str, dose: int, days: int) -> None:
    for step in steps_in(plan):
        if step["id"].startswith(f"{patient}/{dose}/"):
            put(step, when(step, "start") + timedelta(days=days))


def fill_an_hour_late(plan: Document) -> None:
    shift(plan, "HYU-001/1/fill", hours=1)


def fill_on_a_sunday(plan: Document) -> None:
    fill = find(plan, "HYU-001/1/fill")
    put(fill, when(fill, "start") + timedelta(days=6 - when(fill, "start").weekday()))


def unknown_suite(plan: Document) -> None:
    find(plan, "HYU-001/1/fill")["units"]["suite"] = "suite-3"


def two_in_one_suite(plan: Document) -> None:
    first, second = find(plan, "HYU-001/isolation"), find(plan, "HYU-002/isolation")
    put(second, when(first, "start"))
    second["units"]["suite"] = first["units"]["suite"]


def no_line_clearance(plan: Document) -> None:
    first, second = find(plan, "HYU-001/isolation"), find(plan, "HYU-002/isolation")
    put(second, when(first, "end"))
    second["units"]["suite"] = first["units"]["suite"]


def shared_incubator(plan: Document) -> None:
    find(plan, "HYU-002/culture")["units"] = dict(find(plan, "HYU-001/culture")["units"])


def shipper_without_its_day_of_rest(plan: Document) -> None:
    receipt, pack = find(plan, "HYU-001/1/receipt"), find(plan, "HYU-001/2/pack")
    put(pack, when(receipt, "end") + timedelta(hours=23))
    pack["units"]["shipper"] = find(plan, "HYU-001/1/pack")["units"]["shipper"]


def shipper_of_four_days(plan: Document) -> None:
    shift(plan, "HYU-001/1/pack", days=-4)


def stretched_transit(plan: Document) -> None:
    transit = find(plan, "HYU-001/1/transit")
    transit["end"] = (when(transit, "end") + timedelta(minutes=15)).isoformat()


def wrong_lane(plan: Document) -> None:
    find(plan, "HYU-001/1/transit")["lane"] = "YONGIN-SNU"


def late_hand_over(plan: Document) -> None:
    pack = find(plan, "HYU-001/1/pack")
    put(pack, when(find(plan, "HYU-001/1/transit"), "start") - (when(pack, "end") - when(pack, "start")))


def arrival_at_night(plan: Document) -> None:
    # The run at 20:00 reaches the site at 21:30; its pharmacy is open from 06:00 to 18:00.
    transit = find(plan, "HYU-001/1/transit")
    put(transit, when(transit, "start").replace(hour=20, minute=0) - timedelta(days=1))


def dose_of_49_hours(plan: Document) -> None:
    injection = find(plan, "HYU-001/1/injection")
    put(injection, when(find(plan, "HYU-001/1/fill"), "end") + timedelta(hours=48))


def no_refrigerator(plan: Document) -> None:
    del find(plan, "HYU-001/1/receipt")["units"]["refrigerator"]


def no_shipper(plan: Document) -> None:
    del find(plan, "HYU-001/1/pack")["units"]["shipper"]


def no_cold_store(plan: Document) -> None:
    del find(plan, "HYU-001/1/fill")["units"]["cold_store"]


def wrong_volume(plan: Document) -> None:
    find(plan, "HYU-001/1/fill")["volume_ml"] = 6.2


def one_syringe_more(plan: Document) -> None:
    find(plan, "HYU-001/1/fill")["syringes"] += 1


def tap_two_days_before(plan: Document) -> None:
    shift(plan, "HYU-001/1/csf_tap", days=-1)


def tap_at_dawn(plan: Document) -> None:
    # 25 h before the fill: the CSF is too old.
    tap = find(plan, "HYU-001/1/csf_tap")
    put(tap, when(find(plan, "HYU-001/1/fill"), "start") - timedelta(hours=26))


def marrow_of_25_hours(plan: Document) -> None:
    harvest, isolation = find(plan, "HYU-001/harvest"), find(plan, "HYU-001/isolation")
    put(isolation, when(harvest, "end") + timedelta(hours=25))


def culture_of_31_days(plan: Document) -> None:
    isolation, culture = find(plan, "HYU-001/isolation"), find(plan, "HYU-001/culture")
    days = (when(culture, "end").date() - when(isolation, "end").date()).days
    put(isolation, when(isolation, "start") - timedelta(days=31 - days))
    culture["start"] = isolation["end"]


def expansion_of_17_days(plan: Document) -> None:
    thaw, expansion = find(plan, "HYU-001/2/thaw"), find(plan, "HYU-001/2/expansion")
    days = (when(expansion, "end").date() - when(thaw, "end").date()).days
    put(thaw, when(thaw, "start") - timedelta(days=17 - days))
    expansion["start"] = thaw["end"]


def thaw_before_the_bank(plan: Document) -> None:
    thaw = find(plan, "HYU-001/2/thaw")
    put(thaw, when(find(plan, "HYU-001/isolation"), "end") + timedelta(days=13))


def injection_before_the_receipt(plan: Document) -> None:
    injection, receipt = find(plan, "HYU-001/1/injection"), find(plan, "HYU-001/1/receipt")
    put(injection, when(receipt, "start"))


def seven_minutes_late(plan: Document) -> None:
    shift(plan, "HYU-001/1/injection", minutes=7)


def short_injection(plan: Document) -> None:
    injection = find(plan, "HYU-001/1/injection")
    injection["end"] = (when(injection, "start") + timedelta(minutes=45)).isoformat()


def harvest_too_soon(plan: Document) -> None:
    harvest = find(plan, "HYU-001/harvest")
    registered = datetime.fromisoformat(plan["courses"][0]["registered_on"]).date()
    put(harvest, when(harvest, "start").replace(year=registered.year, month=registered.month, day=registered.day))


def pair_a_week_late(plan: Document) -> None:
    shift_dose(plan, "HYU-001", 2, 7)


def booster_three_weeks_late(plan: Document) -> None:
    shift_dose(plan, "HYU-001", 4, 21)


def follow_up_two_months_late(plan: Document) -> None:
    shift(plan, "HYU-001/week-56/follow_up", days=63)


def two_visits_at_once(plan: Document) -> None:
    put(find(plan, "HYU-001/2/csf_tap"), when(find(plan, "HYU-001/1/injection"), "start"))


def a_cheaper_cost(plan: Document) -> None:
    plan["cost"]["levels"][2] -= 24


def a_bound_above_the_cost(plan: Document) -> None:
    plan["bound"]["levels"] = [1, 0, 0]


def a_dose_dropped(plan: Document) -> None:
    course = plan["courses"][0]
    course["activities"] = [step for step in course["activities"] if step["dose"] != 5]


def a_release_dropped(plan: Document) -> None:
    course = plan["courses"][0]
    course["activities"] = [step for step in course["activities"] if step["id"] != "HYU-001/1/release"]


def another_weight(plan: Document) -> None:
    plan["courses"][0]["weight_kg"] = 62.0


BENDS: list[tuple[str, Callable[[Document], None]]] = [
    ("continuous_hold", fill_an_hour_late),
    ("opening_hours", fill_on_a_sunday),
    ("complete_course", unknown_suite),
    ("unit_capacity", two_in_one_suite),
    ("line_clearance", no_line_clearance),
    ("unit_capacity", shared_incubator),
    ("turnaround", shipper_without_its_day_of_rest),
    ("qualified_hours", shipper_of_four_days),
    ("departure", stretched_transit),
    ("departure", wrong_lane),
    ("handover", late_hand_over),
    ("arrival_open", arrival_at_night),
    ("shelf_life", dose_of_49_hours),
    ("complete_course", no_refrigerator),
    ("cold_custody", no_shipper),
    ("cold_custody", no_cold_store),
    ("dose_volume", wrong_volume),
    ("dose_volume", one_syringe_more),
    ("tap_day_before", tap_two_days_before),
    ("csf_hold", tap_at_dawn),
    ("marrow_hold", marrow_of_25_hours),
    ("culture_days", culture_of_31_days),
    ("expansion_days", expansion_of_17_days),
    ("bank_available", thaw_before_the_bank),
    ("sequence", injection_before_the_receipt),
    ("quarter_hour", seven_minutes_late),
    ("duration", short_injection),
    ("registration", harvest_too_soon),
    ("masked_interval", harvest_too_soon),
    ("pair_window", pair_a_week_late),
    ("booster_window", booster_three_weeks_late),
    ("follow_up_window", follow_up_two_months_late),
    ("one_visit_at_a_time", two_visits_at_once),
    ("cost_as_stated", a_cheaper_cost),
    ("cost_as_stated", a_bound_above_the_cost),
    ("accounted_for", a_dose_dropped),
    ("complete_course", a_release_dropped),
    ("accounted_for", another_weight),
]
ALONE = {"dose_volume", "cost_as_stated"}


@pytest.mark.parametrize(("rule", "bend"), BENDS, ids=[f"{bend.__name__}-{rule}" for rule, bend in BENDS])
def test_check_refuses_a_bent_plan_and_names_the_rule(
    small: Small, tmp_path: Path, capfd: pytest.CaptureFixture[str], rule: str, bend: Callable[[Document], None]
) -> None:
    plan: Document = json.loads(small.plan_json.read_text(encoding="utf-8"))
    bend(plan)
    bent = tmp_path / "bent.json"
    bent.write_text(json.dumps(plan), encoding="utf-8")
    checked = check(capfd, bent, small.program)
    assert checked.code == 1
    assert rule in checked.rules
    if rule in ALONE:
        assert checked.rules == {rule}


def test_more_than_twenty_bends_are_tried() -> None:
    assert len({bend for _, bend in BENDS}) > 20


def test_check_accepts_the_plan_as_it_was_written(small: Small, capfd: pytest.CaptureFixture[str]) -> None:
    assert check(capfd, small.plan_json, small.program) == Checked(0, set())


def test_check_accepts_a_plan_written_anew_from_its_own_json(
    small: Small, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.json"
    copy.write_text(json.dumps(json.loads(small.plan_json.read_text(encoding="utf-8"))), encoding="utf-8")
    assert check(capfd, copy, small.program) == Checked(0, set())
