"""Reading patients, and the randomisation list that only a program planned with the arm may open."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from scheduler.domain.course import Patient
from scheduler.domain.errors import BadInput
from scheduler.domain.logistics import Network
from scheduler.domain.protocol import Product, Protocol
from scheduler.programs.files import read_day, read_rows
from scheduler.programs.table import ID_PATTERN, ID_REMEDY


def load_patients(path: Path, starts_on: date, network: Network, product: Product) -> tuple[Patient, ...]:
    """The patients of a CSV file with the header ``id,site,registered_on,weight_kg``, in file order."""
    patients: dict[str, Patient] = {}
    for where, row in read_rows(path, ("id", "site", "registered_on", "weight_kg")):
        patient = _patient(where, row, starts_on, network, product)
        if patient.id in patients:
            raise BadInput(where, "id", f"{patient.id!r} stands twice", "Give each patient an id of its own")
        patients[patient.id] = patient
    if not patients:
        raise BadInput(str(path), "rows", "there are no patients", "Add a line for each patient")
    return tuple(patients.values())


def load_arms(path: Path, patients: tuple[Patient, ...], protocol: Protocol) -> dict[str, str]:
    """The arm of every patient from a CSV file with the header ``patient,arm``."""
    known, names = {patient.id for patient in patients}, [arm.name for arm in protocol.arms]
    arms: dict[str, str] = {}
    for where, row in read_rows(path, ("patient", "arm")):
        if row["patient"] not in known:
            raise BadInput(where, "patient", f"{row['patient']!r} is not a patient of the program", "Remove the line")
        if row["patient"] in arms:
            raise BadInput(where, "patient", f"{row['patient']!r} stands twice", "Keep one line a patient")
        if row["arm"] not in names:
            problem = f"the protocol has no arm {row['arm']!r}"
            raise BadInput(where, "arm", problem, f"Name one of: {', '.join(names)}")
        arms[row["patient"]] = row["arm"]
    for patient in patients:
        if patient.id not in arms:
            raise BadInput(str(path), "patient", f"{patient.id!r} has no arm", "Add a line 'patient,arm' for it")
    return arms


def _patient(where: str, row: Mapping[str, str], starts_on: date, network: Network, product: Product) -> Patient:
    if not ID_PATTERN.fullmatch(row["id"]):
        raise BadInput(where, "id", f"{row['id']!r} is not a study id", ID_REMEDY)
    sites = [site.code for site in network.sites]
    if row["site"] not in sites:
        raise BadInput(where, "site", f"there is no site {row['site']!r}", f"Name one of: {', '.join(sites)}")
    return Patient(
        row["id"], row["site"], _registered_on(where, row["registered_on"], starts_on), _weight(where, row, product)
    )


def _registered_on(where: str, text: str, starts_on: date) -> date:
    day = read_day(where, "registered_on", text)
    if day < starts_on:
        problem = f"{day} is before the program starts on {starts_on}"
        raise BadInput(where, "registered_on", problem, "Correct the date, or starts_on in the program file")
    return day


def _weight(where: str, row: Mapping[str, str], product: Product) -> float:
    try:
        weight = float(row["weight_kg"])
    except ValueError as problem:
        raise BadInput(where, "weight_kg", f"{row['weight_kg']!r} is not a number", "Write such as 61.5") from problem
    if not math.isfinite(weight) or not product.accepts(weight):
        bands = f"{product.lightest_kg:g} <= kg < {product.heaviest_kg:g}"
        remedy = f"The protocol's bands cover {bands}; correct the weight or the bands"
        raise BadInput(where, "weight_kg", f"no weight band holds {row['weight_kg']} kg", remedy)
    return weight
