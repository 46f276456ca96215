"""Offers and repairs keep out of what hinders a patient, and off units that are out of service."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.domain.course import Facts
from scheduler.domain.plan import Plan, PlannedCourse
from scheduler.domain.protocol import FollowUp, Window
from scheduler.domain.rules import violations
from scheduler.planning.desk import Desk
from scheduler.planning.repair import Repaired, Standing, repair
from scheduler.planning.wanted import Wanted
from tests.domain.world import ANA, FACTS, NORTH, PLANT, at, with_closure, with_hindrance
from tests.planning.ledger import Ledger, broken
from tests.planning.small import BEN_NORTH, found, local, one_dose, planned, resourced, roomy

TRIED = settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
UNTIL = date(2027, 3, 1)
SOON = Wanted(at(date(2027, 1, 4), "09:00"))
DAY = timedelta(days=1)
MON, WED = at(date(2027, 2, 8), "00:00"), at(date(2027, 2, 10), "00:00")
AGES = at(date(2030, 1, 1), "00:00")


def first_doses(facts: Facts) -> list[str]:
    return [local(_given(one.course)) for one in Desk(facts, UNTIL).find(ANA, replace(SOON, apart_days=1, count=2))]


def _given(course: PlannedCourse) -> datetime:
    return found_in(course, "ANA/1/injection")


def found_in(course: PlannedCourse, name: str) -> datetime:
    return next(one.start_at for one in course.activities if one.id == name)


# --- offers -----------------------------------------------------------------------------------------------------------


def test_nothing_is_offered_while_a_patient_is_away() -> None:
    # Alone, ANA is offered Tue 9 and Wed 10 Feb; away on Mon and Tue, her tap is on Wed 10 Feb at the soonest.
    assert first_doses(one_dose()) == ["Tue 02-09 08:00", "Wed 02-10 08:00"]
    assert first_doses(with_hindrance(one_dose(), "ANA", MON, WED)) == ["Thu 02-11 08:00", "Fri 02-12 08:00"]
    assert first_doses(with_hindrance(one_dose(), "BEN", MON, WED)) == ["Tue 02-09 08:00", "Wed 02-10 08:00"]


def test_cells_that_are_ready_late_or_gone_early_leave_the_days_between() -> None:
    # Filled on Wed 10 Feb and not before; or before Wed 10 Feb and not after: Mon and Tue.
    late = with_hindrance(one_dose(), "ANA", at(date(2027, 1, 1), "00:00"), WED, "fill", dose=1)
    early = with_hindrance(one_dose(), "ANA", WED, AGES, "fill", dose=1)
    assert first_doses(late) == ["Thu 02-11 08:00", "Fri 02-12 08:00"]
    assert first_doses(early) == ["Tue 02-09 08:00", "Wed 02-10 08:00"]
    assert len(Desk(early, UNTIL).find(ANA, replace(SOON, apart_days=1, count=5))) == 2


def test_a_patient_who_is_always_away_is_offered_nothing() -> None:
    assert first_doses(with_hindrance(one_dose(), "ANA", at(date(2027, 1, 1), "00:00"), AGES)) == []


def test_the_follow_up_visit_of_an_offer_keeps_out_of_a_hindrance() -> None:
    # With the Seollal holidays the first dose is on Thu 11 Feb, week 20 on Thu 1 Jul; away then and on Fri 2 Jul.
    # Wednesday is nearer than Monday.
    away = with_hindrance(FACTS, "ANA", at(date(2027, 7, 1), "00:00"), at(date(2027, 7, 3), "00:00"))
    (offer,) = Desk(away, UNTIL).find(ANA, replace(SOON, count=1))
    assert local(found_in(offer.course, "ANA/week-20/follow_up")) == "Wed 06-30 08:00"


def test_a_unit_out_of_service_is_one_less_for_everybody() -> None:
    # With one incubator left, the second culture begins when the first one ends (`test_rules_of_units`): Tue 9 March.
    facts = with_closure(roomy(one_dose(ANA, BEN_NORTH)), PLANT, MON - 60 * DAY, AGES, "incubator", "incubator-1")
    ledger = Ledger(Desk(facts, UNTIL))
    ledger.book(ledger.desk.find(ANA, SOON)[0])
    ledger.book(ledger.desk.find(BEN_NORTH, SOON)[0])
    assert local(found_in(ledger.courses["BEN"], "BEN/1/injection")) == "Tue 03-09 08:00"
    assert {one.units.get("incubator") for course in ledger.courses.values() for one in course.activities} == {
        None,
        "incubator-2",
    }
    assert ledger.broken([ANA, BEN_NORTH]) == []


def test_courses_on_a_unit_that_goes_out_of_service_stay_until_they_are_moved_and_count() -> None:
    # Both incubators are full of booked cultures when one goes out of service: nobody else finds room, nothing breaks.
    facts = roomy(one_dose(ANA, BEN_NORTH))
    ledger = Ledger(Desk(facts, UNTIL))
    for patient in (ANA, BEN_NORTH):
        ledger.book(ledger.desk.find(patient, SOON)[0])
    out = with_closure(facts, PLANT, MON - 10 * DAY, MON, "incubator", "incubator-1")
    desk = Desk(out, UNTIL)
    for key in ledger.stays:
        desk.put(*ledger.desk.seats.at(key))
    charlie = replace(BEN_NORTH, id="CHARLIE")
    (offer,) = desk.find(charlie, replace(SOON, count=1))
    assert broken(out, [charlie], [offer.course]) == []
    assert found_in(offer.course, "CHARLIE/isolation") > MON - 10 * DAY
    for key in ledger.stays:
        desk.drop(key)
    (alone,) = desk.find(charlie, replace(SOON, count=1))
    assert local(found_in(alone.course, "CHARLIE/1/injection")) == "Tue 02-09 08:00"


STRETCHES = st.tuples(st.integers(-40, 20), st.integers(1, 12))
KINDS = st.sampled_from([(), ("fill",), ("csf_tap", "injection"), ("harvest",), ("transit",)])


@TRIED
@given(
    st.lists(st.tuples(KINDS, STRETCHES), min_size=1, max_size=3), STRETCHES, st.sampled_from(["suite", "incubator"])
)
def test_no_offer_lies_in_a_hindrance_or_on_a_unit_out_of_service(
    away: list[tuple[tuple[str, ...], tuple[int, int]]], out: tuple[int, int], kind: str
) -> None:
    facts = with_closure(one_dose(), PLANT, MON + out[0] * DAY, MON + sum(out) * DAY, kind, f"{kind}-1")
    for kinds, (first, days) in away:
        facts = with_hindrance(facts, "ANA", MON + first * DAY, MON + (first + days) * DAY, *kinds)
    ledger = Ledger(Desk(facts, UNTIL))
    for offer in ledger.desk.find(ANA, replace(SOON, apart_days=1)):
        assert broken(facts, [ANA], [offer.course]) == []
        ledger.book(offer)
    moving = frozenset(one.id for course in ledger.courses.values() for one in course.activities)
    for course in list(ledger.courses.values()):
        for offer in ledger.desk.find_again(ANA, course, moving, ledger.own("ANA"), SOON):
            assert broken(facts, [ANA], [offer.course]) == []


# --- repairs ----------------------------------------------------------------------------------------------------------

BEN = replace(BEN_NORTH, registered_on=ANA.registered_on + 7 * DAY)
PAIR = roomy(one_dose(ANA, BEN))
PLAN = planned(PAIR)
NOW = found(PLAN, "ANA/harvest").start_at - 20 * DAY


def repaired(facts: Facts, plan: Plan = PLAN, fixed: frozenset[str] = frozenset()) -> Repaired:
    courses = {one.patient: one for one in plan.courses}
    return repair(facts, [Standing(one, courses[one.id], fixed) for one in facts.patients], NOW, seconds=5.0)


def test_a_visit_moves_out_of_what_hinders_its_patient_and_nobody_else_moves() -> None:
    given = found(PLAN, "ANA/1/injection").start_at
    away = with_hindrance(PAIR, "ANA", given - timedelta(hours=2), given + timedelta(hours=12))
    after = repaired(away)
    assert violations(after.plan, away) == []
    assert after.changed == {"ANA"}
    # Tap and injection move, each unconfirmed and told more than 28 days ahead: 1 + 1.
    assert (after.visits_moved, after.price, after.is_proven) == (2, (0, 2), True)


def test_what_may_not_move_out_of_a_hindrance_is_for_people_to_decide() -> None:
    given = found(PLAN, "ANA/1/injection")
    away = with_hindrance(PAIR, "ANA", given.start_at, given.end_at)
    after = repaired(away, fixed=frozenset(one.id for course in PLAN.courses for one in course.activities))
    assert [one.activities for one in after.stuck] == [("ANA/1/injection",)]


def test_a_step_changes_to_another_unit_at_the_same_time_and_no_visit_moves() -> None:
    fill = found(PLAN, "ANA/1/fill")
    unit = fill.units["suite"]
    out = with_closure(PAIR, PLANT, fill.start_at, fill.end_at, "suite", unit)
    assert [one.activities for one in violations(PLAN, out)] == [("ANA/1/fill",)]
    after = repaired(out)
    assert violations(after.plan, out) == []
    assert (after.changed, after.visits_moved, after.price, after.is_proven) == (frozenset(), 0, (0, 0), True)
    assert found(after.plan, "ANA/1/fill").units["suite"] != unit


def test_a_follow_up_visit_changes_to_another_room_at_the_same_time() -> None:
    visit = FollowUp("check", 1, Window(70, 0, -14, 14), 30, ("clinic",))
    facts = resourced(one_dose(ANA), NORTH, "clinic", units=2)
    facts = replace(facts, protocol=replace(facts.protocol, follow_ups=(visit,)))
    told = planned(facts)
    before = found(told, "ANA/check/follow_up")
    # Told for another day than the target's, it keeps that, too.
    later = replace(before, start_at=before.start_at + DAY, end_at=before.end_at + DAY)
    listed = tuple(later if one.id == before.id else one for one in told.courses[0].activities)
    told = replace(told, courses=(replace(told.courses[0], activities=listed),))
    out = with_closure(facts, NORTH, later.start_at, later.end_at, "clinic", "clinic-1")
    after = repaired(out, told)
    visit_now = found(after.plan, "ANA/check/follow_up")
    assert (visit_now.start_at, visit_now.units) == (later.start_at, {"clinic": "clinic-2"})
    assert violations(after.plan, out) == []


def test_where_every_other_unit_is_taken_somebody_moves() -> None:
    # One incubator is left of two, and both cultures overlap: one of them is given up or begins when the other ends.
    culture = found(PLAN, "BEN/culture")
    out = with_closure(PAIR, PLANT, culture.start_at, culture.end_at, "incubator", culture.units["incubator"])
    after = repaired(out)
    assert violations(after.plan, out) == []
    assert after.changed != frozenset()
    assert after.price[0] == 0


def test_room_by_count_that_no_unit_has_is_left_for_another_time() -> None:
    # From ten days before BEN's fill incubator 1 is out of service for five days, then incubator 2 for five.
    fill = found(PLAN, "BEN/1/fill").start_at.replace(hour=0, minute=0)
    alone = replace(PAIR, patients=(BEN,))
    out = with_closure(alone, PLANT, fill - 10 * DAY, fill - 5 * DAY, "incubator", "incubator-1")
    out = with_closure(out, PLANT, fill - 5 * DAY, fill, "incubator", "incubator-2")
    after = repaired(out)
    assert violations(after.plan, out) == []
    assert [one.dose for one in after.plan.unplanned] == []
    assert after.changed == {"BEN"}


@TRIED
@given(KINDS, STRETCHES, STRETCHES, st.sampled_from(["suite", "incubator", "cold_store"]), st.booleans())
def test_a_repair_keeps_out_of_hindrances_and_off_units_out_of_service(
    kinds: tuple[str, ...], away: tuple[int, int], out: tuple[int, int], kind: str, begun: bool
) -> None:
    facts = with_closure(PAIR, PLANT, MON + out[0] * DAY, MON + sum(out) * DAY, kind, f"{kind}-1")
    facts = with_hindrance(facts, "ANA", MON + away[0] * DAY, MON + sum(away) * DAY, *kinds)
    begun_by = found(PLAN, "ANA/1/fill").start_at - 10 * DAY
    listed = [one for course in PLAN.courses for one in course.activities]
    fixed = frozenset(one.id for one in listed if begun and one.start_at < begun_by)
    after = repaired(facts, fixed=fixed)
    stuck = {name for one in after.stuck for name in one.activities}
    assert {name for one in violations(after.plan, facts) for name in one.activities} <= stuck
    assert stuck <= fixed
    assert after.price >= after.bound
