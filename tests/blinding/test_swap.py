"""Two patients' arms swapped, everything else the same: nobody who is blinded is told a single byte that differs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.api.callers import ANA, EVERYBODY
from tests.blinding.every_route import TRIES, Route
from tests.blinding.lives import UNBLINDED, Lived, lived
from tests.blinding.worlds import CLEO, FIRST, SWAPPED


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lived, Lived]]:
    folder = tmp_path_factory.mktemp("worlds")
    yield lived(FIRST, folder / "first"), lived(SWAPPED, folder / "swapped")


def test_every_route_of_the_application_is_tried(worlds: tuple[Lived, Lived]) -> None:
    first, _ = worlds
    assert first.routes == set(TRIES)


def test_the_events_of_both_worlds_are_told_in_the_same_bytes(worlds: tuple[Lived, Lived]) -> None:
    first, swapped = worlds
    assert len(first.events) == len(swapped.events)
    for one, other in zip(first.events, swapped.events, strict=True):
        assert one == other


def test_the_events_are_those_that_matter(worlds: tuple[Lived, Lived]) -> None:
    """A failed lot, a booking, a move, a closure and an end were accepted, and there were mistakes of every kind."""
    first, _ = worlds
    done = {(one.method, one.path.removeprefix("/v1/")): one.status for one in first.events if one.status < 300}
    assert done["POST", f"activities/{CLEO}/1/fill/record"] == 200
    assert done["POST", f"activities/{ANA}/1/graft/record"] == 200
    assert done["POST", f"courses/{CLEO}/reschedule"] == 200
    assert "plans/1/approve" in {path for _, path in done}
    told = {json.loads(one.body)["kind"] for one in first.events if one.path == "/v1/events" and one.status == 201}
    assert told >= {"lot_failed", "out_of_service", "holiday", "half_capacity", "patient_left"}
    for ending in ("/releases", "/custody", "/logger"):
        assert [path for method, path in done if path.endswith(ending)], ending
    assert {"bookings", "closures", "hindrances", "holds", "randomisation"} <= {path for _, path in done}
    assert {one.status for one in first.events} >= {200, 201, 204, 404, 409, 412, 422, 428}


@pytest.mark.parametrize("route", sorted(TRIES), ids=" ".join)
def test_on_every_route_everybody_who_is_blinded_is_told_the_same_bytes(
    worlds: tuple[Lived, Lived], route: Route
) -> None:
    first, swapped = worlds
    for who in EVERYBODY:
        if who not in UNBLINDED.get(route, set()):
            assert first.tries[route, who] == swapped.tries[route, who], who


def test_those_who_are_unblinded_are_told_what_differs(worlds: tuple[Lived, Lived]) -> None:
    first, swapped = worlds
    for route, people in UNBLINDED.items():
        for who in people:
            assert {one.status for one in first.tries[route, who]} <= {200, 201}, (route, who)
            assert first.tries[route, who] != swapped.tries[route, who], (route, who)


def test_the_blinded_are_answered_and_not_only_refused(worlds: tuple[Lived, Lived]) -> None:
    first, _ = worlds
    for path in ("/v1/patients", "/v1/courses", "/v1/courses/{course}", "/v1/visits", "/v1/visits/{visit}"):
        for who in ("nora", "sue", "rita", "mona", "dora", "phil"):
            assert {one.status for one in first.tries[("GET", path), who]} == {200}, (path, who)


def test_the_log_has_the_same_lines_and_names_no_patient(worlds: tuple[Lived, Lived]) -> None:
    first, swapped = worlds
    assert first.log
    assert first.log == swapped.log
    assert not any(patient in line for line in first.log for patient in (ANA, CLEO))


def test_nothing_that_is_kept_differs_but_the_list_itself(worlds: tuple[Lived, Lived]) -> None:
    first, swapped = worlds
    differ = {name for name in first.records if first.records[name] != swapped.records[name]}
    assert differ == {"unblinded_arm"}
