"""Rules on what a plan must contain: every patient, every dose, every step, every unit, every volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from scheduler.domain.course import FOLLOW_UP, Patient, activity_id, follow_up_id
from scheduler.domain.plan import Activity, PlannedCourse, Unplanned
from scheduler.domain.protocol import FollowUp, Step
from scheduler.domain.rules_context import Judged, JudgedCourse, Violation, aware

ACCOUNTED_FOR = "accounted_for"
COMPLETE_COURSE = "complete_course"
DOSE_VOLUME = "dose_volume"


def accounted_for(judged: Judged) -> Iterator[Violation]:
    """Every patient has one course, and every dose and follow-up visit is either planned or unplanned with a reason.

    Only doses that the protocol allows are restarted from the bank. Source: docs/domain.md section 1 (doses of an arm)
    and section 2 (follow-up visits, restarts).
    """
    yield from _patients_with_one_course(judged)
    unplanned: dict[str, list[Unplanned]] = {}
    for entry in judged.plan.unplanned:
        unplanned.setdefault(entry.patient, []).append(entry)
        if not any(reason.strip() for reason in entry.reasons):
            yield _missing(entry.patient, f"{_dose_words(entry.dose)} is unplanned without a reason")
    courses = {course.patient.id: course for course in judged.courses}
    for patient in judged.facts.patients:
        entries = unplanned.pop(patient.id, [])
        course = courses.get(patient.id)
        if course is not None:
            yield from _doses_accounted_for(course, entries, judged.facts.protocol.restartable)
            yield from _follow_ups_accounted_for(judged, course, entries)
    for stranger in unplanned:
        yield _missing(stranger, "is listed as unplanned but is no patient of this program")


def _missing(patient: str, message: str, *activities: str) -> Violation:
    return Violation(ACCOUNTED_FOR, patient, activities, f"{patient}: {message}")


def _dose_words(dose: int | None) -> str:
    return "a follow-up visit" if dose is None else f"dose {dose}"


def _patients_with_one_course(judged: Judged) -> Iterator[Violation]:
    patients = {patient.id: patient for patient in judged.facts.patients}
    counts = Counter(course.patient for course in judged.plan.courses)
    for patient in patients.values():
        if counts[patient.id] != 1:
            yield _missing(patient.id, f"has {counts[patient.id]} courses instead of one")
    for name in counts:
        if name not in patients:
            yield _missing(name, "has a course but is no patient of this program")
    for course in judged.courses:
        yield from _same_person(course.course, course.patient)


def _same_person(course: PlannedCourse, patient: Patient) -> Iterator[Violation]:
    stated = {
        "site": (course.site, patient.site),
        "registration": (course.registered_on, patient.registered_on),
        "weight": (course.weight_kg, patient.weight_kg),
    }
    for name, (planned, true) in stated.items():
        if planned != true:
            yield _missing(patient.id, f"the plan's {name} is {planned}, the patient's is {true}")


def _doses_accounted_for(
    course: JudgedCourse, entries: list[Unplanned], restartable: frozenset[int]
) -> Iterator[Violation]:
    patient, due, planned = course.patient, set(course.doses), course.doses_planned
    listed = Counter(entry.dose for entry in entries if entry.dose is not None)
    for dose in sorted(due | planned | set(listed)):
        if dose not in due:
            yield _missing(patient.id, f"dose {dose} is no dose of this patient")
        elif dose in planned and listed[dose]:
            yield _missing(patient.id, f"dose {dose} is both planned and unplanned")
        elif dose not in planned and listed[dose] != 1:
            yield _missing(patient.id, f"dose {dose} is not planned and listed {listed[dose]} times as unplanned")
    for dose in sorted(course.course.restarted - restartable):
        yield _missing(patient.id, f"dose {dose} is restarted from the bank, which the protocol does not allow")


def _follow_ups_accounted_for(judged: Judged, course: JudgedCourse, entries: list[Unplanned]) -> Iterator[Violation]:
    patient = course.patient.id
    visits = {follow_up_id(patient, one.name): one for one in judged.facts.protocol.follow_ups}
    counts = Counter(one.id for one in course.course.activities if one.kind == FOLLOW_UP)
    for name, count in counts.items():
        if name not in visits or not _belongs(visits[name], course):
            yield _missing(patient, f"{name} is no follow-up visit of this patient", name)
        elif count > 1:
            yield _missing(patient, f"follow-up visit {name} is planned {count} times", name)
    absent = [one for name, one in visits.items() if _belongs(one, course) and not counts[name]]
    must = [one for one in absent if one.anchor is None or one.anchor in course.doses_planned]
    listed = sum(entry.dose is None for entry in entries)
    if not len(must) <= listed <= len(absent):
        names = ", ".join(one.name for one in must) or "none"
        yield _missing(patient, f"{listed} follow-up visits are listed as unplanned; not planned: {names}")


def _belongs(visit: FollowUp, course: JudgedCourse) -> bool:
    return visit.anchor is None or visit.anchor in course.doses


def complete_course(judged: Judged) -> Iterator[Violation]:
    """A planned dose has exactly its steps, each with its id, in its place, with one existing unit of each resource.

    A harvest that serves the whole course is there as soon as any dose is. A course is made at one plant; a transit's
    place is where it leaves. Source: docs/domain.md sections 2 and 3.
    """
    for course in judged.courses:
        yield from _exactly_its_steps(course)
        for one in (*course.occurrences, *course.broken):
            yield from _well_placed(judged, course, one.activity, one.step)


def _incomplete(course: JudgedCourse, message: str, *activities: str) -> Violation:
    return Violation(COMPLETE_COURSE, course.patient.id, activities, f"{course.patient.id}: {message}")


def _exactly_its_steps(course: JudgedCourse) -> Iterator[Violation]:
    activities = [one for one in course.course.activities if one.kind != FOLLOW_UP]
    planned = course.doses_planned & set(course.doses)
    wanted = {key: at for key, at in course.steps.items() if (bool(planned) if at.dose is None else at.dose in planned)}
    counts = Counter((one.kind, one.dose) for one in activities)
    for key, at in wanted.items():
        if not counts[key]:
            name = activity_id(course.patient.id, at.dose, at.step.kind)
            yield _incomplete(course, f"{name} is missing", name)
    for one in activities:
        if (one.kind, one.dose) not in wanted and (one.dose is None or one.dose in course.doses):
            yield _incomplete(course, f"{one.id} is no step of this course", one.id)
    for (kind, dose), count in counts.items():
        if count > 1 and (kind, dose) in wanted:
            name = activity_id(course.patient.id, dose, kind)
            yield _incomplete(course, f"{name} is planned {count} times", name)


def _well_placed(judged: Judged, course: JudgedCourse, activity: Activity, step: Step) -> Iterator[Violation]:
    if activity.kind != FOLLOW_UP and activity.id != activity_id(course.patient.id, activity.dose, activity.kind):
        yield _incomplete(
            course, f"{activity.id} is not the id of {activity.kind} of dose {activity.dose}", activity.id
        )
    if activity.kind == FOLLOW_UP and activity.dose is not None:
        yield _incomplete(
            course, f"{activity.id} carries dose {activity.dose}; a follow-up visit has none", activity.id
        )
    if activity.lane is not None and not step.is_transit:
        yield _incomplete(course, f"{activity.id} names lane {activity.lane} but nothing is carried", activity.id)
    place = course.patient.site if step.side == "site" else course.course.plant
    plants = {one.code for one in judged.facts.network.plants}
    if activity.place != place or (step.side == "plant" and place not in plants):
        yield _incomplete(course, f"{activity.id} is at {activity.place}, not at the course's {step.side}", activity.id)
        return
    yield from _right_units(judged, course, activity, step)


def _right_units(judged: Judged, course: JudgedCourse, activity: Activity, step: Step) -> Iterator[Violation]:
    wanted = {use.resource for use in step.uses}
    for resource in sorted(wanted - set(activity.units)):
        yield _incomplete(course, f"{activity.id} has no unit of {resource}", activity.id)
    for resource, unit in activity.units.items():
        held = judged.resource(activity.place, resource)
        if resource not in wanted:
            yield _incomplete(course, f"{activity.id} has {unit} but needs no {resource}", activity.id)
        elif held is None or unit not in held.units:
            yield _incomplete(course, f"{activity.id}: {activity.place} has no {resource} called {unit}", activity.id)


def dose_volume(judged: Judged) -> Iterator[Violation]:
    """The step that fills a dose, and only it, carries the volume (mL) and syringes of the patient's weight band.

    Source: docs/domain.md section 1 (2-kg weight bands; syringes = ceil(mL / 4)).
    """
    protocol = judged.facts.protocol
    for course in judged.courses:
        weight_kg = course.patient.weight_kg
        if not protocol.product.accepts(weight_kg):
            if course.doses_planned:
                message = f"{course.patient.id}: no weight band holds {weight_kg} kg"
                yield Violation(DOSE_VOLUME, course.patient.id, (), message)
            continue
        right = (protocol.product.volume_ml(weight_kg), protocol.product.syringes(weight_kg))
        for one in course.course.activities:
            volume_ml, syringes = right if one.kind == protocol.filled_in else (None, None)
            if (one.volume_ml, one.syringes) != (volume_ml, syringes):
                message = (
                    f"{one.id} carries {one.volume_ml} mL in {one.syringes} syringes; "
                    f"at {weight_kg} kg it carries {volume_ml} mL in {syringes}"
                )
                yield Violation(DOSE_VOLUME, course.patient.id, (one.id,), message)


def quarter_hour(judged: Judged) -> Iterator[Violation]:
    """Every instant knows its UTC offset and falls on a quarter of an hour.

    Source: docs/domain.md section 2 (transits are rounded up to 15 min, so the whole plan keeps that grid).
    """
    for course in judged.courses:
        for one in course.course.activities:
            if not aware(one):
                message = f"{one.id} has a time without UTC offset ({one.start_at} to {one.end_at})"
                yield Violation("quarter_hour", course.patient.id, (one.id,), message)
            elif any(at.minute % 15 or at.second or at.microsecond for at in (one.start_at, one.end_at)):
                since, until = judged.when(one.start_at, one.place), judged.when(one.end_at, one.place)
                message = f"{one.id} runs from {since} to {until}: not on the quarter of an hour"
                yield Violation("quarter_hour", course.patient.id, (one.id,), message)
