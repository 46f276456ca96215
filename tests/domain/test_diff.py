"""The diff of two plans: what becomes of every visit, what it costs, and who must be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.domain.course import Facts
from scheduler.domain.diff import CHANGES, PlanDiff, VisitChange, When, counts, move_cost, moves_cost, plan_diff
from scheduler.domain.diff_reasons import Reason
from scheduler.domain.errors import BadInput
from scheduler.domain.plan import Plan
from tests.domain.world import (
    ALONE,
    FACTS,
    NORTH,
    PLANT,
    POLICY,
    SOUTH,
    activity,
    ana,
    anas_plan,
    at,
    bent,
    dose_moved,
    dropped,
    moved,
    plan_of,
    site,
    valid_plan,
)

EARLY = at(date(2027, 1, 10), "12:00")
WEEK_20 = "ANA/week-20/follow_up"


def changed(
    new: Plan, reasons: dict[str, Reason] | None = None, *, now: datetime = EARLY, confirmed: tuple[str, ...] = ()
) -> PlanDiff:
    return plan_diff(anas_plan(), new, ALONE, now=now, confirmed=frozenset(confirmed), reasons=reasons)


def visit(diff: PlanDiff, name: str) -> VisitChange:
    return next(one for one in diff.visits if one.id == name)


def fates(diff: PlanDiff) -> dict[str, str]:
    return {one.id: one.change for one in diff.visits if one.change != "kept"}


def test_a_plan_compared_with_itself_changes_nothing() -> None:
    diff = plan_diff(valid_plan(), valid_plan(), FACTS, now=EARLY)
    # Harvest, three taps, three injections and week 20 of each of two patients.
    assert counts(diff.visits) == dict.fromkeys(CHANGES, 0) | {"kept": 16}
    assert (diff.is_empty, diff.steps, diff.reasons, moves_cost(diff)) == (True, (), {}, (0, 0))


def test_a_dose_a_day_later_moves_its_tap_and_its_injection() -> None:
    diff = changed(dose_moved(anas_plan(), ALONE, "ANA", 2, 1))
    assert fates(diff) == {"ANA/2/csf_tap": "moved", "ANA/2/injection": "moved"}
    one = visit(diff, "ANA/2/injection")
    assert one.before == When(date(2027, 3, 16), at(date(2027, 3, 16), "09:00"), at(date(2027, 3, 16), "10:00"))
    assert one.after == When(date(2027, 3, 17), at(date(2027, 3, 17), "09:00"), at(date(2027, 3, 17), "10:00"))
    # Dose 1 on 18 February: 26 days to 16 March, 27 to the 17th.
    assert one.days_after == (1, 26, 27)
    assert visit(diff, "ANA/2/csf_tap").days_after is None


def test_a_first_dose_that_moves_changes_how_many_days_lie_between() -> None:
    # Dose 1 a day later: the pair keeps its date and is only 25 days after it; week 20 is 139 instead of 140 days.
    diff = changed(dose_moved(anas_plan(), ALONE, "ANA", 1, 1))
    assert visit(diff, "ANA/2/injection").change == "kept"
    assert visit(diff, "ANA/2/injection").days_after == (1, 26, 25)
    assert visit(diff, WEEK_20).days_after == (1, 140, 139)
    assert visit(diff, "ANA/1/injection").days_after is None


@pytest.mark.parametrize(
    ("minutes", "change"),
    [(0, "kept"), (15, "shifted"), (-45, "shifted"), (60, "retimed"), (-60, "retimed"), (14 * 60, "moved")],
)
def test_the_change_of_a_visit_depends_on_its_date_and_on_sixty_minutes(minutes: int, change: str) -> None:
    # Week 20 starts at 10:00; fourteen hours later it is midnight and the next local date.
    assert visit(changed(moved(anas_plan(), ALONE, WEEK_20, minutes=minutes)), WEEK_20).change == change


def test_dates_are_those_of_the_site_not_of_utc() -> None:
    # 08:30 in Seoul is 23:30 UTC of the day before, and half an hour earlier than was told: only shifted.
    diff = changed(moved(anas_plan(), ALONE, "ANA/1/injection", minutes=-30))
    assert fates(diff) == {"ANA/1/injection": "shifted"}


def test_a_visit_that_only_ends_later_is_shifted() -> None:
    end = activity(anas_plan(), WEEK_20).end_at + timedelta(minutes=30)
    assert fates(changed(bent(anas_plan(), ALONE, WEEK_20, end_at=end))) == {WEEK_20: "shifted"}


def test_two_steps_attended_on_one_day_are_two_visits() -> None:
    # Week 20 on the day of dose 3: both stand for themselves, and only the one that moves counts.
    diff = changed(moved(anas_plan(), ALONE, WEEK_20, days=-20))
    assert visit(diff, WEEK_20).after is not None
    assert fates(diff) == {WEEK_20: "moved"}
    assert moves_cost(diff) == (1, 0)


@pytest.mark.parametrize(
    ("told_on", "factor"),
    [
        # Week 20 is published for 8 July: 14 days' notice on 24 June, 15 on the 23rd, 28 on the 10th, 29 on the 9th.
        (date(2027, 6, 24), 3),
        (date(2027, 6, 23), 2),
        (date(2027, 6, 10), 2),
        (date(2027, 6, 9), 1),
    ],
)
def test_a_moved_visit_costs_more_with_less_notice_and_four_times_when_confirmed(told_on: date, factor: int) -> None:
    new, now = moved(anas_plan(), ALONE, WEEK_20, days=1), at(told_on, "23:59")
    assert moves_cost(changed(new, now=now)) == (factor, 0)
    assert moves_cost(changed(new, now=now, confirmed=(WEEK_20,))) == (4 * factor, 0)


def test_notice_counts_local_days_to_the_date_that_was_told() -> None:
    # 23 June 15:00 UTC is midnight, 24 June, in Seoul: 14 days before 8 July, though the visit moves to 18 July.
    new, now = moved(anas_plan(), ALONE, WEEK_20, days=10), datetime(2027, 6, 23, 15, tzinfo=UTC)
    assert visit(changed(new, now=now), WEEK_20).notice_days == 14
    assert visit(changed(new, now=now - timedelta(minutes=1)), WEEK_20).notice_days == 15


def test_moved_and_retimed_visits_are_counted_apart() -> None:
    # Week 20, confirmed, moved with 13 days' notice: 4 x 3. The third injection an hour later: one retimed visit.
    new = moved(moved(anas_plan(), ALONE, WEEK_20, days=1), ALONE, "ANA/3/injection", minutes=60)
    diff = changed(new, now=at(date(2027, 6, 25), "08:00"), confirmed=(WEEK_20, "ANA/3/injection"))
    assert moves_cost(diff) == (12, 1)


def test_shifted_and_added_visits_are_told_and_cost_nothing() -> None:
    shifted = changed(moved(anas_plan(), ALONE, WEEK_20, minutes=45))
    added = plan_diff(dropped(anas_plan(), ALONE, WEEK_20), anas_plan(), ALONE, now=EARLY)
    for diff, change in ((shifted, "shifted"), (added, "added")):
        assert (fates(diff), moves_cost(diff)) == ({WEEK_20: change}, (0, 0))
        assert visit(diff, WEEK_20).tell == ("coordinator", "patient")
    assert (visit(added, WEEK_20).notice_days, visit(added, WEEK_20).confirmed) == (None, False)


def test_a_dose_without_a_place_drops_its_visits_which_cost_as_moved_ones_do() -> None:
    steps = [one.id for one in ana().activities if one.dose == 3]
    diff = changed(dropped(anas_plan(), ALONE, *steps), confirmed=("ANA/3/injection",))
    assert fates(diff) == {"ANA/3/csf_tap": "dropped", "ANA/3/injection": "dropped"}
    # More than 28 days' notice: 1 for the tap, 4 for the confirmed injection.
    assert moves_cost(diff) == (5, 0)
    assert visit(diff, "ANA/3/injection").days_after == (1, 120, None)


def test_a_patient_who_left_loses_every_visit_and_a_new_one_has_only_new_ones() -> None:
    both, alone = valid_plan(), plan_of(FACTS, ana())
    left, came = plan_diff(both, alone, FACTS, now=EARLY), plan_diff(alone, both, FACTS, now=EARLY)
    assert {one.patient for one in left.visits if one.change == "dropped"} == {"BEN"}
    assert (counts(left.visits)["dropped"], counts(came.visits)["added"]) == (8, 8)
    assert {one.site for one in came.visits if one.change == "added"} == {SOUTH}


def test_steps_of_plant_and_couriers_say_what_differs_and_whom_it_concerns() -> None:
    diff = changed(dose_moved(anas_plan(), ALONE, "ANA", 3, 1))
    told = {one.id: one.tell for one in diff.steps}
    assert told == {
        "ANA/3/thaw": ("plant",),
        "ANA/3/expansion": ("plant",),
        "ANA/3/csf_transit": ("plant", "courier"),
        "ANA/3/fill": ("plant",),
        "ANA/3/release": ("plant",),
        "ANA/3/pack": ("plant",),
        "ANA/3/transit": ("plant", "courier", "pharmacist"),
        "ANA/3/receipt": ("pharmacist",),
    }
    assert {one.fields for one in diff.steps} == {("start_at", "end_at")}


def test_another_unit_is_the_plants_business_and_no_visit_changes() -> None:
    diff = changed(bent(anas_plan(), ALONE, "ANA/1/release", units={"qc_bench": "qc_bench-2"}))
    assert [(one.id, one.change, one.fields) for one in diff.steps] == [("ANA/1/release", "changed", ("units",))]
    assert (fates(diff), diff.is_empty) == ({}, False)


def test_a_step_that_is_gone_or_new_is_named() -> None:
    without = dropped(anas_plan(), ALONE, "ANA/1/release")
    assert [one.change for one in changed(without).steps] == ["dropped"]
    assert [one.change for one in plan_diff(without, anas_plan(), ALONE, now=EARLY).steps] == ["added"]


def test_the_narrowest_reason_counts_and_visits_know_its_neutral_form_alone() -> None:
    new = moved(dose_moved(anas_plan(), ALONE, "ANA", 2, 1), ALONE, WEEK_20, days=1)
    lot, ill, clinic = Reason("lot failed", "supply"), Reason("fever", "patient"), Reason("clinic shut", "site")
    diff = changed(new, {"ANA/2": lot, "ANA": ill, WEEK_20: clinic})
    assert visit(diff, "ANA/2/injection").reason == "supply"
    assert visit(diff, WEEK_20).reason == "site"
    assert visit(diff, "ANA/3/injection").reason is None  # kept
    assert diff.reasons["ANA/2/injection"] == diff.reasons["ANA/2/fill"] == "lot failed"
    assert diff.reasons[WEEK_20] == "clinic shut"
    assert "lot failed" not in repr(diff.visits)
    only_patient = changed(moved(anas_plan(), ALONE, WEEK_20, days=1), {"ANA": ill})
    assert visit(only_patient, WEEK_20).reason == "patient"


def test_visits_never_name_the_plant() -> None:
    diff = changed(dose_moved(anas_plan(), ALONE, "ANA", 2, 1), {"ANA/2": Reason("closure at PLANT suite", "supply")})
    for hidden in (PLANT, "suite", "fill", "unit", "lane"):
        assert hidden not in repr(diff.visits)


def test_plans_of_different_programs_cannot_be_compared() -> None:
    other = replace(anas_plan(), program="other")
    for old, new in ((anas_plan(), other), (other, anas_plan()), (other, other)):
        with pytest.raises(BadInput, match="same program"):
            plan_diff(old, new, ALONE, now=EARLY)


def test_an_activity_that_stands_twice_is_refused_by_name() -> None:
    course = ana()
    twice = replace(course, activities=(*course.activities, course.activities[0]))
    with pytest.raises(BadInput, match="new plan: ANA/harvest: this activity stands 2 times"):
        changed(replace(anas_plan(), courses=(twice,)))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("ANA/1/injection", "place", "MOON"),
        ("ANA/1/fill", "place", "MOON"),
        ("ANA/1/transit", "lane", "moon-out"),
    ],
)
def test_places_and_lanes_the_program_has_not_are_refused_by_name(name: str, key: str, value: str) -> None:
    other = {key: value}
    listed = (replace(one, **other) if one.id == name else one for one in ana().activities)  # type: ignore[arg-type]
    new = replace(anas_plan(), courses=(replace(ana(), activities=tuple(listed)),))
    with pytest.raises(BadInput, match=f"{name}: {key}: network small has no {key} '{value}'"):
        changed(new)


def test_each_site_has_its_own_today() -> None:
    # 24 June 16:00 UTC is 25 June in Seoul but still the 24th in New York: 13 and 15 days before 8 and 9 July.
    away = replace(site(SOUTH), zone="America/New_York")
    places = tuple(away if one.code == SOUTH else one for one in FACTS.network.places)
    base: Facts = replace(FACTS, network=replace(FACTS.network, places=places))
    new = moved(moved(valid_plan(), FACTS, WEEK_20, days=1), FACTS, "BEN/week-20/follow_up", days=1)
    diff = plan_diff(valid_plan(), new, base, now=datetime(2027, 6, 24, 16, tzinfo=UTC))
    # BEN's visit at 10:00 in Seoul on 9 July is 21:00 on 8 July in New York.
    assert {one.site: one.notice_days for one in diff.visits if one.change == "moved"} == {NORTH: 13, SOUTH: 14}


@pytest.mark.parametrize(("days", "confirmed", "cost"), [(-3, False, 3), (14, True, 12), (15, False, 2), (29, True, 4)])
def test_the_price_of_a_move_is_that_of_the_policy(days: int, confirmed: bool, cost: int) -> None:
    assert move_cost(POLICY, days, confirmed) == cost


VISITS = [one.id for one in plan_diff(valid_plan(), valid_plan(), FACTS, now=EARLY).visits]
SHIFTS = st.dictionaries(st.sampled_from(VISITS), st.integers(-3 * 96, 3 * 96), max_size=6)
LOST = st.sets(st.sampled_from(VISITS), max_size=4)


def shaken(shifts: dict[str, int], lost: set[str]) -> Plan:
    """The valid plan with some activities moved by quarter hours and some left out."""
    courses = (
        replace(
            course,
            activities=tuple(
                replace(one, start_at=one.start_at + by, end_at=one.end_at + by)
                for one in course.activities
                if one.id not in lost
                for by in [timedelta(minutes=15 * shifts.get(one.id, 0))]
            ),
        )
        for course in valid_plan().courses
    )
    return replace(valid_plan(), courses=tuple(courses))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SHIFTS, LOST, LOST, st.frozensets(st.sampled_from(VISITS)))
def test_every_old_visit_has_one_fate_and_every_new_one_was_told_or_is_added(
    shifts: dict[str, int], old_lost: set[str], new_lost: set[str], confirmed: frozenset[str]
) -> None:
    diff = plan_diff(shaken({}, old_lost), shaken(shifts, new_lost), FACTS, now=EARLY, confirmed=confirmed)
    number = counts(diff.visits)
    assert sum(number.values()) - number["added"] == len(VISITS) - len(old_lost)
    assert sum(number.values()) - number["dropped"] == len(VISITS) - len(new_lost)
    # A visit costs from 1 (unconfirmed, in time) to 12 (confirmed, near), and only where its date is lost.
    lost_dates, (cost, retimed) = number["moved"] + number["dropped"], moves_cost(diff)
    assert lost_dates <= cost <= 12 * lost_dates
    assert retimed == number["retimed"]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SHIFTS, LOST)
def test_a_change_taken_back_is_the_same_change_the_other_way_round(shifts: dict[str, int], lost: set[str]) -> None:
    here, there = shaken({}, set()), shaken(shifts, lost)
    forth = counts(plan_diff(here, there, FACTS, now=EARLY).visits)
    back = counts(plan_diff(there, here, FACTS, now=EARLY).visits)
    assert (forth["dropped"], forth["added"]) == (back["added"], back["dropped"])
    for same in ("kept", "moved", "retimed", "shifted"):
        assert forth[same] == back[same]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(SHIFTS, LOST)
def test_any_plan_compared_with_itself_is_empty(shifts: dict[str, int], lost: set[str]) -> None:
    plan = shaken(shifts, lost)
    assert plan_diff(plan, plan, FACTS, now=EARLY).is_empty
