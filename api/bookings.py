"""From rows to what a caller is shown of offers, courses and visits, by who is asking."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from api.schemas import CourseView, MovedPatient, MovedVisit, OfferView, PlantCourseView, PlantOfferView
from scheduler.booking.make_room import visits_moved
from scheduler.booking.shares import Booked, share_of, share_of_booked
from scheduler.booking.views import VisitView, booked_steps, booked_visits, offered_visits, plant_steps
from scheduler.domain.audience import Audience, Principal, Role
from scheduler.domain.course import Facts
from scheduler.persistence import repositories
from scheduler.persistence.mapping import course_from
from scheduler.persistence.tables import CourseRow, OfferRow, VisitRow
from scheduler.persistence.unit_of_work import UnitOfWork

SEES_PLANT = frozenset({Audience.PLANT, Audience.AUDITOR})
AT_SITE = (Role.SITE_STAFF, Role.COORDINATOR, Role.RATER, Role.MONITOR, Role.DOCTOR, Role.PHARMACIST)
READERS = (*AT_SITE, Role.PLANNER, Role.QA, Role.AUDITOR)
"""Who reads patients, courses and visits."""


def offer_view(facts: Facts, offer: OfferRow, reader: Principal) -> OfferView:
    """An offer for its reader."""
    course = course_from(offer.course)
    zone = facts.network.place(offer.site).zone
    shown: dict[str, Any] = {
        "id": offer.id,
        "patient": offer.patient,
        "site": offer.site,
        "first_dose_on": offer.first_dose_on,
        "holds_true_until": offer.valid_until,
        "breaks": json.loads(offer.breaks),
        "moves": [_moved(one) for one in visits_moved(offer)],
        "visits": offered_visits(share_of(facts, course), facts.protocol, zone),
    }
    if reader.audience not in SEES_PLANT:
        return OfferView(**shown)
    steps = plant_steps(facts, course.activities)
    return PlantOfferView(**shown, plant=course.plant, cost=json.loads(offer.cost), steps=steps)


def _moved(move: dict[str, Any]) -> MovedPatient:
    visits = (
        MovedVisit(id=name, start_at=old, new_start_at=new) for name, (old, new) in sorted(move["visits"].items())
    )
    return MovedPatient(patient=move["patient"], visits=list(visits))


def course_view(work: UnitOfWork, facts: Facts, course: CourseRow) -> CourseView:
    """A booked course for the reader of a unit of work."""
    booked = booked_of(work, course)
    zone = facts.network.place(course.site).zone
    shown: dict[str, Any] = {
        **summary_of(course),
        "visits": booked_visits(share_of_booked(facts, booked), facts.protocol, zone),
    }
    if work.principal.audience not in SEES_PLANT:
        return CourseView(**shown)
    return PlantCourseView(
        **shown,
        coi=course.coi,
        plant=course.plant,
        weight_kg=booked.patient.weight_kg,
        steps=booked_steps(facts, booked),
    )


def summary_of(course: CourseRow) -> dict[str, Any]:
    """A course in a line."""
    return {
        "id": course.id,
        "site": course.site,
        "status": course.status,
        "booked_at": course.booked_at,
        "version": course.version,
    }


def booked_of(work: UnitOfWork, course: CourseRow) -> Booked:
    """A course with its rows."""
    patient = repositories.patient(work.session, course.id)
    assert patient is not None
    return Booked(
        patient,
        course,
        repositories.activities(work.session, course.id),
        repositories.visits_of(work.session, course.id),
    )


def visit_views(work: UnitOfWork, facts: Facts, visits: Sequence[VisitRow]) -> list[VisitView]:
    """Visits of any courses, in the order given."""
    names = sorted({one.course for one in visits})
    courses = repositories.courses_named(work.session, names)
    patients = repositories.patients_named(work.session, names)
    activities = repositories.activities_by_course(work.session, names)
    shown: dict[str, VisitView] = {}
    for name in names:
        course = courses[name]
        own = [one for one in visits if one.course == name]
        share = share_of_booked(facts, Booked(patients[name], course, activities[name], own))
        zone = facts.network.place(course.site).zone
        shown |= {one.id: one for one in booked_visits(share, facts.protocol, zone)}
    return [shown[one.id] for one in visits]
