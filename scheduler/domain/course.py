"""Patients, and which steps a patient's course consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from scheduler.domain.hindrances import Hindrance
from scheduler.domain.logistics import Network
from scheduler.domain.protocol import Arm, Protocol, Step

FOLLOW_UP = "follow_up"
NONE_RESTARTED: frozenset[int] = frozenset()
Capacity = Literal["shadow", "lean", "open"]


@dataclass(frozen=True)
class Patient:
    """The person treated, by study id; `registered_on` is a local date of the site."""

    id: str
    site: str
    registered_on: date
    weight_kg: float


@dataclass(frozen=True)
class Policy:
    """How plans are judged and made.

    `capacity` is ``shadow`` (every patient reserves the same, the arm is never read), ``lean`` (planned with the arm)
    or ``open`` (an open-label program, planned with the arm). The other numbers are the weights of docs/domain.md
    section 5, the limits of the search, the fences, and how many visits a plan may move that nobody has approved.
    """

    name: str
    capacity: Capacity
    unplanned_dose_cost: int
    pair_day_cost: int
    waiting_day_cost: int
    booster_day_cost: int
    cold_hour_cost: int
    max_wait_days: int
    confirmed_move_cost: int
    unconfirmed_move_cost: int
    near_notice_days: int
    near_notice_factor: int
    notice_days: int
    notice_factor: int
    retimed_minutes: int
    patient_fence_days: int
    plant_fence_days: int
    unattended_visits: int


@dataclass(frozen=True)
class Facts:
    """Everything a plan is made from and judged by.

    `arms` maps patient to arm name where the policy lets the planner know it, and is None for a shadow program;
    `hindrances` may name patients that are not among `patients`.
    """

    program: str
    title: str
    starts_on: date
    protocol: Protocol
    network: Network
    policy: Policy
    patients: tuple[Patient, ...]
    arms: Mapping[str, str] | None = None
    hindrances: tuple[Hindrance, ...] = ()

    def hindrances_of(self, patient: str) -> list[Hindrance]:
        """What keeps steps of a patient from some time."""
        return [one for one in self.hindrances if one.patient == patient]

    def arm_of(self, patient: str) -> Arm | None:
        """The patient's arm, or None where the planner does not know it or the protocol has none."""
        return None if self.arms is None else self.protocol.arm(self.arms[patient])

    def patient(self, patient_id: str) -> Patient:
        """The patient with a study id; KeyError when there is none."""
        for patient in self.patients:
            if patient.id == patient_id:
                return patient
        raise KeyError(patient_id)


class StepAt(NamedTuple):
    """One occurrence of a step in a course.

    `dose` is what the plan shows (None where a harvest serves the whole course), `serves` the dose the references of
    the step resolve to.
    """

    step: Step
    dose: int | None
    serves: int


def doses_of(protocol: Protocol, arm: Arm | None) -> tuple[int, ...]:
    """The dose numbers of a course; all of the protocol's when the arm is unknown."""
    return arm.doses if arm is not None else tuple(dose.number for dose in protocol.doses)


def steps_of(protocol: Protocol, arm: Arm | None, restarted: frozenset[int] = NONE_RESTARTED) -> list[StepAt]:
    """Every step occurrence of a fully planned course, in protocol order, harvests before doses.

    A comparator dose of a known arm goes without the steps that handle cells; a course whose arm is unknown has all.
    A dose in `restarted` is made from the patient bank: it has the steps that `restarts` names, and where it is the
    first dose, the culture that was to become it is no step of the course any more (docs/domain.md section 2).
    """
    doses = doses_of(protocol, arm)
    if not doses:
        return []
    active = set(doses) if arm is None else set(arm.active)
    found: list[StepAt] = []
    for step in protocol.steps:
        if step.per == "harvest" and protocol.supply == "bank":
            if (not step.cells or active) and not (doses[0] in restarted and protocol.feeds_a_dose(step)):
                found.append(StepAt(step, None, doses[0]))
            continue
        for dose in doses:
            if step.belongs_to(dose, restarted) and (not step.cells or dose in active):
                found.append(StepAt(step, dose, dose))
    return found


def activity_id(patient: str, dose: int | None, kind: str) -> str:
    """The stable id of a planned step: ``HYU-001/1/fill``, or ``HYU-001/harvest`` where no dose is meant."""
    return f"{patient}/{kind}" if dose is None else f"{patient}/{dose}/{kind}"


def follow_up_id(patient: str, name: str) -> str:
    """The stable id of a follow-up visit: ``HYU-001/week-56/follow_up``."""
    return f"{patient}/{name}/{FOLLOW_UP}"
