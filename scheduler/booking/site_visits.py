"""The visits of many courses at once, as their sites see them: what calendars and exports are made from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from scheduler.booking.shares import Booked, share_of_booked, shared_kinds
from scheduler.booking.views import VisitView, booked_visits
from scheduler.domain.course import Facts
from scheduler.persistence import feeds, repositories
from scheduler.persistence.tables import CourseRow
from scheduler.persistence.unit_of_work import UnitOfWork


def site_visits(work: UnitOfWork, facts: Facts, courses: Sequence[CourseRow]) -> Iterator[tuple[VisitView, datetime]]:
    """The visits of some courses with when each last changed, course by course.

    Made from shares and views alone, as everything a site is shown; steps that a share is not made from are not read.
    """
    for booked in booked_courses(work, courses, shared_kinds(facts.protocol)).values():
        changed = {one.id: one.changed_at for one in booked.visits}
        zone = facts.network.place(booked.course.site).zone
        for one in booked_visits(share_of_booked(facts, booked), facts.protocol, zone):
            yield one, changed[one.id]


def booked_courses(
    work: UnitOfWork, courses: Sequence[CourseRow], kinds: Collection[str] | None = None
) -> dict[str, Booked]:
    """Courses with their rows by patient, their activities of all kinds or of some."""
    names = [one.id for one in courses]
    patients = repositories.patients_named(work.session, names)
    activities = feeds.activities_by_course(work.session, names, kinds)
    visits = feeds.visits_by_course(work.session, names)
    return {
        one.id: Booked(patients[one.id], one, activities.get(one.id, []), visits.get(one.id, [])) for one in courses
    }
