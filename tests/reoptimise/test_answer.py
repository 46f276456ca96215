"""Each thing that can go wrong, end to end: what is taken down, whom it hits, what is put right, what stays open.

Ana's grafts are booked at North and Ben's at South. Ana: biopsy on Thu 11 March, doses on Mon 22 March and Mon 12
April. Ben: biopsy on Fri 12 March, doses on Tue 23 March and Tue 13 April. Fences: 14 days for visits, 3 for the plant.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

import pytest

from scheduler.booking.decisions import skip
from scheduler.domain import events
from scheduler.domain.events import Event
from scheduler.persistence import proposals, repositories
from scheduler.planning.apart import NoAnswer, nobody_minds
from scheduler.planning.last_moment import LastMoments
from scheduler.reoptimise import answer as answering
from scheduler.reoptimise.answer import Answer
from scheduler.reoptimise.publish import approve, reject
from scheduler.reoptimise.solving import solve
from tests.booking.house import CARL, DORA, HUB, NORA, NORTH, PAUL, QUINN, House, refused
from tests.reoptimise.happened import (
    ANA,
    BEN,
    DAY,
    days,
    open_decisions,
    proposal_of,
    seen,
    times,
    told,
    two_booked,
    until,
)

HOUR = timedelta(hours=1)
FIRST, SECOND = f"{ANA}/1/graft", f"{ANA}/2/graft"


def start(house: House, activity: str) -> datetime:
    return house.activities(activity.split("/")[0])[activity].start_at


def signed(house: House, found: Answer) -> None:
    """Paul approves what is proposed."""
    with house.doing(PAUL) as work:
        approve(work, house.board, found.plan or 0, note=None, signed_meaning="approved for publication")


def in_order(house: House) -> bool:
    now = seen(house)
    return now.broken() == () and not now.lost


def closed(house: House, around: str, *, before: timedelta = DAY, after: timedelta = 2 * DAY) -> events.OutOfService:
    """The suite is down around a step."""
    at = start(house, around)
    return events.OutOfService(HUB, at - before, at + after, "Filters.", "suite")


# --- something failed -------------------------------------------------------------------------------------------------


def test_a_lot_that_fails_is_made_again_from_the_bank_and_nobody_else_notices(house: House) -> None:
    two_booked(house)
    house.recorded_until(f"{ANA}/growth")
    house.now = house.activities(ANA)[f"{ANA}/seeding"].end_at + 7 * DAY  # the bank is there on day 7
    bens = days(house, BEN)
    found = told(house, events.LotFailed(f"{ANA}/growth", house.now))
    assert (found.visits, found.outcome, found.decisions) == ((FIRST,), "proposed", ())
    _, proposal = proposal_of(house, found.plan)
    # Nearer than the plant's fence of 3 days only a person may let it begin: until then it can be approved.
    assert proposal.waits_for is not None and proposal.waits_for.endswith("nearer than 3 days.")
    assert proposal.approve_by == house.now + DAY
    assert house.visits(ANA)[FIRST].status == "open"
    signed(house, found)
    assert house.activities(ANA)[f"{ANA}/1/thaw"].start_at == house.now + DAY
    assert (house.visits(ANA)[FIRST].status, house.visits(ANA)[FIRST].reason) == ("planned", "supply")
    assert in_order(house)
    assert days(house, BEN) == bens


def test_a_dry_harvest_is_done_again_and_published_where_that_is_not_too_near(house: House) -> None:
    two_booked(house)
    until(house, f"{ANA}/biopsy", HOUR)
    bens = days(house, BEN)
    found = told(house, events.HarvestDry(f"{ANA}/biopsy", house.now), NORA)
    assert (found.visits, found.outcome) == ((f"{ANA}/biopsy", FIRST), "published")
    row, proposal = proposal_of(house, found.plan)
    assert (row.state, proposal.waits_for, proposal.approve_by) == ("published", None, None)
    # Thursday 11 March: on Friday Ben is in the suite, and nobody works there at the weekend.
    assert start(house, f"{ANA}/biopsy").date() == date(2027, 3, 15)
    assert house.visits(ANA)[f"{ANA}/biopsy"].reason == "patient"
    assert in_order(house)
    assert days(house, BEN) == bens


def test_a_shipment_that_is_lost_is_reported_by_the_courier_and_the_dose_made_again(house: House) -> None:
    two_booked(house)
    until(house, f"{ANA}/1/transit", 2 * HOUR)
    bens = days(house, BEN)
    found = told(house, events.ShipmentLost(f"{ANA}/1/transit", house.now), CARL)
    assert found.visits == (FIRST,)
    if found.outcome == "proposed":
        signed(house, found)
    assert start(house, FIRST) > house.now
    assert house.visits(ANA)[FIRST].reason == "logistics"
    assert in_order(house)
    assert days(house, BEN) == bens


def test_a_courier_who_is_late_keeps_what_waits_for_him_from_beginning(house: House) -> None:
    two_booked(house)
    until(house, f"{ANA}/1/transit", timedelta(minutes=15))
    arrives_at = house.activities(ANA)[f"{ANA}/1/transit"].end_at + 12 * HOUR
    found = told(house, events.ShipmentLate(f"{ANA}/1/transit", arrives_at), CARL)
    assert (found.visits, found.outcome) == ((FIRST,), "proposed")
    with house.work(PAUL, write=False) as work:
        (late,) = repositories.hindrances(work.session)
    assert (json.loads(late.kinds or ""), late.dose, late.end_at, late.neutral) == (
        ["receipt"],
        1,
        arrives_at,
        "logistics",
    )
    signed(house, found)
    assert house.activities(ANA)[f"{ANA}/1/receipt"].start_at >= arrives_at
    assert house.activities(ANA)[f"{ANA}/1/fill"].status == "performed"
    assert house.visits(ANA)[FIRST].reason == "logistics"
    assert in_order(house)


def test_a_dose_that_comes_an_hour_late_is_given_an_hour_later_on_the_same_day(house: House) -> None:
    two_booked(house)
    until(house, f"{ANA}/1/transit", timedelta(minutes=15))
    planned = start(house, FIRST)
    arrives_at = house.activities(ANA)[f"{ANA}/1/transit"].end_at + HOUR
    found = told(house, events.ShipmentLate(f"{ANA}/1/transit", arrives_at), CARL)
    assert found.outcome == "proposed"
    signed(house, found)
    # It arrives at 14:30, is checked for a quarter of an hour, and the theatre is open until the evening.
    assert (start(house, FIRST) - planned, start(house, f"{ANA}/1/receipt")) == (HOUR, arrives_at)
    assert in_order(house)


# --- something does not work ------------------------------------------------------------------------------------------


def test_a_suite_that_is_down_moves_whom_it_hits_and_tells_why(house: House) -> None:
    two_booked(house)
    found = told(house, closed(house, f"{ANA}/1/fill"))
    assert (found.visits, found.outcome) == ((FIRST, f"{BEN}/1/graft"), "published")
    assert [house.visits(one.split("/")[0])[one].reason for one in found.visits] == ["supply", "supply"]
    assert in_order(house)


def test_a_closure_that_hits_nobody_changes_nothing(house: House) -> None:
    two_booked(house)
    before = times(house, ANA), times(house, BEN)
    far = events.OutOfService("SOUTH", house.now + 300 * DAY, house.now + 301 * DAY, "Paint.")
    found = told(house, far)
    assert (found.visits, found.outcome, found.plan, found.decisions) == ((), "in_order", None, ())
    assert (times(house, ANA), times(house, BEN)) == before


def test_a_site_at_half_capacity_has_its_one_theatre_in_the_mornings(house: House) -> None:
    two_booked(house)
    since = start(house, FIRST).replace(hour=0)
    bens = days(house, BEN)
    found = told(house, events.HalfCapacity(NORTH, since, since + DAY, "A strike."), NORA)
    assert (found.visits, found.outcome) == ((FIRST,), "published")
    assert house.visits(ANA)[FIRST].reason == "site"
    assert days(house, BEN) == bens
    assert in_order(house)


def test_a_temporary_holiday_moves_the_visits_of_that_day(house: House) -> None:
    two_booked(house)
    found = told(house, events.TemporaryHoliday(start(house, FIRST).date(), "Election day"))
    assert (found.visits, found.outcome) == ((FIRST,), "published")
    assert start(house, FIRST).date() != date(2027, 3, 22)
    assert in_order(house)


# --- one patient ------------------------------------------------------------------------------------------------------


def test_a_postponed_visit_is_not_before_that_day_and_what_comes_earlier_stays(house: House) -> None:
    two_booked(house)
    bens, biopsy = days(house, BEN), start(house, f"{ANA}/biopsy")
    found = told(house, events.VisitPostponed(FIRST, date(2027, 3, 24), "A wedding."), NORA)
    assert (found.visits, found.outcome) == ((FIRST,), "published")
    assert start(house, FIRST).date() >= date(2027, 3, 24)
    assert start(house, f"{ANA}/biopsy") == biopsy
    assert house.visits(ANA)[FIRST].reason == "patient"
    assert days(house, BEN) == bens
    assert in_order(house)


def test_cells_that_are_behind_are_filled_later(house: House) -> None:
    two_booked(house)
    until(house, f"{ANA}/growth", 5 * DAY)
    ready = start(house, f"{ANA}/1/fill") + DAY
    found = told(house, events.CultureReadOut(ANA, 1, ready, None, "Day 5: 40 %."), QUINN)
    assert (found.visits, found.outcome) == ((FIRST,), "proposed")
    signed(house, found)
    assert start(house, f"{ANA}/1/fill") >= ready
    assert house.visits(ANA)[FIRST].reason == "supply"
    assert in_order(house)


def test_cells_that_would_be_too_old_become_a_plan_that_gives_their_doses_up_until_somebody_decides(
    house: House,
) -> None:
    two_booked(house)
    until(house, f"{ANA}/growth", 5 * DAY)
    # They grow for ten days at least and would have to be filled on day 10, a Sunday, before the fill of Monday.
    found = told(house, events.CultureReadOut(ANA, 1, None, start(house, f"{ANA}/1/fill"), "Confluent."), QUINN)
    assert found.outcome == "proposed"
    _, proposal = proposal_of(house, found.plan)
    # Nothing begins anew; what is given up must be said before its second dose, of 12 April, is nearer than 14 days.
    assert proposal.approve_by == house.visits(ANA)[SECOND].start_at - 14 * DAY
    assert proposal.waits_for == (
        "It gives up 2 doses. Before it is signed: where the lot of dose 1 of ANA is reported as failed, that dose is "
        "made again, from the patient bank or a new harvest, and the later doses follow it."
    )
    assert house.visits(ANA)[FIRST].status == "planned"  # nothing is dropped before a person says so
    signed(house, found)
    assert {(one.course, one.dose) for one in open_decisions(house)} == {(ANA, 1), (ANA, 2)}


def test_a_patient_who_leaves_has_no_visits_and_no_decisions_any_more(house: House) -> None:
    two_booked(house)
    until(house, f"{ANA}/growth", 5 * DAY)
    bens = days(house, BEN)
    found = told(house, events.PatientLeft(ANA, "death"), NORA)
    assert found.visits == (FIRST, SECOND, f"{ANA}/month-3/follow_up")
    assert (found.outcome, found.plan, found.decisions) == ("in_order", None, ())
    assert {house.visits(ANA)[one].status for one in found.visits} == {"cancelled"}
    assert days(house, BEN) == bens


# --- what is near -----------------------------------------------------------------------------------------------------


@pytest.fixture
def near(house: House) -> House:
    """Five days into Ana's culture: dose 1 is six days away, inside the patients' fence and outside the plant's."""
    two_booked(house)
    until(house, f"{ANA}/growth", 5 * DAY)
    return house


def test_a_near_visit_that_a_closure_makes_impossible_moves_but_only_by_signature(near: House) -> None:
    at = start(near, FIRST)
    bens = days(near, BEN)
    found = told(near, events.OutOfService(NORTH, at - HOUR, at + HOUR, "No light.", "theatre"))
    _, proposal = proposal_of(near, found.plan)
    assert (found.outcome, proposal.waits_for) == ("proposed", "It moves 1 visit that is nearer than 14 days.")
    assert start(near, FIRST) == at
    signed(near, found)
    assert start(near, FIRST) != at
    assert in_order(near)
    assert days(near, BEN) == bens


def test_what_was_let_go_is_of_the_dose_that_is_hit_and_has_not_begun(near: House) -> None:
    at = start(near, FIRST)
    told(near, events.OutOfService(NORTH, at - HOUR, at + HOUR, "No light.", "theatre"))
    now = seen(near)
    # Of dose 1 only the graft lies inside its fence of 14 days; the fill is six days away, beyond the plant's 3.
    assert now.let_go == {FIRST}
    standing = {one.patient.id: one for one in now.standings}
    assert standing[ANA].earliest_at == near.now + DAY
    assert f"{ANA}/growth" in standing[ANA].fixed and f"{ANA}/biopsy" in standing[ANA].fixed
    assert (standing[BEN].let_go, standing[BEN].earliest_at) == (frozenset(), None)
    assert f"{BEN}/1/graft" in standing[BEN].fixed


def test_a_near_dose_that_is_hit_in_the_plant_takes_all_its_steps_along(near: House) -> None:
    near.now = start(near, f"{ANA}/1/fill") - 2 * DAY
    found = told(near, closed(near, f"{ANA}/1/fill", before=HOUR, after=HOUR))
    now = seen(near)
    assert now.let_go >= {f"{ANA}/1/{kind}" for kind in ("fill", "release", "pack", "transit", "receipt", "graft")}
    assert found.outcome == "proposed"
    signed(near, found)
    assert in_order(near)


# --- until when deciding helps ----------------------------------------------------------------------------------------


def test_a_plan_is_not_approved_once_it_can_no_longer_be_carried_out(near: House) -> None:
    found = told(near, events.CultureReadOut(ANA, 1, start(near, f"{ANA}/1/fill") + DAY, None, "Slow."), QUINN)
    _, proposal = proposal_of(near, found.plan)
    plan = {one.id: one for course in seen(near).plan.courses for one in course.activities}
    assert proposal.approve_by is not None and plan
    near.now = proposal.approve_by + timedelta(minutes=1)
    before = near.records()
    late = refused("too-late", 409, lambda: signed(near, found))
    assert late.sentence.endswith("Ask for a new run and approve what it proposes.")
    assert near.records() == before
    near.now = proposal.approve_by
    signed(near, found)


def test_a_plan_can_be_approved_until_a_day_before_its_first_new_step(near: House) -> None:
    found = told(near, events.CultureReadOut(ANA, 1, start(near, f"{ANA}/1/fill") + DAY, None, "Slow."), QUINN)
    _, proposal = proposal_of(near, found.plan)
    before = times(near, ANA) | times(near, BEN)
    signed(near, found)
    after = times(near, ANA) | times(near, BEN)
    assert proposal.approve_by == min(at for name, (_, at) in after.items() if before[name][1] != at) - DAY


def test_what_the_search_does_not_find_in_time_is_on_record_and_left_to_the_next_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_booked(house)

    def never(*_: object, **__: object) -> None:
        raise NoAnswer("The search took too long.")

    monkeypatch.setattr(answering, "solve", never)
    before = times(house, ANA)
    found = told(house, closed(house, f"{ANA}/1/fill"))
    assert (found.outcome, found.plan) == ("later", None)
    assert times(house, ANA) == before
    with house.work(PAUL, write=False) as work:
        assert proposals.event(work.session, found.event) is not None


def test_a_repair_is_the_machines_and_the_event_is_of_whoever_reports_it(house: House) -> None:
    two_booked(house)
    since = start(house, FIRST).replace(hour=0)
    told(house, events.OutOfService(NORTH, since, since + DAY, "A burst pipe."), NORA)
    assert [one.actor for one in house.trail("event:reported")] == ["Nora North"]
    assert [one.actor for one in house.trail("plan:published")] == ["answer to an event"]


# --- given up for good ------------------------------------------------------------------------------------------------


@pytest.fixture
def lost(house: House) -> House:
    """North is shut for so long that dose 2 of Ana finds no day, and the planner has approved that it is lost."""
    two_booked(house)
    at = start(house, SECOND)
    found = told(house, events.OutOfService(NORTH, at - 4 * DAY, at + 10 * DAY, "Flooded."))
    if found.outcome == "proposed":
        signed(house, found)
    assert [(one.course, one.dose) for one in open_decisions(house)] == [(ANA, 2)]
    return house


def given_up(house: House) -> None:
    (decision,) = open_decisions(house)
    with house.doing(DORA) as work:
        skip(work, house.board, decision.id, reason="Ana does not want it.", signed_meaning="given up for good")


def test_a_dose_that_is_given_up_for_good_says_so_on_its_steps_and_visits(lost: House) -> None:
    first = {name: one for name, one in times(lost, ANA).items() if not name.startswith(f"{ANA}/2/")}
    given_up(lost)
    assert {one.status for one in lost.activities(ANA).values() if one.dose == 2} == {"given_up"}
    assert lost.visits(ANA)[SECOND].status == "cancelled"
    assert {name: one for name, one in times(lost, ANA).items() if not name.startswith(f"{ANA}/2/")} == first
    assert seen(lost).lost == frozenset()


def test_nobody_looks_for_a_place_for_a_dose_that_was_given_up_for_good(lost: House) -> None:
    given_up(lost)
    with lost.doing(PAUL) as work:
        (closure,) = repositories.closures(work.session)
        closure.withdrawn_at = lost.now
    found = told(lost, closed(lost, f"{ANA}/1/fill"))  # dose 1 is put right, dose 2 stays what it is
    assert found.outcome == "published"
    assert {one.status for one in lost.activities(ANA).values() if one.dose == 2} == {"given_up"}
    assert open_decisions(lost) == []
    assert in_order(lost)


def test_what_was_done_for_a_dose_that_was_given_up_for_good_is_history(house: House) -> None:
    """Dose 2 is thawed when its last fill day is closed: what was performed stays on record and breaks nothing."""
    house.booked(ANA)
    thaw = house.activities(ANA)[f"{ANA}/2/thaw"]
    until(house, thaw.id, 5 * HOUR)
    house.recorded(thaw.id, PAUL)
    at = start(house, f"{ANA}/2/fill")
    found = told(house, events.OutOfService(HUB, at - HOUR, at + 10 * DAY, "Flooded."))
    if found.outcome == "proposed":
        signed(house, found)
    assert seen(house).broken() == ()  # while the decision is open, too
    given_up(house)
    assert house.activities(ANA)[thaw.id].status == "performed"
    assert house.activities(ANA)[f"{ANA}/2/fill"].status == "given_up"
    assert in_order(house)
    assert told(house, closed(house, f"{ANA}/2/fill")).outcome == "in_order"


def test_an_answer_about_one_patient_leaves_others_last_moments_to_the_night(lost: House) -> None:
    now = seen(lost)
    as_kept = {(ANA, 2): LastMoments(None, now.at + HOUR)}
    asked = partial(solve, replace(now, moments=as_kept), nobody_minds)
    (of_ben,), (of_ana,), (of_all,) = (asked(whose=who).losses for who in (BEN, ANA, None))
    assert of_ben.deviation_until == now.at + HOUR
    assert of_ana == of_all != of_ben


def test_other_doses_of_the_course_are_still_offered_other_days(lost: House) -> None:
    given_up(lost)
    assert lost.offers(ANA, dose=1)
    assert lost.activities(ANA)[f"{ANA}/2/fill"].status == "given_up"


def test_a_course_whose_last_dose_was_given_up_for_good_is_over_after_the_others(lost: House) -> None:
    given_up(lost)
    lost.recorded_until(f"{ANA}/month-3/follow_up")
    lost.recorded(f"{ANA}/month-3/follow_up", NORA)
    with lost.work(PAUL, write=False) as work:
        course = repositories.course(work.session, ANA)
    assert course is not None and course.status == "completed"


def test_a_dose_that_was_given_up_for_good_cannot_fail(lost: House) -> None:
    given_up(lost)
    event = events.LotFailed(f"{ANA}/2/fill", lost.now)
    refused("dose-skipped", 409, lambda: told(lost, event))


# --- by hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["rejected", "approved"])
def test_what_a_planner_says_to_a_repair_is_the_end_of_it(near: House, what: str) -> None:
    event: Callable[[], Event] = lambda: closed(near, f"{ANA}/1/fill", before=HOUR, after=HOUR)  # noqa: E731
    found = told(near, event())
    if what == "rejected":
        with near.doing(PAUL) as work:
            reject(work, found.plan or 0, reason="The filters are here.")
        assert not in_order(near)
    else:
        signed(near, found)
        assert in_order(near)
