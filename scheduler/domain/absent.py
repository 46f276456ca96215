"""What a course should have and has not."""

from __future__ import annotations

from scheduler.domain.course import Facts, doses_of, follow_up_id
from scheduler.domain.plan import PlannedCourse, Unplanned


def absent(facts: Facts, course: PlannedCourse, reason: str) -> list[Unplanned]:
    """The doses, and then the follow-up visits of doses that are planned, that a course lacks; all for one reason."""
    given = {one.dose for one in course.activities if one.kind == facts.protocol.administration}
    there = {one.id for one in course.activities}
    doses = [dose for dose in doses_of(facts.protocol, facts.arm_of(course.patient)) if dose not in given]
    visits = [
        one
        for one in facts.protocol.follow_ups
        if (one.anchor is None or one.anchor in given) and follow_up_id(course.patient, one.name) not in there
    ]
    return [Unplanned(course.patient, dose, (reason,)) for dose in doses] + [
        Unplanned(course.patient, None, (f"{one.name}: {reason}",)) for one in visits
    ]
