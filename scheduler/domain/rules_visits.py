"""Rules on visits: the windows of doses and follow-up visits, and one visit at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from scheduler.domain.course import follow_up_id
from scheduler.domain.protocol import FollowUp, Window
from scheduler.domain.rules_context import Judged, JudgedCourse, Occurrence, Violation, broken


def pair_window(judged: Judged) -> Iterator[Violation]:
    """The second dose of a pair falls in its window around the target day of its anchor, in site-local days.

    Source: docs/domain.md section 1 (26 days) and section 2 (windows).
    """
    return _dose_windows(judged, "pair", "pair_window")


def booster_window(judged: Judged) -> Iterator[Violation]:
    """A booster falls in its window around the target day of its anchor, in site-local days.

    Source: docs/domain.md section 1 (4, 7 and 10 calendar months) and section 2 (windows).
    """
    return _dose_windows(judged, "booster", "booster_window")


def _dose_windows(judged: Judged, role: str, rule: str) -> Iterator[Violation]:
    protocol = judged.facts.protocol
    for course in judged.courses:
        for dose in protocol.doses:
            given = _given(course, protocol.administration, dose.number)
            if dose.role != role or dose.window is None or dose.anchor is None or given is None:
                continue
            anchor = _given(course, protocol.administration, dose.anchor)
            if anchor is None:
                message = (
                    f"{given.id} on {judged.starts(given)} is counted from dose {dose.anchor}, which is not planned"
                )
                yield broken(rule, message, given)
            elif not dose.window.allows(judged.on(anchor), judged.on(given)):
                message = _off_target(judged, given, dose.window, judged.on(anchor))
                yield broken(rule, message, given, anchor)


def _given(course: JudgedCourse, administration: str, dose: int) -> Occurrence | None:
    return next((one for one in course.all_of.get(administration, []) if one.activity.dose == dose), None)


def follow_up_window(judged: Judged) -> Iterator[Violation]:
    """A follow-up visit falls in its window, counted from a dose or from the registration, in site-local days.

    Source: docs/domain.md section 2 (follow-up visits to week 56, then month 36).
    """
    visits = judged.facts.protocol.follow_ups
    for course in judged.courses:
        by_id = {follow_up_id(course.patient.id, visit.name): visit for visit in visits}
        for one in course.follow_ups():
            yield from _follow_up_in_window(judged, course, by_id[one.id], one)


def _follow_up_in_window(judged: Judged, course: JudgedCourse, visit: FollowUp, one: Occurrence) -> Iterator[Violation]:
    anchor_on = course.patient.registered_on
    if visit.anchor is not None:
        anchor = _given(course, judged.facts.protocol.administration, visit.anchor)
        if anchor is None:
            message = f"{one.id} on {judged.starts(one)} is counted from dose {visit.anchor}, which is not planned"
            yield broken("follow_up_window", message, one)
            return
        anchor_on = judged.on(anchor)
    if not visit.window.allows(anchor_on, judged.on(one)):
        yield broken("follow_up_window", _off_target(judged, one, visit.window, anchor_on), one)


def _off_target(judged: Judged, one: Occurrence, window: Window, anchor_on: date) -> str:
    off, target = window.days_off(anchor_on, judged.on(one)), window.target_on(anchor_on)
    allowed = f"{window.earliest_days:+} to {window.latest_days:+} allowed"
    return f"{one.id} on {judged.starts(one)} is {off:+} d off its target {target}; {allowed}"


def one_visit_at_a_time(judged: Judged) -> Iterator[Violation]:
    """A patient attends one thing at a time: attended steps and follow-up visits never overlap.

    Source: docs/domain.md section 8 (a visit is what one patient attends on one day at a site).
    """
    for course in judged.courses:
        attended = sorted((one for one in course.occurrences if one.step.attended), key=lambda one: one.during)
        for first, last in pairwise(attended):
            if first.during.overlaps(last.during):
                message = f"{last.id} starts on {judged.starts(last)}, before {first.id} ends on {judged.ends(first)}"
                yield broken("one_visit_at_a_time", message, first, last)
