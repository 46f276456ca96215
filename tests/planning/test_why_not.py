"""Why not on that day: every answer against a search that tries everything, the referee as the judge of each course."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.domain.course import Facts
from scheduler.domain.rules import violations
from scheduler.planning.situation import Question, Situation
from scheduler.planning.smallest import fewest, least, singly
from scheduler.planning.why_not import Answer, plan_of, why_not
from scheduler.planning.why_so_late import why_so_late
from tests.domain.world import ANA, NORTH, at, with_closure
from tests.planning.small import one_dose, priced
from tests.planning.two_gifts import NOW, course_of, every_course, held, two_gifts

MONDAY = date(2027, 1, 4)
TUE, WED, THU, FRI = (MONDAY + timedelta(days=n) for n in range(1, 5))
NEXT_MON, NEXT_TUE, NEXT_WED = (MONDAY + timedelta(days=n) for n in range(7, 10))
TIME = 600.0  # never reached


def asked(facts: Facts, on: date, dose: int = 1, **others: object) -> tuple[Situation, Question]:
    situation = Situation(facts, ANA, None, (), NOW)
    return replace(situation, **others), Question(on, "give", dose)  # type: ignore[arg-type]


def answer(facts: Facts, on: date, dose: int = 1, **others: object) -> Answer:
    return why_not(*asked(facts, on, dose, **others), seconds=TIME)


def shut(facts: Facts, *days: date) -> Facts:
    """The facts with the room closed on some days."""
    for on in days:
        facts = with_closure(facts, NORTH, at(on, "00:00"), at(on + timedelta(days=1), "00:00"), "room")
    return facts


def with_wait(facts: Facts, days: int) -> Facts:
    """The facts with another wait between registration and the draw."""
    registration = replace(facts.protocol.registration, earliest_days=days)
    return replace(facts, protocol=replace(facts.protocol, registration=registration))


def rules(found: Answer) -> list[tuple[str, str]]:
    return [(one.rule, one.subject) for one in found.reasons]


def changes(found: Answer) -> list[tuple[str, int]]:
    return [(one.kind, one.size) for one in found.changes]


# --- the three answers ----------------------------------------------------------------------------------------------


def test_a_yes_is_a_course_the_referee_accepts_with_that_visit_on_that_date() -> None:
    """Drawn on Tue 5 Jan, given on Fri 8 Jan and three days later: no day off target, 4 days of waiting are 96."""
    facts = two_gifts()
    found = answer(facts, FRI)
    assert found.verdict == "yes"
    assert found.course is not None
    assert violations(plan_of(facts, found.course), facts) == []
    assert found.cost == (0, 0, 4 * 24)
    assert found.course.find("give", 1).start_at in (at(FRI, "09:00"), at(FRI, "09:15"))  # type: ignore[union-attr]


def test_with_no_time_nothing_is_decided() -> None:
    found = why_not(*asked(two_gifts(), FRI), seconds=0)
    assert (found.verdict, found.reasons, found.changes) == ("undecided", (), ())
    assert why_so_late(asked(two_gifts(), FRI)[0], seconds=0).verdict == "undecided"


def test_a_closure_that_day_is_the_only_reason_and_calling_it_off_the_cheapest_help() -> None:
    found = answer(shut(two_gifts(), FRI), FRI)
    assert (found.verdict, found.explained) == ("no", True)
    assert rules(found) == [("closure", "NORTH/room")]
    assert found.reasons[0].sentence == "NORTH's room on Fri 8 Jan 2027 is closed (pipes burst)"
    assert changes(found) == [("closure", 24)]
    assert found.changes[0].sentence == "without the closure of NORTH's room on Fri 8 Jan 2027"


def test_a_day_too_soon_names_the_limit_and_by_how_much_it_is_short() -> None:
    """Nothing begins before tomorrow: drawn on Tue 5 Jan, given from Thu 7 Jan on, so that Wed 6 Jan is a day short."""
    found = answer(two_gifts(), WED)
    assert found.verdict == "no"
    assert changes(found) == [("limit", 1)]
    assert found.changes[0].sentence == "if ripening were 1 day wider"


def test_a_wait_after_registration_is_told_in_days() -> None:
    """With a wait of 3 days she is drawn on Thu 7 Jan and given on Sat 9, which is no working day: 2 days too many."""
    facts = with_wait(two_gifts(), 3)
    found = answer(facts, THU)
    assert ("registration", 2) in changes(found)
    words = "if the course could begin 2 days sooner after registration"
    assert words in [one.sentence for one in found.changes]


def test_a_window_counts_from_what_was_given_and_is_told_with_its_dates() -> None:
    """Given on Thu 7 Jan, due on Sun 10 Jan: Fri 8 Jan is two days early, the window allows one."""
    course = course_of(at(TUE, "09:00"), at(THU, "09:00"), at(NEXT_MON, "09:00"))
    done = frozenset({"ANA/draw", "ANA/1/give"})
    found = answer(two_gifts(), FRI, 2, course=course, done=done, now=at(THU, "12:00"))
    assert rules(found) == [("pair_window", "2")]
    assert found.reasons[0].sentence == (
        "dose 2 must fall on Sat 9 Jan 2027 to Mon 11 Jan 2027, counted from dose 1 on Thu 7 Jan 2027"
    )
    assert changes(found) == [("window", 1)]
    assert found.cost_now == (1, 0, 3 * 24)


def test_a_dose_really_given_on_another_day_shifts_the_window() -> None:
    """Planned for Thu 7 Jan but given on Fri 8 Jan: due on Mon 11 Jan, a day later is allowed."""
    course = course_of(at(TUE, "09:00"), at(THU, "09:00"), at(NEXT_MON, "09:00"))
    done = frozenset({"ANA/draw", "ANA/1/give"})
    booked = {"course": course, "done": done, "now": at(FRI, "12:00")}
    assert answer(two_gifts(), NEXT_TUE, 2, **booked).verdict == "no"
    assert answer(two_gifts(), NEXT_TUE, 2, given_on={1: FRI}, **booked).verdict == "yes"


def test_what_another_holds_is_named_and_so_is_who_could_move_and_what_would_do() -> None:
    found = answer(two_gifts(), FRI, taken=(held(FRI),))
    assert rules(found) == [("unit_capacity", "NORTH/room")]
    assert [one.sentence for one in found.changes] == [
        "if BEN's planned visits moved out of the way",
        "with one more room at NORTH",
    ]
    assert changes(answer(two_gifts(), FRI, taken=(held(FRI, movable=False),))) == [("unit", 1)]


def test_a_visit_within_the_fence_needs_a_signature() -> None:
    """With a fence of four days nothing new begins before Fri 8 Jan; the draw is later, and the gift later still."""
    facts = two_gifts()
    fenced = replace(facts, policy=replace(facts.policy, plant_fence_days=4))
    found = answer(fenced, FRI)
    assert rules(found) == [("plant_fence", "")]
    assert changes(found)[0] == ("plant_fence", 168)


def test_a_yes_tells_which_other_visits_would_move() -> None:
    """Given on Thu 7 Jan, not Fri 8 Jan: a second gift on Tue 12 Jan is outside its window then and has to move."""
    course = course_of(at(TUE, "09:00"), at(FRI, "09:00"), at(NEXT_TUE, "09:00"))
    found = answer(two_gifts(), THU, 1, course=course)
    assert (found.verdict, found.moved) == ("yes", ("ANA/2/give",))
    assert answer(two_gifts(), FRI, 1, course=course).moved == ()


def test_where_others_may_move_a_yes_says_who_and_a_no_holds_whatever_they_do() -> None:
    """BEN has the room on Fri 8 Jan, but a day later in the week would do for him as well."""
    facts = two_gifts()
    ben = replace(ANA, id="BEN")
    his = course_of(at(TUE, "09:15"), at(FRI, "09:00"), at(NEXT_MON, "09:00"))
    his = replace(
        his,
        patient="BEN",
        activities=tuple(replace(one, id=one.id.replace("ANA", "BEN")) for one in his.activities),
    )
    taken = tuple(held(one.start_at.date(), f"09:{one.start_at.minute:02d}", 1) for one in his.activities)
    situation, question = asked(facts, FRI, taken=taken)
    others = {"BEN": Situation(facts, ben, his, (), NOW)}
    assert why_not(situation, question, seconds=TIME).verdict == "no"
    found = why_not(situation, question, seconds=TIME, others=others)
    assert found.verdict == "yes"
    assert [one.patient for one in found.others] == ["BEN"]
    alone = replace(facts, patients=(ben,))
    assert violations(plan_of(alone, found.others[0]), alone) == []
    closed = replace(situation, facts=shut(facts, FRI))
    assert rules(why_not(closed, question, seconds=TIME, others=others)) == [("closure", "NORTH/room")]


def test_a_visit_before_the_dose_it_serves_can_be_asked_about() -> None:
    """ANA's spinal fluid is tapped on Mon 8 Feb for the injection on Tue 9 Feb 2027 (see `one_dose`)."""
    facts = priced(one_dose(), plant_fence_days=1)
    situation = Situation(facts, ANA, None, (), NOW)
    for on, verdict in ((date(2027, 2, 8), "yes"), (date(2027, 2, 7), "no")):
        assert why_not(situation, Question(on, "csf_tap", 1), seconds=TIME, explain=False).verdict == verdict
    found = why_not(situation, Question(date(2027, 2, 8), "csf_tap", 1), seconds=TIME)
    assert found.cost == (0, 0, 877)


def test_the_first_step_of_a_course_can_be_asked_about() -> None:
    situation, _ = asked(two_gifts(), FRI)
    assert why_not(situation, Question(TUE, "draw"), seconds=TIME).verdict == "yes"
    assert why_not(situation, Question(MONDAY, "draw"), seconds=TIME, explain=False).verdict == "no"


# --- against everything that can be tried -----------------------------------------------------------------------------

DAYS = st.integers(1, 13).map(lambda n: MONDAY + timedelta(days=n))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(on=DAYS, dose=st.sampled_from([1, 2]), closed=st.sets(DAYS, max_size=4), full=st.sets(DAYS, max_size=4))
def test_every_answer_is_that_of_trying_everything_and_its_reasons_are_a_smallest_set(
    on: date, dose: int, closed: set[date], full: set[date]
) -> None:
    """Without all reasons some course passes the referee; with any one of them put back none does."""
    facts = shut(two_gifts(), *sorted(closed))
    situation, question = asked(facts, on, dose, taken=tuple(held(day) for day in sorted(full)))
    found = why_not(situation, question, seconds=TIME)
    possible = next(every_course(situation, question, frozenset()), None) is not None
    assert found.verdict == ("yes" if possible else "no")
    if possible or not found.obstacles:
        return
    assert next(every_course(situation, question, found.obstacles), None) is not None
    for one in found.obstacles:
        assert next(every_course(situation, question, found.obstacles - {one}), None) is None


# --- why so late ------------------------------------------------------------------------------------------------------


def test_each_part_of_the_wait_is_what_it_adds_to_those_before_it() -> None:
    """The steps alone: drawn on Tue 5, given on Thu 7 Jan. A wait of 2 days makes that Fri 8.

    The room is closed that day and by its hours on the two after it: Mon 11, drawn on Thu 7. When BEN has it on
    Mon 11, none of the days from Fri 8 to Mon 11 is left to draw on for Tue 12 or Wed 13: Thu 14, drawn on Tue 12.
    """
    facts = shut(with_wait(two_gifts(), 2), FRI)
    taken = (held(NEXT_MON),)
    late = why_so_late(asked(facts, FRI, taken=taken)[0], seconds=TIME)
    assert (late.verdict, late.dose, late.bare_on, late.earliest_on) == ("yes", 1, THU, THU + timedelta(days=7))
    added = {one.family: one.days for one in late.parts if one.days}
    assert added == {"registration": 1, "closures": 3, "others": 3}
    for on in (THU + timedelta(days=n) for n in range(7)):
        assert next(every_course(*asked(facts, on, taken=taken), frozenset()), None) is None


# --- smallest sets ----------------------------------------------------------------------------------------------------


@given(st.sets(st.integers(0, 20), min_size=1), st.sets(st.integers(0, 20), min_size=1))
def test_the_fewest_are_enough_and_none_of_them_can_be_spared(one: set[int], other: set[int]) -> None:
    """Enough is whatever holds all of one set or all of another."""

    def enough(some: frozenset[int]) -> bool:
        return one <= some or other <= some

    found = fewest(range(21), enough)
    assert enough(found)
    assert not any(enough(found - {each}) for each in found)
    alone = [each for each in range(21) if enough(frozenset({each}))]
    assert singly(range(21), lambda some: any(enough(frozenset({each})) for each in some)) == alone


@pytest.mark.parametrize(("needed", "most", "found"), [(0, 9, 0), (1, 9, 1), (7, 9, 7), (9, 9, 9), (10, 9, None)])
def test_the_least_number_that_is_enough(needed: int, most: int, found: int | None) -> None:
    assert least(lambda number: number >= needed, most) == found
