"""The same with a program that is planned with the arm: given the same dates, no blinded reader is told a byte that
differs (docs/domain.md section 4).

There the plant works by the arm: a carrier has no seeding, growth, thaw or regrowth. What planner, quality and auditor
are told may differ, and so may the figures of `/metrics`, which count their requests with all others and are kept from
sites (docs/deployment.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.callers import ANA, EVERYBODY
from tests.blinding.every_route import TRIES, Route
from tests.blinding.lives import UNBLINDED, Lived, lived
from tests.blinding.worlds import CLEO, FIRST, ONE_BY_ONE, SWAPPED, Said, world_with

SEE_THE_PLANT = {"paul", "quinn", "ada"}
BLINDED = [who for who in EVERYBODY if who not in SEE_THE_PLANT]
METRICS = ("GET", "/metrics")
PLANT_ROLES = {EVERYBODY[who].role.value for who in SEE_THE_PLANT}
SAME_ANYWHERE = {"id", "patient", "site", "kind", "dose", "name", "status", "reason", "confirmed", "told", "version"}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lived, Lived]]:
    folder = tmp_path_factory.mktemp("lean")
    first = lived(FIRST, folder / "first", ONE_BY_ONE, capacity="lean")
    yield first, lived(SWAPPED, folder / "swapped", ONE_BY_ONE, capacity="lean")


@pytest.mark.parametrize("route", sorted(set(TRIES) - {METRICS}), ids=" ".join)
def test_on_every_route_everybody_who_is_blinded_is_told_the_same_bytes(
    worlds: tuple[Lived, Lived], route: Route
) -> None:
    first, swapped = worlds
    for who in BLINDED:
        if who not in UNBLINDED.get(route, set()):
            assert first.tries[route, who] == swapped.tries[route, who], who


def test_the_events_of_both_worlds_are_told_to_the_blinded_in_the_same_bytes(worlds: tuple[Lived, Lived]) -> None:
    first, swapped = worlds
    assert len(first.events) == len(swapped.events)
    for one, other in zip(first.events, swapped.events, strict=True):
        assert (one.who, one.method, one.path) == (other.who, other.method, other.path)
        assert one.who in SEE_THE_PLANT or one == other


def test_the_events_are_those_that_matter(worlds: tuple[Lived, Lived]) -> None:
    """In either world a lot failed, a dose was given, both of North were booked and moved, and one course ended."""
    for world in worlds:
        done = {(one.method, one.path.removeprefix("/v1/")): one.status for one in world.events if one.status < 300}
        assert done["POST", f"activities/{CLEO}/1/fill/record"] == 200
        assert done["POST", f"activities/{ANA}/1/graft/record"] == 200
        assert {done["POST", f"courses/{patient}/reschedule"] for patient in (ANA, CLEO)} == {200}
        assert {"bookings", "closures", "hindrances", "courses/SOUTH-001/cancel"} <= {path for _, path in done}
        assert {one.status for one in world.events} >= {200, 201, 204, 404, 409, 412, 422, 428}


def test_the_plant_works_by_the_arm(worlds: tuple[Lived, Lived]) -> None:
    """ANA has cells in the first world and the carrier in the second, CLEO the other way round."""
    has_cells = [
        {told.path.split("/")[3] for told in world.tries[("GET", "/v1/courses/{course}"), "paul"] if _grown(told)}
        for world in worlds
    ]
    assert has_cells == [{ANA}, {CLEO}]


def _grown(told: Said) -> bool:
    return any(step["kind"] == "seeding" for step in json.loads(told.body)["steps"])


def test_those_who_are_unblinded_are_told_what_differs(worlds: tuple[Lived, Lived]) -> None:
    first, swapped = worlds
    for route, people in UNBLINDED.items():
        for who in people:
            assert {one.status for one in first.tries[route, who]} <= {200, 201}, (route, who)
            assert first.tries[route, who] != swapped.tries[route, who], (route, who)


def test_what_is_kept_of_patients_courses_and_visits_is_the_same(worlds: tuple[Lived, Lived]) -> None:
    first, swapped = worlds
    for name in ("patient", "course", "visit", "hold", "weight", "closure", "hindrance"):
        assert first.records[name], name
        assert first.records[name] == swapped.records[name], name


def test_the_log_tells_the_same_of_everybody_who_is_blinded(worlds: tuple[Lived, Lived]) -> None:
    first, swapped = (
        [line for line in world.log if json.loads(line).get("role") not in PLANT_ROLES] for world in worlds
    )
    assert first
    assert first == swapped


def test_where_dates_differ_answers_have_the_same_shape(tmp_path: Path) -> None:
    """Without a masked interval a carrier comes sooner; even so nothing but dates tells one course from another."""
    first, swapped = (_booked(arms, tmp_path / name) for name, arms in (("first", FIRST), ("swapped", SWAPPED)))
    assert first != swapped
    assert [_shape(told) for told in first] == [_shape(told) for told in swapped]


def _booked(arms: dict[str, str], folder: Path) -> list[Said]:
    """What Nora is told while she books both of North as soon as possible, and what she reads then."""
    with world_with(arms, folder, capacity="lean") as world:
        for patient in (ANA, CLEO):
            world.register(patient)
        world.post("nora", f"/v1/patients/{ANA}/offers", {})
        world.register("SOUTH-001", "sam", "SOUTH")
        world.randomise()
        for patient in (ANA, CLEO):
            offer = world.offers(patient)[0]["id"]
            world.post("nora", "/v1/bookings", {"hold": world.hold(offer)["id"]})
            for path in ("courses/PATIENT", "visits/PATIENT/1/graft", "visits/PATIENT/2/graft", "patients/PATIENT"):
                world.get("nora", "/v1/" + path.replace("PATIENT", patient))
        return [told for told in world.transcript if told.who == "nora"]


def _shape(told: Said) -> tuple[str, str, int, Any]:
    return told.method, told.path, told.status, _outline(json.loads(told.body))


def _outline(value: Any, key: str = "") -> Any:
    """An answer with the kind of value in the place of each that a date may change."""
    if isinstance(value, dict):
        return {name: _outline(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_outline(one) for one in value]
    return value if key in SAME_ANYWHERE else type(value).__name__
