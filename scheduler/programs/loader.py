"""Reading a program: the file that names protocol, network, policy and patients."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from scheduler.domain.course import Capacity, Facts, Patient, Policy
from scheduler.domain.protocol import Protocol
from scheduler.programs.checks import check_facts
from scheduler.programs.extends import read_facts
from scheduler.programs.files import reference
from scheduler.programs.library import program_path, shipped, shipped_names
from scheduler.programs.networks import load_network, read_closures
from scheduler.programs.patients import load_arms, load_patients
from scheduler.programs.protocols import load_protocol
from scheduler.programs.table import Table

HIGHEST = 10_000


def load_program(name_or_path: str, *, with_patients: bool = True, capacity: Capacity | None = None) -> Facts:
    """Everything a plan is made from, read and checked.

    Parameters
    ----------
    name_or_path
        The name of a shipped program, or the path of a program file (docs/programs.md).
    with_patients
        False for the facts alone: the files of patients and of their arms are named but not opened.
    capacity
        Plan with this capacity instead of the policy's: only where it knows the arms is their list opened.

    Raises
    ------
    BadInput
        At the first fact that cannot be used, with its file, key, value and remedy.
    """
    path = program_path(name_or_path)
    table = read_facts(path, shipped("programs"))
    protocol_path = _named_file(table, "protocol", "protocols", path)
    network_path = _named_file(table, "network", "networks", path)
    protocol, network = load_protocol(protocol_path), load_network(network_path)
    policy = load_policy(_named_file(table, "policy", "policies", path))
    if capacity is not None:
        policy = replace(policy, capacity=capacity)
    starts_on = table.day("starts_on")
    if with_patients:
        patients_path = _named_file(table, "patients", "patients", path, ".csv")
        patients = load_patients(patients_path, starts_on, network, protocol.product)
        arms = _arms(table, path, protocol, policy, patients)
    else:
        patients, arms = _none(table)
    facts = Facts(
        program=table.identifier("name"),
        title=table.text("title"),
        starts_on=starts_on,
        protocol=protocol,
        network=replace(network, closures=network.closures + read_closures(table, network)),
        policy=policy,
        patients=patients,
        arms=arms,
    )
    table.finish()
    check_facts(table, Table(str(protocol_path), "", {}), Table(str(network_path), "", {}), facts)
    return facts


def load_policy(path: Path) -> Policy:
    """The policy in a file."""
    table = read_facts(path, shipped("policies"))
    capacity = table.one_of("capacity", ("shadow", "lean", "open"))
    chosen = ("name", "capacity")
    numbers = {
        field.name: table.integer(field.name, high=HIGHEST) for field in fields(Policy) if field.name not in chosen
    }
    policy = Policy(
        name=table.identifier("name"),
        capacity="shadow" if capacity == "shadow" else "lean" if capacity == "lean" else "open",
        **numbers,
    )
    table.finish()
    return policy


def _named_file(table: Table, key: str, kind: str, beside: Path, suffix: str = ".toml") -> Path:
    name = table.text(key)
    path = reference(name, shipped(kind), beside, suffix)
    if not path.is_file():
        remedy = f"Give a path to a {suffix} file relative to this one, or one of: {shipped_names(kind, suffix)}"
        raise table.error(key, f"there is no file for {name!r}", remedy)
    return path


def _none(table: Table) -> tuple[tuple[Patient, ...], None]:
    """No patients and no arms; what names their files is taken as known."""
    table.text("patients")
    table.optional_text("randomisation")
    return (), None


def _arms(
    table: Table, beside: Path, protocol: Protocol, policy: Policy, patients: tuple[Patient, ...]
) -> dict[str, str] | None:
    """The arms of the patients; a shadow program's randomisation list is named but never opened."""
    given = table.optional_text("randomisation")
    if given is not None and not protocol.arms:
        raise table.error("randomisation", f"protocol {protocol.name} has no arms", "Remove the key")
    if policy.capacity == "shadow" or not protocol.arms:
        return None
    if given is None:
        problem = f"missing, but capacity = {policy.capacity!r} plans with the arm"
        raise table.error("randomisation", problem, "Name a CSV file with the header patient,arm")
    return load_arms(_named_file(table, "randomisation", "randomisation", beside, ".csv"), patients, protocol)
