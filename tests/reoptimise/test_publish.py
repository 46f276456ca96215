"""From a broken plan to one that everybody is told: proposed, approved, refused in part, rejected, or by itself.

Ana's grafts are booked at North, Ben's at South; Paul plans. A closure that no course can stay in makes a night find a
repair; what the policy lets go out by itself is `unattended_visits` (4 in the program of the house).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from scheduler.booking.book import book_hold
from scheduler.booking.cancel import cancel
from scheduler.booking.closures import declare
from scheduler.booking.confirm import confirm
from scheduler.domain.audience import Principal
from scheduler.persistence import occupancy, proposals, repositories
from scheduler.persistence.tables_plans import PlanRow, PlanRunRow, ProposalRow
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise import nightly
from scheduler.reoptimise.publish import approve, reject
from scheduler.reoptimise.revise import revise
from scheduler.reoptimise.snapshot import snapshot
from scheduler.reoptimise.solving import Solution, Unsound, judge, solve
from tests.booking.house import NORA, NORTH, PAUL, SAM, House, refused
from tests.reoptimise.cast import all_runs
from tests.reoptimise.test_nightly import shift_of, suite_closed

DAY = timedelta(days=1)
MEANING = "approved for publication"


def shut(house: House, where: str, start_at: datetime, end_at: datetime) -> None:
    with house.doing(PAUL) as work:
        declare(work, house.board, where=where, resource=None, start_at=start_at, end_at=end_at, reason="A burst pipe.")


def injection_day_shut(house: House, days: int = 1) -> str:
    """The clinic at North is closed for the day on which Ana is to be given dose 1, and `days` - 1 more; the visit."""
    (visit,) = [one for name, one in house.visits("ANA").items() if name == "ANA/1/graft"]
    since = visit.start_at.replace(hour=0, minute=0)
    shut(house, NORTH, since, since + days * DAY)
    return visit.id


def night(house: House) -> PlanRunRow:
    shift_of(house).due_night()
    return all_runs(house.database)[-1]


def plans(house: House) -> list[tuple[PlanRow, ProposalRow]]:
    """Every plan that was proposed, oldest first."""
    with house.work(PAUL, write=False) as work:
        rows = repositories.plans(work.session, after=0, limit=100)
        found = (proposals.plan(work.session, row.id or 0, lock=False) for row in rows)
        return [one for one in found if one is not None]


def the_plan(house: House) -> tuple[PlanRow, ProposalRow]:
    (found,) = plans(house)
    return found


def approved(house: House, number: int, who: Principal = PAUL, meaning: str | None = MEANING) -> None:
    with house.doing(who) as work:
        approve(work, house.board, number, note=None, signed_meaning=meaning)


def begin(house: House, who: Principal = PAUL) -> Callable[[bool], UnitOfWork]:
    return lambda write: house.work(who, write=write)


@pytest.fixture
def confirmed(house: House) -> House:
    """Ana has confirmed the visit that then meets a closed clinic: nobody moves that without a signature."""
    house.booked("ANA")
    house.booked("BEN", "SOUTH")
    with house.doing(NORA) as work:
        confirm(work, "ANA/1/graft")
    injection_day_shut(house)
    assert night(house).status == "proposed"
    return house


# --- by itself --------------------------------------------------------------------------------------------------------


def test_a_repair_that_moves_few_visits_is_published_by_the_night_itself(both: House) -> None:
    both.booked("ANA")
    suite_closed(both, "ANA")
    before = both.activities("ANA")["ANA/1/fill"]
    run = night(both)
    row, proposal = the_plan(both)
    assert (run.status, run.reason, row.state, proposal.waits_for) == ("published", None, "published", None)
    result = json.loads(run.result or "")
    assert (result["plan"], result["repair"]["doses_lost"], result["repair"]["proven"]) == (row.id, [], True)
    now = both.activities("ANA")["ANA/1/fill"]
    assert (now.status, now.start_at != before.start_at) == ("planned", True)
    with both.work(PAUL, write=False) as work:
        assert snapshot(work, both.board).broken() == ()
    assert [one.subject for one in both.trail("plan:published")] == [f"plan/{row.id}"]


def test_the_night_after_finds_nothing_to_do(house: House) -> None:
    house.booked("ANA")
    suite_closed(house, "ANA")
    assert night(house).status == "published"
    house.now += DAY
    assert night(house).status == "unchanged"


def test_visits_that_moved_say_why_and_ask_to_be_told_again(house: House) -> None:
    house.booked("ANA")
    visit = injection_day_shut(house)
    before = house.visits("ANA")[visit]
    assert night(house).status == "published"
    now = house.visits("ANA")[visit]
    assert (now.on_date != before.on_date, now.reason, now.told_version == now.version) == (True, "site", False)
    with house.work(PAUL, write=False) as work:
        told = {one.visit: one for one in proposals.changes_told(work.session, site=NORTH, before=None, limit=9).rows}
        assert set(told) == {visit, "ANA/2/graft"}  # the second dose stays 21 days after the first
        assert (told[visit].before_start_at, told[visit].after_start_at) == (before.start_at, now.start_at)
        assert proposals.changes_told(work.session, site="SOUTH", before=None, limit=9).rows == []


# --- by a person ------------------------------------------------------------------------------------------------------


def test_a_plan_that_moves_a_confirmed_visit_waits_and_changes_nothing_meanwhile(confirmed: House) -> None:
    row, proposal = the_plan(confirmed)
    assert (row.state, proposal.waits_for) == ("proposed", "It moves 1 visit that a patient has confirmed.")
    assert confirmed.visits("ANA")["ANA/1/graft"].version == 2  # booked, confirmed
    approved(confirmed, row.id or 0)
    (row, _) = the_plan(confirmed)
    assert row.state == "published"
    visit = confirmed.visits("ANA")["ANA/1/graft"]
    assert (visit.version, visit.confirmed_at) == (3, None)
    assert [one.reason for one in confirmed.trail("course:rescheduled")] == [f"plan {row.id}"]


def test_only_a_planner_approves_and_only_with_a_signature(confirmed: House) -> None:
    number = the_plan(confirmed)[0].id or 0
    refused("not-your-role", 403, lambda: approved(confirmed, number, who=NORA))
    refused("signature-missing", 403, lambda: approved(confirmed, number, meaning=None))
    refused("plan-not-found", 404, lambda: approved(confirmed, number + 1))
    assert the_plan(confirmed)[0].state == "proposed"


def test_a_plan_is_approved_once_and_a_rejected_one_never(confirmed: House) -> None:
    number = the_plan(confirmed)[0].id or 0
    with confirmed.doing(PAUL) as work:
        reject(work, number, reason="The pipe is mended already.")
    refused("plan-closed", 409, lambda: approved(confirmed, number))
    assert the_plan(confirmed)[0].state == "rejected"


def test_a_plan_whose_course_has_changed_since_is_refused_and_stays_proposed(confirmed: House) -> None:
    number = the_plan(confirmed)[0].id or 0
    with confirmed.doing(NORA) as work:
        cancel(work, "ANA", reason_code="withdrawn_consent")
    refused("plan-outdated", 409, lambda: approved(confirmed, number))
    assert the_plan(confirmed)[0].state == "proposed"


def test_a_plan_is_refused_when_closures_have_changed_since(confirmed: House) -> None:
    number = the_plan(confirmed)[0].id or 0
    shut(confirmed, "SOUTH", confirmed.now + 60 * DAY, confirmed.now + 61 * DAY)
    refused("plan-outdated", 409, lambda: approved(confirmed, number))


def test_who_is_booked_meanwhile_elsewhere_does_not_stand_in_the_way(confirmed: House) -> None:
    confirmed.registered("CLEO", "SOUTH")
    late = confirmed.offers("CLEO", SAM, not_before=date(2027, 5, 3))[0]
    hold = confirmed.held(late.id, SAM)
    with confirmed.doing(SAM) as work:
        book_hold(work, confirmed.board, hold)
    approved(confirmed, the_plan(confirmed)[0].id or 0)
    assert the_plan(confirmed)[0].state == "published"


def test_a_plan_whose_place_was_taken_meanwhile_is_refused_and_stays_proposed(confirmed: House) -> None:
    confirmed.booked("CLEO", "SOUTH")  # in the suite, at the hour that the plan wants for Ana's fill
    refused("plan-outdated", 409, lambda: approved(confirmed, the_plan(confirmed)[0].id or 0))
    assert the_plan(confirmed)[0].state == "proposed"


def test_a_plan_is_not_approved_once_a_visit_it_moves_has_come_too_near(confirmed: House) -> None:
    _, proposal = the_plan(confirmed)
    graft = confirmed.visits("ANA")["ANA/1/graft"].start_at
    assert proposal.approve_by == graft - 14 * DAY
    confirmed.now = graft - 14 * DAY + timedelta(minutes=1)
    refused("too-late", 409, lambda: approved(confirmed, proposal.plan))
    confirmed.now = graft - 14 * DAY
    approved(confirmed, proposal.plan)


def test_a_later_proposal_overtakes_one_that_nobody_approved(confirmed: House) -> None:
    confirmed.now += DAY
    assert night(confirmed).status == "proposed"
    (old, _), (new, _) = plans(confirmed)
    assert (old.state, new.state) == ("superseded", "proposed")
    refused("plan-closed", 409, lambda: approved(confirmed, old.id or 0))


# --- in part ----------------------------------------------------------------------------------------------------------


def test_a_refused_move_stays_and_the_rest_is_solved_again(house: House) -> None:
    house.booked("ANA")
    with house.doing(NORA) as work:
        confirm(work, "ANA/1/graft")
    injection_day_shut(house)
    assert night(house).status == "proposed"
    _, first = the_plan(house)
    moved = {one["visit"] for one in json.loads(first.visits)}
    assert "ANA/1/graft" in moved
    keep = frozenset({"ANA/2/graft"})
    refused("not-your-role", 403, lambda: revise(begin(house, NORA), house.board, first.plan, keep))
    nobody = frozenset({"ANA/month-3/follow_up"})  # which the plan leaves where it is
    refused("nothing-to-refuse", 422, lambda: revise(begin(house), house.board, first.plan, nobody))
    number = revise(begin(house), house.board, first.plan, keep)
    (old, _), (new, second) = plans(house)
    assert (old.state, new.state, new.id, second.revises) == ("superseded", "proposed", number, first.plan)
    assert "ANA/2/graft" not in {one["visit"] for one in json.loads(second.visits)}
    # The first dose still leaves its closed day, and the pair is a day off its 21 days for that.
    assert (json.loads(first.figures)["price"][0], json.loads(second.figures)["price"][0]) == (0, 1)


def test_a_refusal_that_leaves_no_way_is_told_and_changes_nothing(confirmed: House) -> None:
    _, first = the_plan(confirmed)
    keep = frozenset({"ANA/1/graft"})
    found = refused("refusal-impossible", 409, lambda: revise(begin(confirmed), confirmed.board, first.plan, keep))
    assert "dose 1 of ANA, dose 2 of ANA cannot be given" in found.sentence
    assert the_plan(confirmed)[0].state == "proposed"


# --- lost doses -------------------------------------------------------------------------------------------------------


@pytest.fixture
def lost(house: House) -> House:
    """North is shut for so long that dose 2 of Ana finds no day.

    The biopsy of Thu 11 March is too near to move, so that dose 1 comes from 22 to 25 March and dose 2, 19 to 25 days
    later, from 10 to 19 April.
    """
    house.booked("ANA")
    visit = house.visits("ANA")["ANA/2/graft"]  # Mon 12 April
    shut(house, NORTH, visit.start_at - 4 * DAY, visit.start_at + 10 * DAY)
    assert night(house).status == "proposed"
    return house


def test_a_plan_that_gives_a_dose_up_waits_for_a_person(lost: House) -> None:
    _, proposal = the_plan(lost)
    assert proposal.waits_for == "It gives up 1 dose."
    assert json.loads(proposal.figures)["doses_lost"] == [["ANA", 2]]


def test_a_dose_that_is_given_up_becomes_a_decision_with_its_last_moments(lost: House) -> None:
    approved(lost, the_plan(lost)[0].id or 0)
    with lost.work(PAUL, write=False) as work:
        (decision,) = proposals.open_decisions(work.session)
        seen = snapshot(work, lost.board)
    assert (decision.course, decision.dose, decision.neutral) == ("ANA", 2, "site")
    assert decision.cause.startswith("closure at NORTH")
    # Inside its window no day is left; up to 14 days outside there are days once North opens again.
    assert decision.remake_until is None and decision.deviation_until is not None
    assert decision.deviation_until > lost.now
    assert seen.broken() == () and seen.lost == {("ANA", 2)}
    statuses = {one.id: one.status for one in lost.activities("ANA").values() if one.dose == 2}
    assert set(statuses.values()) == {"open"}
    visit = lost.visits("ANA")["ANA/2/graft"]
    assert (visit.status, visit.reason) == ("open", "site")


def test_a_dose_whose_cells_grow_already_can_be_given_up(house: House) -> None:
    """Thawed on Mon 5 April, the cells of dose 2 must be filled by 14 April, and the one suite is out from 10 to 15."""
    house.booked("ANA")
    thaw = house.activities("ANA")["ANA/2/thaw"].start_at
    house.now = thaw + 5 * DAY
    with house.doing(PAUL) as work:
        out = {"start_at": house.now, "end_at": house.now + 5 * DAY, "reason": "A broken fan."}
        declare(work, house.board, where="HUB", resource="suite", unit="suite-1", **out)  # type: ignore[arg-type]
    assert night(house).status == "proposed"
    row, proposal = the_plan(house)
    assert json.loads(proposal.figures)["doses_lost"] == [["ANA", 2]]
    approved(house, row.id or 0)
    assert {one.status for one in house.activities("ANA").values() if one.dose == 2} == {"open"}


def test_a_course_that_is_lost_after_its_harvest_is_given_up_once_and_its_harvest_stays(house: House) -> None:
    """Biopsied on Thu 11 March, Ana's cells must be filled by late March, and the suite is out for ten weeks."""
    house.booked("ANA")
    house.recorded_until("ANA/growth")
    with house.doing(PAUL) as work:
        out = {"start_at": house.now + DAY, "end_at": house.now + 70 * DAY, "reason": "A broken fan."}
        declare(work, house.board, where="HUB", resource="suite", **out)  # type: ignore[arg-type]
    assert night(house).status == "proposed"
    row, proposal = the_plan(house)
    assert json.loads(proposal.figures)["doses_lost"] == [["ANA", 1], ["ANA", 2]]
    changed = {one["visit"]: one["change"] for one in json.loads(proposal.visits)}
    assert "ANA/biopsy" not in changed and changed["ANA/1/graft"] == "dropped"
    approved(house, row.id or 0)
    assert house.visits("ANA")["ANA/biopsy"].status == "performed"
    house.now += DAY
    assert night(house).status == "unchanged"  # the decisions wait; nobody is told the same again


def test_a_dose_gets_its_place_back_when_what_was_in_its_way_is_gone(lost: House) -> None:
    approved(lost, the_plan(lost)[0].id or 0)
    with lost.doing(PAUL) as work:
        (closure,) = [one for one in repositories.closures(work.session) if one.where == NORTH]
        closure.withdrawn_at = lost.now
        work.session.flush()
        occupancy.count_up_calendar(work.session)
    lost.now += DAY
    assert night(lost).status == "published"
    assert lost.visits("ANA")["ANA/2/graft"].status == "planned"
    with lost.work(PAUL, write=False) as work:
        assert proposals.open_decisions(work.session) == []
        assert snapshot(work, lost.board).lost == frozenset()


# --- the referee ------------------------------------------------------------------------------------------------------


def test_a_repair_that_breaks_a_rule_is_never_proposed(house: House) -> None:
    house.booked("ANA")
    suite_closed(house, "ANA")
    with house.work(PAUL, write=False) as work:
        seen = snapshot(work, house.board)
    sound = solve(seen, lambda: None).repaired
    judge(seen, sound)
    (course,) = sound.plan.courses
    late = tuple(
        replace(one, start_at=one.start_at + DAY, end_at=one.end_at + DAY) if one.kind == "receipt" else one
        for one in course.activities
    )
    bent = replace(sound, plan=replace(sound.plan, courses=(replace(course, activities=late),)))
    with pytest.raises(Unsound, match="sequence"):
        judge(seen, bent)


def test_a_repair_that_moves_what_may_not_move_is_never_proposed(house: House) -> None:
    house.booked("ANA")
    with house.work(PAUL, write=False) as work:
        seen = snapshot(work, house.board)
    same = solve(seen, lambda: None).repaired
    pinned = tuple(replace(one, fixed=one.fixed | {"ANA/1/graft"}) for one in seen.standings)
    nowhere = tuple(
        replace(one, activities=tuple(a for a in one.activities if a.dose != 1)) for one in same.plan.courses
    )
    lighter = replace(same, plan=replace(same.plan, courses=nowhere))
    with pytest.raises(Unsound):
        judge(replace(seen, standings=pinned), lighter)


def test_what_changes_while_a_night_searches_is_seen_by_its_next_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.booked("ANA")
    suite_closed(house, "ANA")
    searches: list[int] = []

    def slow(*arguments: object, **options: object) -> Solution:
        if not searches:
            shut(house, "SOUTH", house.now + 60 * DAY, house.now + 61 * DAY)
        searches.append(1)
        return solve(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(nightly, "solve", slow)
    assert (night(house).status, len(searches)) == ("published", 2)
