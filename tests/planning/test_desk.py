"""The desk: complete courses against everything taken, cheapest first, and the same course at other times."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.domain.calendars import local_date
from scheduler.domain.course import Facts, Patient
from scheduler.domain.plan import Activity, PlannedCourse
from scheduler.domain.protocol import Window
from scheduler.planning.build import Builder
from scheduler.planning.desk import Desk, Proposal
from scheduler.planning.needs import needs_of, unit_names
from scheduler.planning.seats import Stay, Unit
from scheduler.planning.wanted import Wanted
from scheduler.programs import load_program
from solver.insertion import Inserter
from tests.domain.world import ANA, BEN, CHARLIE, FACTS, NORTH, PLANT, SEOUL, at, plan_of, with_closure
from tests.planning.ledger import Ledger, broken
from tests.planning.small import local, one_dose, resourced

TRIED = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
UNTIL = date(2027, 3, 1)
NEW_YEAR = at(date(2027, 1, 4), "09:00")
SOON = Wanted(NEW_YEAR)


def wanted(**changes: object) -> Wanted:
    return replace(SOON, **changes)  # type: ignore[arg-type]


def days_and_costs(proposals: list[Proposal]) -> list[tuple[str, int]]:
    return [(f"{one.on:%m-%d}", one.cost[2]) for one in proposals]


def activity(course: PlannedCourse, name: str) -> Activity:
    return next(one for one in course.activities if one.id == name)


def three_doses() -> Facts:
    return replace(FACTS, patients=())


@cache
def empty_desk() -> Desk:
    """A desk of the small world for tests that leave it as it was."""
    return Desk(three_doses(), UNTIL)


# --- finding a course ---------------------------------------------------------------------------------------------


def test_the_first_offer_is_the_cheapest_course_there_is() -> None:
    # Derived in `one_dose`: injected on Tue 9 Feb, 36 days after registration (864) and 13 hours cold: 877.
    first = Desk(one_dose(), UNTIL).find(ANA, SOON)[0]
    assert (first.on, first.cost) == (date(2027, 2, 9), (0, 0, 877))


def test_offers_differ_by_the_days_asked_for() -> None:
    # Injections are on Tuesdays to Fridays: a Monday's would be filled on the Sunday. Five days after Tue 9 Feb is
    # Sun 14, so Tue 16: 43 x 24 + 13 = 1045; then Tue 23: 50 x 24 + 13 = 1213.
    found = Desk(one_dose(), UNTIL).find(ANA, wanted(apart_days=5))
    assert days_and_costs(found) == [("02-09", 877), ("02-16", 1045), ("02-23", 1213)]


def test_with_one_day_between_them_offers_are_on_neighbouring_days() -> None:
    # A day later costs 24 more.
    found = Desk(one_dose(), UNTIL).find(ANA, wanted(apart_days=1))
    assert days_and_costs(found) == [("02-09", 877), ("02-10", 901), ("02-11", 925)]


def test_no_offer_repeats_a_day_even_when_no_days_are_asked_for() -> None:
    found = Desk(one_dose(), UNTIL).find(ANA, wanted(apart_days=0, count=2))
    assert days_and_costs(found) == [("02-09", 877), ("02-10", 901)]


def test_offers_keep_within_the_dates_asked_for_both_included() -> None:
    desk = Desk(one_dose(), UNTIL)
    dates = {"not_before": date(2027, 2, 10), "not_after": date(2027, 2, 12), "apart_days": 1}
    assert days_and_costs(desk.find(ANA, wanted(**dates))) == [("02-10", 901), ("02-11", 925), ("02-12", 949)]
    assert desk.find(ANA, wanted(not_before=date(2027, 2, 13), not_after=date(2027, 2, 15))) == []


def test_offers_keep_away_from_the_dates_that_were_refused() -> None:
    # Fewer than 5 days from Tue 9 or Thu 18 Feb are all days to Mon 22; Tue 23 is 5 days after the 18th.
    found = Desk(one_dose(), UNTIL).find(ANA, wanted(avoid=(date(2027, 2, 9), date(2027, 2, 18)), count=1))
    assert days_and_costs(found) == [("02-23", 1213)]


def test_nothing_new_begins_before_the_earliest_instant_or_on_its_day() -> None:
    # From Mon 18 Jan 12:00 on, Tue 19 Jan is the first day; 26 days of culture from an isolation on the 19th end on
    # Sun 14 Feb, so the fill is on Mon 15 and the injection on Tue 16 Feb.
    found = Desk(one_dose(), UNTIL).find(ANA, wanted(earliest_at=at(date(2027, 1, 18), "12:00"), count=1))
    assert [one.on for one in found] == [date(2027, 2, 16)]
    assert min(local_date(one.start_at, SEOUL) for one in found[0].course.activities) >= date(2027, 1, 19)


def test_no_follow_up_visit_begins_before_the_earliest_instant() -> None:
    # A visit due on the day of registration, within 30 days: from Mon 18 Jan 12:00 on it can be that afternoon.
    visit = replace(FACTS.protocol.follow_ups[0], anchor=None, window=Window(0, 0, 0, 30))
    facts = one_dose()
    facts = replace(facts, protocol=replace(facts.protocol, follow_ups=(visit,)))
    (found,) = Desk(facts, UNTIL).find(ANA, wanted(earliest_at=at(date(2027, 1, 18), "12:00"), count=1))
    assert local(activity(found.course, "ANA/week-20/follow_up").start_at) == "Mon 01-18 12:00"


def test_nothing_is_found_where_nothing_fits() -> None:
    shut = with_closure(one_dose(), PLANT, at(date(2027, 1, 1), "00:00"), at(date(2027, 12, 1), "00:00"), "fill_crew")
    assert Desk(shut, UNTIL).find(ANA, SOON) == []


def test_no_course_is_offered_without_its_follow_up_visit() -> None:
    # Week 20 (140 days, 14 to either side) of a first dose on Tue 9 Feb or later is 15 Jun or later; shut until 2028.
    shut = with_closure(three_doses(), NORTH, at(date(2027, 6, 1), "00:00"), at(date(2028, 1, 1), "00:00"), "clinic")
    assert Desk(shut, UNTIL).find(ANA, SOON) == []


def test_a_later_day_is_offered_when_a_follow_up_visit_has_no_hour_for_an_earlier_one() -> None:
    # With the Seollal holidays the first dose can be on Thu 11 Feb; its week 20 is Thu 1 Jul, from 17 Jun to 15 Jul.
    # The clinic is shut until Fri 16 Jul, so the soonest first dose is a day later: Fri 12 Feb.
    shut = with_closure(three_doses(), NORTH, at(date(2027, 6, 1), "00:00"), at(date(2027, 7, 16), "00:00"), "clinic")
    assert Desk(three_doses(), UNTIL).find(ANA, wanted(count=1))[0].on == date(2027, 2, 11)
    (found,) = Desk(shut, UNTIL).find(ANA, wanted(count=1))
    assert found.on == date(2027, 2, 12)
    assert local(activity(found.course, "ANA/week-20/follow_up").start_at) == "Fri 07-16 08:00"


def test_offers_cost_what_the_solver_and_the_referee_say() -> None:
    facts = replace(FACTS, patients=(ANA,))
    builder = Builder(facts, days=empty_desk().grid.days)
    cost, _ = Inserter(builder.build().problem).best(builder.build().problem.courses[0])
    first, *others = empty_desk().find(ANA, wanted(apart_days=1))
    assert cost == first.cost[2]
    for one in (first, *others):
        assert one.cost == plan_of(facts, one.course).cost
        assert broken(facts, [ANA], [one.course]) == []


def test_the_first_offer_is_as_cheap_as_the_cheapest_of_all_days() -> None:
    desk = Ledger(Desk(three_doses(), UNTIL))
    for patient in (ANA, BEN, CHARLIE):
        day_by_day = [
            one.cost
            for day in range(120)
            for on in [patient.registered_on + timedelta(days=day)]
            for one in desk.desk.find(patient, wanted(not_before=on, not_after=on))
        ]
        found = desk.desk.find(patient, wanted(count=1))
        assert found[0].cost == min(day_by_day)
        desk.book(found[0])


# --- booking one after the other ---------------------------------------------------------------------------------


def patients_of(facts: Facts, number: int) -> list[Patient]:
    """So many patients, at the sites in turn, registered a day apart."""
    sites = [one.code for one in facts.network.sites]
    return [
        Patient(f"P{n:02}", sites[n % len(sites)], facts.starts_on + timedelta(days=n), 60.0 + n) for n in range(number)
    ]


@pytest.mark.parametrize(
    ("facts", "number"),
    [
        (resourced(one_dose(), PLANT, "incubator", units=4), 8),
        (resourced(three_doses(), PLANT, "incubator", units=4), 8),
        (load_program("car-t-three-zones"), 18),
        (load_program("phase1-two-harvests"), 8),
    ],
    ids=["one dose", "three doses", "two plants", "two harvests"],
)
def test_courses_booked_one_after_the_other_are_a_plan_without_a_violation(facts: Facts, number: int) -> None:
    patients = patients_of(facts, number)
    ledger = Ledger(Desk(facts, patients[-1].registered_on))
    for n, patient in enumerate(patients):
        found = ledger.desk.find(patient, Wanted(at(facts.starts_on, "00:00")))
        days = sorted(one.on for one in found)
        assert all((later - earlier).days >= 5 for earlier, later in pairwise(days))
        assert found[0].cost == min(one.cost for one in found)
        assert all(broken(facts, [patient], [one.course]) == [] for one in found)
        ledger.book(found[n % len(found)])
    assert ledger.broken(patients) == []


def test_both_plants_of_a_network_are_used() -> None:
    facts = load_program("car-t-three-zones")
    patients = patients_of(facts, 18)
    ledger = Ledger(Desk(facts, patients[-1].registered_on))
    for patient in patients:
        ledger.book(ledger.desk.find(patient, Wanted(at(facts.starts_on, "00:00"), 1))[0])
    assert {one.plant for one in ledger.courses.values()} == {one.code for one in facts.network.plants}


# --- the same desk after many changes -------------------------------------------------------------------------------


POOLS = [
    (place, kind)
    for place, kind in unit_names(one_dose())
    if kind in {"harvest_room", "procedure_room", "suite", "incubator", "lane", "fill_crew", "shipper"}
]
FIRST = int(at(date(2027, 2, 7), "00:00").timestamp())  # without anything taken dose 1 is filled on the 8th
STRETCHES = st.tuples(st.integers(0, 12 * 24), st.integers(12, 10 * 24))
CHANGES = st.lists(
    st.tuples(st.sampled_from(POOLS), STRETCHES, st.integers(1, 2), st.booleans()), min_size=2, max_size=8
)


@TRIED
@given(CHANGES)
def test_a_desk_offers_what_a_new_one_with_the_same_stays_offers(
    changes: list[tuple[tuple[str, str], tuple[int, int], int, bool]],
) -> None:
    desk = Desk(one_dose(), UNTIL)
    live: dict[int, tuple[Unit, Stay]] = {}
    keys = count()
    for (place, kind), (hour, hours), units, drops in changes:
        for name in unit_names(one_dose())[place, kind][:units]:
            unit, stay = (place, kind, name), Stay(FIRST + hour * 3600, FIRST + (hour + hours) * 3600, next(keys))
            if all(one.ends <= stay.begins or stay.ends <= one.begins for one in desk.seats.of(unit)):
                desk.put(unit, stay)
                live[stay.key] = (unit, stay)
        desk.find(ANA, wanted(count=1))
        for gone in sorted(live)[: 2 * drops]:
            desk.drop(gone)
            del live[gone]
    fresh = Desk(one_dose(), UNTIL)
    for unit, stay in live.values():
        fresh.put(unit, stay)
    for patient in (ANA, BEN):
        assert desk.find(patient, SOON) == fresh.find(patient, SOON)
    for key in live:
        desk.drop(key)
    assert desk.find(ANA, SOON) == Desk(one_dose(), UNTIL).find(ANA, SOON)


@settings(TRIED, max_examples=6)
@given(st.lists(st.tuples(st.sampled_from("PQRSTU"), st.integers(0, 2)), min_size=4, max_size=10))
def test_booking_and_cancelling_leave_no_trace(steps: list[tuple[str, int]]) -> None:
    ledger = Ledger(Desk(three_doses(), UNTIL))
    everybody = {name: replace(ANA if n % 2 else BEN, id=name) for n, name in enumerate("PQRSTU")}
    for name, number in steps:
        if name in ledger.courses:
            ledger.cancel(name)
        else:
            for proposal in ledger.desk.find(everybody[name], SOON)[number : number + 1]:
                ledger.book(proposal)
    assert ledger.broken(everybody[name] for name in ledger.courses) == []
    fresh = Desk(three_doses(), UNTIL)
    for key in ledger.stays:
        fresh.put(*ledger.desk.seats.at(key))
    assert ledger.desk.find(ANA, SOON) == fresh.find(ANA, SOON)
    for name in list(ledger.courses):
        ledger.cancel(name)
    assert ledger.desk.find(ANA, SOON) == first_offers()


@cache
def first_offers() -> list[Proposal]:
    return Desk(three_doses(), UNTIL).find(ANA, SOON)


def test_looking_takes_nothing() -> None:
    assert empty_desk().find(ANA, SOON) == empty_desk().find(ANA, SOON) == first_offers()


# --- other times for a booked course --------------------------------------------------------------------------------

DOSE_2 = frozenset(f"ANA/2/{one.kind}" for one in FACTS.protocol.steps if one.per == "dose")
FOLLOW_UP = "ANA/week-20/follow_up"


def booked(desk: Desk) -> Ledger:
    """ANA with her first offer: doses on Thu 11 Feb, Tue 9 Mar (+26 days) and Fri 11 Jun (+4 months)."""
    ledger = Ledger(desk)
    ledger.book(desk.find(ANA, SOON)[0])
    return ledger


def again(ledger: Ledger, moving: frozenset[str], **changes: object) -> list[Proposal]:
    course = ledger.courses["ANA"]
    return ledger.desk.find_again(ANA, course, moving, ledger.own("ANA"), wanted(apart_days=1, **changes))


def moved(before: PlannedCourse, after: PlannedCourse) -> set[str]:
    """The ids whose activity is not exactly what it was."""
    old = {one.id: one for one in before.activities}
    assert {one.id for one in after.activities} == set(old)
    return {one.id for one in after.activities if old[one.id] != one}


def test_another_day_for_one_dose_leaves_everything_else_exactly_as_it_was() -> None:
    ledger = booked(Desk(three_doses(), UNTIL))
    before = ledger.courses["ANA"]
    on = local_date(activity(before, "ANA/2/injection").start_at, SEOUL)
    found = again(ledger, DOSE_2, avoid=(on,))
    # The target is Tue 9 Mar, allowed 7 to 14 Mar. With a working day before it for the tap: Wed 10 (1 day off, which
    # costs 1 on level 1), Thu 11 and Fri 12.
    assert [(local_date(activity(one.course, "ANA/2/injection").start_at, SEOUL), one.cost[0]) for one in found] == [
        (date(2027, 3, 10), 1),
        (date(2027, 3, 11), 2),
        (date(2027, 3, 12), 3),
    ]
    for one in found:
        assert one.on == local_date(activity(one.course, "ANA/2/injection").start_at, SEOUL)
        assert moved(before, one.course) <= DOSE_2
        assert {"ANA/2/injection", "ANA/2/fill", "ANA/2/csf_tap"} <= moved(before, one.course)
        assert broken(FACTS, [ANA], [one.course]) == []


def test_the_own_stays_of_a_course_do_not_stand_in_its_way() -> None:
    ledger = booked(Desk(three_doses(), UNTIL))
    before = ledger.courses["ANA"]
    (found,) = again(ledger, DOSE_2, count=1)
    assert found.course == before
    assert found.cost == plan_of(replace(FACTS, patients=(ANA,)), before).cost


def test_a_first_dose_that_moves_alone_stretches_its_culture_and_pulls_nothing_along() -> None:
    ledger = booked(Desk(three_doses(), UNTIL))
    before = ledger.courses["ANA"]
    moving = frozenset(one.id for one in before.activities if one.dose == 1)
    # Dose 2 stays on Tue 9 Mar, 24 to 31 days after dose 1, which is therefore on 6 to 13 Feb. Of these only Thu 11 and
    # Fri 12 have a working day before them (Seollal ends on Tue 9).
    found = again(ledger, moving, avoid=(date(2027, 2, 11),))
    assert [one.on for one in found] == [date(2027, 2, 12)]
    (one,) = found
    changed = moved(before, one.course)
    assert "ANA/culture" in changed
    assert changed <= moving | {"ANA/culture"}
    culture, fill = activity(one.course, "ANA/culture"), activity(one.course, "ANA/1/fill")
    assert (culture.start_at, culture.end_at) == (activity(before, "ANA/isolation").end_at, fill.start_at)
    assert broken(FACTS, [ANA], [one.course]) == []


def test_a_follow_up_visit_moves_only_when_its_window_no_longer_holds_it() -> None:
    ledger = booked(Desk(three_doses(), UNTIL))
    before = ledger.courses["ANA"]
    everything = frozenset(one.id for one in before.activities if one.kind != "follow_up")
    # Week 20 of Thu 11 Feb is Thu 1 Jul, 14 days to either side. A first dose up to Thu 25 Feb has a target by 15 Jul.
    kept = again(ledger, everything, count=1, not_before=date(2027, 2, 25))[0]
    assert kept.on == date(2027, 2, 25)
    assert activity(kept.course, FOLLOW_UP) == activity(before, FOLLOW_UP)
    # Fri 26 Feb: Fri 16 Jul, 15 days after. The visit is made anew on its target.
    new = again(ledger, everything, count=1, not_before=date(2027, 2, 26))[0]
    assert new.on == date(2027, 2, 26)
    assert local(activity(new.course, FOLLOW_UP).start_at) == "Fri 07-16 08:00"
    assert broken(FACTS, [ANA], [kept.course]) == broken(FACTS, [ANA], [new.course]) == []


def test_a_follow_up_visit_that_is_over_stays_whatever_its_window_says() -> None:
    ledger = booked(Desk(three_doses(), UNTIL))
    visit = activity(ledger.courses["ANA"], FOLLOW_UP)
    early = at(date(2027, 1, 20), "10:07")
    over = replace(visit, start_at=early, end_at=early + timedelta(hours=1))
    course = with_activities(ledger.courses["ANA"], {FOLLOW_UP: over})
    found = ledger.desk.find_again(
        ANA, course, DOSE_2, ledger.own("ANA"), wanted(earliest_at=at(date(2027, 2, 15), "00:00"), count=1)
    )
    assert activity(found[0].course, FOLLOW_UP) == over


def test_a_harvest_that_moves_keeps_its_distance_from_the_registration() -> None:
    # Registered on Mon 4 Jan, 7 days at the earliest: Mon 11 Jan, though anything may begin from 5 Jan on.
    ledger = booked(Desk(three_doses(), UNTIL))
    moving = frozenset(one.id for one in ledger.courses["ANA"].activities if one.dose in (None, 1))
    for one in again(ledger, moving, not_after=date(2027, 2, 12)):
        assert local_date(activity(one.course, "ANA/harvest").start_at, SEOUL) >= date(2027, 1, 11)
        assert broken(FACTS, [ANA], [one.course]) == []


def test_a_dose_finds_no_other_time_where_there_is_none() -> None:
    ledger = booked(Desk(three_doses(), UNTIL))
    assert again(ledger, DOSE_2, not_after=date(2027, 3, 8)) == []


def test_looking_for_other_times_takes_nothing_and_gives_nothing_back() -> None:
    ledger = booked(Desk(three_doses(), UNTIL))
    before = ledger.desk.find(CHARLIE, SOON)
    again(ledger, DOSE_2)
    again(ledger, DOSE_2, not_after=date(2027, 3, 8))
    assert ledger.desk.find(CHARLIE, SOON) == before


# --- after something was performed ----------------------------------------------------------------------------------


def with_activities(course: PlannedCourse, changed: dict[str, Activity]) -> PlannedCourse:
    """The course with some activities changed, ascending by start."""
    listed = (changed.get(one.id, one) for one in course.activities)
    return replace(course, activities=tuple(sorted(listed, key=lambda one: (one.start_at, one.end_at, one.id))))


def performed(course: PlannedCourse, before: datetime, late: timedelta) -> PlannedCourse:
    """The course with everything that began before an instant done so much later than planned, holds included."""
    changed = {
        one.id: replace(
            one,
            start_at=one.start_at + late,
            end_at=one.end_at + (late if one.end_at < before else timedelta(0)),
        )
        for one in course.activities
        if one.start_at < before
    }
    return with_activities(course, changed)


def rebooked(ledger: Ledger, course: PlannedCourse) -> None:
    """What is held now is what was performed."""
    with_units, seating = ledger.desk.seated(course, frozenset(ledger.own("ANA")))
    ledger.book(Proposal(with_units, (0, 0, 0), date(2027, 1, 1), seating))


@pytest.mark.parametrize("late", [7, 22, 60 * 26], ids=["7 min", "22 min", "26 h"])
def test_a_deviation_of_the_past_forbids_nothing_and_stays_to_the_minute(late: int) -> None:
    # Everything up to dose 1 (Thu 11 Feb) was done late: at odd minutes, or a day and two hours later, outside the
    # hours of rooms and lanes. Dose 2 is looked for from Mon 15 Feb on.
    ledger = booked(Desk(three_doses(), UNTIL))
    monday = at(date(2027, 2, 15), "00:00")
    before = performed(ledger.courses["ANA"], monday, timedelta(minutes=late))
    rebooked(ledger, before)
    before = ledger.courses["ANA"]
    found = again(ledger, DOSE_2, earliest_at=monday)
    assert len(found) == 3
    for one in found:
        assert moved(before, one.course) <= DOSE_2
        new = [each for each in broken(FACTS, [ANA], [one.course]) if DOSE_2 & set(each.activities)]
        # Dose 3 keeps its day; nothing of dose 2 breaks a rule.
        assert new == []


def test_a_culture_reaches_from_the_minute_at_which_the_isolation_ended() -> None:
    ledger = booked(Desk(three_doses(), UNTIL))
    end_of_january = at(date(2027, 1, 31), "00:00")
    rebooked(ledger, performed(ledger.courses["ANA"], end_of_january, timedelta(minutes=7)))
    before = ledger.courses["ANA"]
    moving = frozenset(one.id for one in before.activities if one.dose == 1)
    found = again(ledger, moving, earliest_at=end_of_january)
    assert found
    for one in found:
        culture = activity(one.course, "ANA/culture")
        assert culture.start_at == activity(before, "ANA/isolation").end_at
        assert culture.start_at.minute % 15 == 7
        assert culture.end_at == activity(one.course, "ANA/1/fill").start_at


def test_others_who_came_in_the_same_quarter_hour_as_a_late_visit_forbid_nothing() -> None:
    # ANA's tap of dose 1 ended at 10:07; at 10:07 another patient took the room. Counted in quarter hours both had it
    # from 10:00 to 10:15, and there is only one: that is over and no reason not to move dose 2.
    ledger = booked(Desk(three_doses(), UNTIL))
    tap = activity(ledger.courses["ANA"], "ANA/1/csf_tap")
    monday = at(date(2027, 2, 15), "00:00")
    late = replace(tap, start_at=tap.start_at + timedelta(minutes=7), end_at=tap.end_at + timedelta(minutes=7))
    rebooked(ledger, with_activities(ledger.courses["ANA"], {late.id: late}))
    begins = int(late.end_at.timestamp())
    ledger.desk.put((NORTH, "procedure_room", "procedure_room-1"), Stay(begins, begins + 3600, 10_000))
    assert len(again(ledger, DOSE_2, earliest_at=monday)) == 3


# --- units -----------------------------------------------------------------------------------------------------------


def test_a_course_needs_line_clearance_turnaround_and_a_place_on_each_run() -> None:
    course = empty_desk().find(ANA, wanted(count=1))[0].course
    needs = {(one.activity, one.resource): one for one in needs_of(FACTS, course)}

    def length(name: str, resource: str) -> timedelta:
        one = needs[name, resource]
        return timedelta(seconds=one.ends - one.begins)

    # A fill takes its suite for 2.5 h and an hour of clearance; a shipper is away from pack to receipt and 24 h more.
    assert length("ANA/1/fill", "suite") == timedelta(hours=3.5)
    shipped = activity(course, "ANA/1/receipt").end_at - activity(course, "ANA/1/pack").start_at
    assert length("ANA/1/pack", "shipper") == shipped + timedelta(hours=24)
    assert length("ANA/1/transit", "lane") == timedelta(minutes=15)
    assert needs["ANA/1/transit", "lane"].begins == int(activity(course, "ANA/1/transit").start_at.timestamp())


def test_two_units_swap_so_that_a_course_finds_room() -> None:
    # Incubator 1 is taken until the middle of the culture, incubator 2 from then on; ANA needs one for all of it.
    desk = Desk(one_dose(), UNTIL)
    course = desk.find(ANA, wanted(count=1))[0].course
    culture = activity(course, "ANA/culture")
    half = culture.start_at + timedelta(days=12)
    since, middle, until = (
        int(one.timestamp()) for one in (culture.start_at - timedelta(days=1), half, culture.end_at + timedelta(days=1))
    )
    desk.put((PLANT, "incubator", "incubator-1"), Stay(since, middle, 1))
    desk.put((PLANT, "incubator", "incubator-2"), Stay(middle, until, 2))
    found = desk.find(ANA, wanted(count=1))[0]
    assert found.cost == (0, 0, 877)
    assert [(one.key, one.old[2], one.new[2]) for one in found.seating.swaps] == [(2, "incubator-2", "incubator-1")]
    assert activity(found.course, "ANA/culture").units == {"incubator": "incubator-2"}
