"""A diff as it is read: JSON and text for the plant's side, and the share of one site, which knows no plant."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler.documents.diff_blinded import SiteDiff, site_diff_json, site_share
from scheduler.documents.diff_json import diff_json
from scheduler.documents.diff_reader import read_reasons
from scheduler.documents.diff_text import diff_lines, site_diff_lines
from scheduler.domain.diff import PlanDiff, plan_diff
from scheduler.domain.diff_reasons import Reason
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan
from tests.domain.world import (
    FACTS,
    NETWORK,
    NORTH,
    PLANT,
    SOUTH,
    activity,
    at,
    bent,
    dose_moved,
    dropped,
    moved,
    valid_plan,
)

NOW = at(date(2027, 3, 1), "02:30")
LOT = Reason("lot failed on day 21", "supply")
LATER = dose_moved(valid_plan(), FACTS, "ANA", 2, 1)
WEEK_20 = "ANA/week-20/follow_up"


def told(new: Plan, reason: Reason | None = None) -> PlanDiff:
    reasons = {"ANA/2": reason} if reason else {}
    confirmed = frozenset({"ANA/2/injection"})
    return plan_diff(valid_plan(), new, FACTS, now=NOW, confirmed=confirmed, reasons=reasons)


def lines(new: Plan, reason: Reason | None = None, *, steps: bool = False) -> list[str]:
    return list(diff_lines(told(new, reason), FACTS, steps=steps))


def document(new: Plan, reason: Reason | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(diff_json(told(new, reason), NETWORK))
    return found


def share(new: Plan, reason: Reason | None = None, site: str = NORTH) -> SiteDiff:
    return site_share(told(new, reason), FACTS, site)


def test_a_moved_dose_is_told_in_one_line() -> None:
    # Notice from 1 to 15 and 16 March is 14 and 15 days: the tap costs 1 x 3, the confirmed injection 4 x 2.
    assert lines(LATER, LOT) == [
        "small: of 16 visits 14 kept, 2 moved, 0 retimed, 0 shifted, 0 dropped, 0 added; "
        "moving them costs 11, then 0 retimed",
        "NORTH: tell the coordinator, who tells the patients",
        "  ANA csf tap of the second dose: Mon 15 Mar 2027 09:00 -> Tue 16 Mar 2027 09:00 (Asia/Seoul); "
        "supply: lot failed on day 21",
        "  ANA second dose: Tue 16 Mar 2027 09:00 -> Wed 17 Mar 2027 09:00 (Asia/Seoul), "
        "26 -> 27 days after the first; supply: lot failed on day 21",
        "Plant, couriers and pharmacies: 8 steps changed, new or gone",
    ]


def test_dropped_new_and_shifted_visits_say_what_becomes_of_them() -> None:
    without = dropped(valid_plan(), FACTS, WEEK_20)
    assert "  ANA week-20 follow-up visit: Thu 8 Jul 2027 10:00 (Asia/Seoul) is no longer planned" in lines(without)[2]
    back = plan_diff(without, valid_plan(), FACTS, now=NOW)
    assert list(diff_lines(back, FACTS))[2] == (
        "  ANA week-20 follow-up visit: Thu 8 Jul 2027 10:00 (Asia/Seoul) is new, 140 days after the first; "
        "no reason given"
    )
    longer = bent(valid_plan(), FACTS, WEEK_20, end_at=activity(valid_plan(), WEEK_20).end_at + timedelta(minutes=30))
    assert "10:00 until 11:00 -> Thu 8 Jul 2027 10:00 until 11:30 (Asia/Seoul), 140 days after" in lines(longer)[2]


def test_a_harvest_is_told_without_a_dose() -> None:
    assert lines(moved(valid_plan(), FACTS, "BEN/harvest", days=-1))[1:3] == [
        "SOUTH: tell the coordinator, who tells the patients",
        "  BEN harvest: Thu 21 Jan 2027 08:00 -> Wed 20 Jan 2027 08:00 (Asia/Seoul); no reason given",
    ]


def test_steps_of_the_plant_are_listed_on_demand_with_whom_to_tell() -> None:
    found = lines(LATER, LOT, steps=True)[5:]
    assert (
        "  ANA/2/transit: PLANT by north-out Tue 16 Mar 2027 06:00 (Asia/Seoul) -> "
        "PLANT by north-out Wed 17 Mar 2027 06:00 (Asia/Seoul); tell plant, courier, pharmacist; lot failed on day 21"
    ) in found
    assert len(found) == 8
    other = lines(bent(valid_plan(), FACTS, "ANA/1/release", units={"qc_bench": "qc_bench-2"}), steps=True)
    assert other[1:] == [
        "Plant, couriers and pharmacies: 1 step changed, new or gone",
        "  ANA/1/release: PLANT Wed 17 Feb 2027 15:00 (Asia/Seoul), other units; tell plant",
    ]
    gone = lines(dropped(valid_plan(), FACTS, "ANA/2/release"), steps=True)
    assert gone[-1] == "  ANA/2/release: PLANT Mon 15 Mar 2027 15:00 (Asia/Seoul) is no longer planned; tell plant"
    over = lines(dropped(valid_plan(), FACTS, "ANA/1/release"), steps=True)  # on 17 February: history
    assert over == ["small: nothing changes, all 16 visits are kept"]


def test_a_diff_without_a_change_says_so() -> None:
    assert lines(valid_plan()) == ["small: nothing changes, all 16 visits are kept"]
    assert list(site_diff_lines(share(valid_plan()))) == ["NORTH: nothing changes, all 8 visits are kept"]


def test_the_json_counts_kept_visits_and_shows_each_change_by_site_and_patient() -> None:
    found = document(LATER, LOT)
    assert (found["format"], found["audience"]) == ("marrowline-diff/1", "plant")
    assert found["cost"] == {"moved": 11, "retimed": 0}
    assert found["visits"] == {"kept": 14, "moved": 2, "retimed": 0, "shifted": 0, "dropped": 0, "added": 0}
    north, south = found["sites"]
    assert south == {
        "site": SOUTH,
        "time_zone": "Asia/Seoul",
        "patients": [{"patient": "BEN", "kept": 8, "changes": []}],
    }
    (ana,) = north["patients"]
    assert (ana["patient"], ana["kept"]) == ("ANA", 6)
    assert ana["changes"][1] == {
        "visit": "ANA/2/injection",
        "kind": "injection",
        "dose": 2,
        "change": "moved",
        "before": {"on": "2027-03-16", "start": "2027-03-16T09:00:00+09:00", "end": "2027-03-16T10:00:00+09:00"},
        "after": {"on": "2027-03-17", "start": "2027-03-17T09:00:00+09:00", "end": "2027-03-17T10:00:00+09:00"},
        "days_after": {"dose": 1, "before": 26, "after": 27},
        "confirmed": True,
        "notice_days": 15,
        "reason": "supply",
        "tell": ["coordinator", "patient"],
        "cost": 8,
        "reason_in_full": "lot failed on day 21",
    }


def test_the_json_names_a_follow_up_visit_and_leaves_out_a_side_that_is_not_there() -> None:
    found = document(dropped(valid_plan(), FACTS, WEEK_20))["sites"][0]["patients"][0]["changes"]
    assert [(one["name"], one["change"], one["after"]) for one in found] == [("week-20", "dropped", None)]
    assert "dose" not in found[0]


def test_the_json_shows_the_steps_of_the_plant_with_their_units() -> None:
    step = next(one for one in document(LATER, LOT)["steps"] if one["activity"] == "ANA/2/transit")
    assert step == {
        "activity": "ANA/2/transit",
        "patient": "ANA",
        "change": "changed",
        "fields": ["start", "end"],
        "before": {
            "place": PLANT,
            "units": {},
            "lane": "north-out",
            "start": "2027-03-16T06:00:00+09:00",
            "end": "2027-03-16T07:30:00+09:00",
        },
        "after": {
            "place": PLANT,
            "units": {},
            "lane": "north-out",
            "start": "2027-03-17T06:00:00+09:00",
            "end": "2027-03-17T07:30:00+09:00",
        },
        "reason_in_full": "lot failed on day 21",
        "tell": ["plant", "courier", "pharmacist"],
    }


def test_a_site_reads_its_own_visits_with_neutral_reasons() -> None:
    found = share(LATER, LOT)
    assert list(site_diff_lines(found)) == [
        "NORTH: of 8 visits 6 kept, 2 moved, 0 retimed, 0 shifted, 0 dropped, 0 added; tell the patients",
        "  ANA csf tap of the second dose: Mon 15 Mar 2027 09:00 -> Tue 16 Mar 2027 09:00 (Asia/Seoul); supply",
        "  ANA second dose: Tue 16 Mar 2027 09:00 -> Wed 17 Mar 2027 09:00 (Asia/Seoul), "
        "26 -> 27 days after the first; supply",
    ]
    shown = json.loads(site_diff_json(found))
    assert (shown["format"], shown["audience"]) == ("marrowline-site-diff/1", "site:NORTH")
    assert [one["patient"] for one in shown["patients"]] == ["ANA"]
    assert [one["reason"] for one in shown["patients"][0]["changes"]] == ["supply", "supply"]


def test_what_a_site_reads_says_nothing_of_plant_cost_lot_or_other_sites() -> None:
    found = share(LATER, LOT)
    text = site_diff_json(found) + "\n".join(site_diff_lines(found)) + repr(found)
    for hidden in ("lot", "PLANT", "BEN", "SOUTH", "reason_in_full", "fill", "thaw", "steps", "suite", "courier"):
        assert hidden not in text
    assert '"cost"' not in site_diff_json(found)


def test_a_site_reads_the_same_bytes_whatever_happens_at_the_plant() -> None:
    # One world: a culture that fails, its thaw a day earlier in another suite. The other: a comparator late in release.
    thaw = bent(LATER, FACTS, "ANA/2/thaw", start_at=at(date(2027, 3, 1), "08:00"), units={"suite": "suite-2"})
    late = dropped(LATER, FACTS, "ANA/2/thaw", "ANA/2/expansion")
    worlds = [share(thaw, LOT), share(late, Reason("release late", "supply"))]
    assert len({site_diff_json(one) for one in worlds}) == 1
    assert len({tuple(site_diff_lines(one)) for one in worlds}) == 1


def test_a_site_with_nothing_told_differs_from_a_site_that_is_unknown() -> None:
    assert share(LATER, site=SOUTH).visits == tuple(one for one in told(LATER).visits if one.site == SOUTH)
    with pytest.raises(BadInput, match=r"no site 'PLANT'\. Sites: NORTH, SOUTH"):
        share(LATER, site=PLANT)


def test_times_are_told_on_the_clock_of_the_site() -> None:
    # 9:00 in Seoul on 16 March is 20:00 in New York on the 15th (summer time since 14 March).
    places = tuple(replace(one, zone="America/New_York") if one.code == NORTH else one for one in NETWORK.places)
    base = replace(FACTS, network=replace(NETWORK, places=places))
    diff = plan_diff(valid_plan(), LATER, base, now=NOW)
    assert "Mon 15 Mar 2027 20:00 -> Tue 16 Mar 2027 20:00 (America/New_York)" in list(diff_lines(diff, base))[3]


def reasons_file(directory: Path, text: str) -> Path:
    path = directory / "reasons.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_reasons_are_read_by_their_keys(tmp_path: Path) -> None:
    path = reasons_file(tmp_path, '{"ANA/2": {"reason": "lot failed", "neutral": "supply"}}')
    assert read_reasons(path) == {"ANA/2": Reason("lot failed", "supply")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is not an object"),
        ("{", "cannot be read"),
        ('{"ANA": "fever"}', "ANA: 'fever' is not an object"),
        ('{"ANA": {"reason": "fever"}}', "key 'neutral' is missing"),
        ('{"ANA": {"reason": "", "neutral": "patient"}}', "is empty"),
        ('{"ANA": {"reason": "arm", "neutral": "active"}}', "Write supply or site or patient or logistics"),
    ],
)
def test_reasons_that_cannot_be_used_are_refused_with_the_remedy(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_reasons(reasons_file(tmp_path, text))


def test_a_file_of_reasons_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        read_reasons(tmp_path / "none.json")
