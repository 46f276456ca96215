"""Whatever cannot be done is refused precisely, and changes nothing; who is refused for identity leaves one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from httpx2 import Response

from tests.api.callers import ANA, BEN, NORTH, SOUTH, TODAY, Callers

REGISTRATION = {"id": ANA, "site": NORTH, "registered_on": TODAY, "weight_kg": 61.5}


def slug(answer: Response) -> tuple[int, str]:
    """Status and kind of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["type"].removeprefix("urn:marrowline:problem:")


@contextmanager
def unchanged(callers: Callers, *, lines: int = 0) -> Iterator[None]:
    """The block changes no row of any table; the audit trail grows by so many lines."""
    before, said = callers.records(), callers.lines()
    yield
    assert callers.records() == before
    assert callers.lines() == said + lines


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"registered_on": "2027-03-02"}, (422, "registration-date")),  # tomorrow
        ({"registered_on": "2026-11-30"}, (422, "registration-date")),  # 91 days ago
        ({"registered_on": "yesterday"}, (422, "not-usable")),
        ({"registered_on": "1899-03-01"}, (422, "not-usable")),
        ({"weight_kg": -3}, (422, "not-usable")),
        ({"weight_kg": 25}, (422, "weight-out-of-range")),  # doses are made from 30 kg on
        ({"site": "NOWHERE"}, (404, "site-not-found")),
        ({"site": "SOUTH"}, (404, "site-not-found")),
        ({"site": "HUB"}, (404, "site-not-found")),
        ({"id": "ПОЛЯ-001"}, (422, "not-usable")),
        ({"id": "NORTH-００１"}, (422, "not-usable")),
        ({"id": "NORTH-001\u200b"}, (422, "not-usable")),
        ({"id": "Anna Smith"}, (422, "not-usable")),
        ({"name": "Anna Smith"}, (422, "not-usable")),
    ],
)
def test_a_registration_that_cannot_be_is_refused(
    callers: Callers, changes: dict[str, object], expected: tuple[int, str]
) -> None:
    with unchanged(callers, lines=1 if expected[0] == 404 else 0):
        answer = callers.post("nora", "/v1/patients", REGISTRATION | changes)
        assert slug(answer) == expected
        assert not any(str(value) in answer.text for value in changes.values() if isinstance(value, str))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_weight_that_is_no_finite_number_is_refused(callers: Callers, number: str) -> None:
    body = f'{{"id":"{ANA}","site":"NORTH","registered_on":"{TODAY}","weight_kg":{number}}}'
    with unchanged(callers):
        answer = callers.post("nora", "/v1/patients", content=body, headers={"Content-Type": "application/json"})
        assert slug(answer) == (422, "not-usable")


def test_a_body_of_ten_megabytes_is_refused(callers: Callers) -> None:
    with unchanged(callers):
        answer = callers.post("nora", "/v1/patients", content=b" " * 10_000_000)
        assert slug(answer) == (413, "body-too-large")
        csv = {"Content-Type": "text/csv"}
        answer = callers.post("stella", "/v1/randomisation", content=b"a" * 10_000_000, headers=csv)
        assert slug(answer) == (413, "body-too-large")


def test_a_study_id_is_registered_once(callers: Callers) -> None:
    callers.register()
    with unchanged(callers):
        assert slug(callers.post("nora", "/v1/patients", REGISTRATION)) == (409, "study-id-in-use")


@pytest.mark.parametrize("patient", ["NORTH-001%00", "%F0%9F%92%89", "NORTH-001%20", "..%2f", "NORTH-" + "1" * 200])
def test_an_id_that_is_none_is_refused_before_anything_is_looked_up(callers: Callers, patient: str) -> None:
    with unchanged(callers):
        assert callers.get("nora", f"/v1/patients/{patient}").status_code in (404, 422)
        assert callers.post("nora", f"/v1/patients/{patient}/offers", {}).status_code in (404, 422)


def test_of_two_holds_on_one_offer_the_second_is_refused(callers: Callers) -> None:
    callers.register()
    offer = callers.offers()[0]["id"]
    callers.hold(offer)
    with unchanged(callers):
        assert slug(callers.post("nora", "/v1/holds", {"offer": offer})) == (409, "offer-taken")


def test_a_patient_has_one_hold_at_a_time(callers: Callers) -> None:
    callers.register()
    first, second = callers.offers(count=2)
    callers.hold(first["id"])
    with unchanged(callers):
        assert slug(callers.post("nora", "/v1/holds", {"offer": second["id"]})) == (409, "already-held")


def test_an_expired_hold_cannot_be_booked(callers: Callers) -> None:
    callers.register()
    held = callers.hold(callers.offers()[0]["id"])
    callers.clock.advance(30 * 60)
    with unchanged(callers):
        answer = callers.post("nora", "/v1/bookings", {"hold": held["id"]})
        assert slug(answer) == (409, "hold-expired")


def test_an_old_offer_cannot_be_held(callers: Callers) -> None:
    callers.register()
    offer = callers.offers()[0]["id"]
    callers.clock.advance(15 * 60)
    with unchanged(callers):
        assert slug(callers.post("nora", "/v1/holds", {"offer": offer})) == (409, "offer-expired")


@pytest.mark.parametrize(
    "body", [{}, {"hold": "a", "offer": "b", "reason": "Both."}, {"offer": "b"}, {"hold": "a", "reason": "Why not."}]
)
def test_a_booking_names_a_hold_or_an_offer_with_its_reason(callers: Callers, body: dict[str, str]) -> None:
    with unchanged(callers):
        answer = callers.post("nora", "/v1/bookings", body)
        assert slug(answer) == (422, "not-usable")
        assert answer.json()["errors"][0]["problem"] == "must name either hold, or offer and reason"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/holds", {"offer": "off_0"}),
        ("POST", "/v1/bookings", {"hold": "hold_0"}),
        ("DELETE", "/v1/holds/hold_0", None),
        ("POST", "/v1/patients/NORTH-099/offers", {}),
        ("POST", "/v1/courses/NORTH-099/offers", {"dose": 1}),
        ("POST", "/v1/courses/NORTH-099/cancel", {"reason_code": "other"}),
        ("POST", "/v1/visits/NORTH-099/1/graft/confirm", None),
        ("DELETE", "/v1/closures/clo_0", None),
    ],
)
def test_what_is_not_there_is_404_and_a_change_of_it_leaves_one_line(
    callers: Callers, method: str, path: str, body: object
) -> None:
    with unchanged(callers, lines=1):
        answer = callers.call("nora", method, path, json=body, headers={"If-Match": '"1"'})
        assert answer.status_code == 404, answer.text


def test_a_change_based_on_an_older_version_is_refused(callers: Callers) -> None:
    callers.book()
    path = f"/v1/courses/{ANA}/cancel"
    body = {"reason_code": "other"}
    with unchanged(callers):
        assert slug(callers.post("nora", path, body)) == (428, "version-required")
        stale = callers.post("nora", path, body, headers={"If-Match": '"7"'})
        assert slug(stale) == (412, "changed-meanwhile")
        weak = callers.post("nora", path, body, headers={"If-Match": 'W/"1"'})
        assert slug(weak) == (412, "changed-meanwhile")
        assert stale.json()["detail"] == weak.json()["detail"]
        visit = callers.post("nora", f"/v1/visits/{ANA}/1/graft/confirm", headers={"If-Match": '"7"'})
        assert slug(visit) == (412, "changed-meanwhile")


def test_a_performed_visit_is_not_moved(callers: Callers) -> None:
    callers.book()
    callers.record_until(f"{ANA}/1/graft")
    with unchanged(callers):
        answer = callers.post("nora", f"/v1/courses/{ANA}/offers", {"dose": 1})
        assert slug(answer) == (409, "already-performed")


def test_an_offer_from_before_another_change_is_outdated(callers: Callers) -> None:
    callers.book()
    first, second = callers.new_times(count=2)
    path = f"/v1/courses/{ANA}/reschedule"
    move = {"offer": first["id"], "reason_code": "other"}
    callers.done("nora", path, move, headers={"If-Match": callers.etag(f"/v1/courses/{ANA}")})
    match = {"If-Match": callers.etag(f"/v1/courses/{ANA}")}
    with unchanged(callers):
        answer = callers.post("nora", path, move | {"offer": second["id"]}, headers=match)
        assert slug(answer) == (409, "offer-outdated")
        assert slug(callers.post("nora", path, move, headers=match)) == (409, "offer-taken")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (("2027-03-02T09:00:00+01:00", "2027-03-02T08:00:00+01:00"), (422, "ends-before-start")),
        (("2027-03-02T09:00:00", "2027-03-02T10:00:00"), (422, "not-usable")),
        (("2027-03-05T09:00:00+01:00", "2027-03-05T10:00:00+01:00"), (422, "not-yet")),
        (("0001-01-01T00:00:00Z", "0001-01-01T01:00:00Z"), (422, "not-usable")),
        (("2027-03-02T09:00:00+99:00", "2027-03-02T10:00:00+99:00"), (422, "not-usable")),
        (("now", "now"), (422, "not-usable")),
    ],
)
def test_times_that_cannot_be_are_not_recorded(
    callers: Callers, times: tuple[str, str], expected: tuple[int, str]
) -> None:
    callers.book()
    body = {"outcome": "performed", "start_at": times[0], "end_at": times[1]}
    with unchanged(callers):
        assert slug(callers.post("nora", f"/v1/activities/{ANA}/biopsy/record", body)) == expected


def test_steps_of_the_plant_do_not_exist_for_a_site(callers: Callers) -> None:
    callers.book()
    fill = callers.steps(ANA)[f"{ANA}/1/fill"]
    body = {"outcome": "performed", "start_at": fill["start_at"], "end_at": fill["end_at"]}
    callers.clock.now = datetime.fromisoformat(fill["end_at"]) + timedelta(hours=1)
    with unchanged(callers, lines=2):
        real = callers.post("nora", f"/v1/activities/{ANA}/1/fill/record", body)
        made_up = callers.post("nora", f"/v1/activities/{ANA}/1/polish/record", body)
        assert slug(real) == slug(made_up) == (404, "step-not-found")
        assert real.json()["detail"] == made_up.json()["detail"]


@pytest.mark.parametrize("who", ["nora", "sue", "mona", "rita", "dora", "phil"])
def test_a_key_of_a_site_gets_no_view_of_the_plant(callers: Callers, who: str) -> None:
    callers.book()
    with unchanged(callers, lines=3):
        for path in ("/v1/plans", "/v1/shipments?from=2027-03-01T00:00:00Z&to=2027-03-02T00:00:00Z", "/v1/audit"):
            assert slug(callers.get(who, path)) == (403, "not-your-role")
        assert callers.get(who, f"/v1/courses/{ANA}").json().keys().isdisjoint({"steps", "coi", "plant", "weight_kg"})
        assert slug(callers.get(who, f"/v1/courses/{ANA}?view=plant")) == (422, "not-usable")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"end_at": "2027-03-02T08:00:00Z"}, (422, "ends-before-start")),
        ({"start_at": "2027-02-01T08:00:00Z", "end_at": "2027-02-02T08:00:00Z"}, (422, "in-the-past")),
        ({"where": "SOUTH"}, (404, "place-not-found")),
        ({"where": "HUB"}, (404, "place-not-found")),
        ({"resource": "swimming_pool"}, (422, "unknown-resource")),
        ({"reason": ""}, (422, "not-usable")),
    ],
)
def test_a_closure_that_cannot_be_is_not_declared(
    callers: Callers, changes: dict[str, object], expected: tuple[int, str]
) -> None:
    body = {
        "where": NORTH,
        "resource": "theatre",
        "start_at": "2027-03-03T08:00:00Z",
        "end_at": "2027-03-03T09:00:00Z",
        "reason": "Repairs.",
    }
    with unchanged(callers, lines=1 if expected[0] == 404 else 0):
        answer = callers.post("nora", "/v1/closures", body | changes)
        assert slug(answer) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"end_at": "2027-03-02T08:00:00Z"}, (422, "ends-before-start")),
        ({"start_at": "2027-02-01T08:00:00Z", "end_at": "2027-02-02T08:00:00Z"}, (422, "in-the-past")),
        ({"patient": BEN}, (404, "patient-not-found")),
        ({"kinds": ["blessing"]}, (422, "unknown-step")),
        ({"kinds": ["fill"]}, (403, "not-your-role")),
        ({"kinds": []}, (422, "not-usable")),
        ({"dose": 9}, (422, "unknown-dose")),
        ({"neutral": "cells"}, (422, "not-usable")),
        ({"start_at": "2027-03-03T08:00:00"}, (422, "not-usable")),
    ],
)
def test_a_hindrance_that_cannot_be_is_not_declared(
    callers: Callers, changes: dict[str, object], expected: tuple[int, str]
) -> None:
    callers.register(ANA)
    callers.register(BEN, "sam", SOUTH)
    body = {
        "patient": ANA,
        "start_at": "2027-03-03T08:00:00Z",
        "end_at": "2027-03-03T09:00:00Z",
        "reason": "A fever.",
    }
    with unchanged(callers, lines=1 if expected[0] in (403, 404) else 0):
        answer = callers.post("nora", "/v1/hindrances", body | changes)
        assert slug(answer) == expected


@pytest.mark.parametrize(
    ("content", "media_type", "expected"),
    [
        (b"patient,arm\n\xff\xfe,x\n", "text/csv", (422, "not-utf8")),
        (b"who,what\n", "text/csv", (422, "randomisation-header")),
        (b"patient,arm\nNORTH-001\n", "text/csv", (422, "randomisation-line")),
        (b"patient,arm\nNORTH-001,cells\n", "text/csv", (422, "randomisation-line")),  # nobody registered yet
        (b'patient,arm\n"NORTH-001', "text/csv", (422, "randomisation-line")),
        (b"patient,arm\nNORTH-001,\x00\n", "text/csv", (422, "randomisation-line")),
        (b"{}", "application/json", (415, "not-csv")),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_whole(
    callers: Callers, content: bytes, media_type: str, expected: tuple[int, str]
) -> None:
    with unchanged(callers):
        headers = {"Content-Type": media_type}
        assert slug(callers.post("stella", "/v1/randomisation", content=content, headers=headers)) == expected


@pytest.mark.parametrize(
    "query",
    [
        "from=2027-03-02T00:00:00Z&to=2027-03-01T00:00:00Z",
        "from=2027-03-01T00:00:00Z&to=2027-05-01T00:00:00Z",
        "from=2027-03-01T00:00:00&to=2027-03-02T00:00:00",
        "from=2027-03-01T00:00:00Z",
        "from=9999-12-31T00:00:00Z&to=9999-12-31T23:00:00Z",
    ],
)
def test_a_stretch_that_is_none_or_too_long_is_refused(callers: Callers, query: str) -> None:
    assert callers.get("carl", f"/v1/shipments?{query}").status_code == 422


def test_a_role_that_may_not_book_is_refused_and_leaves_one_line(callers: Callers) -> None:
    for who in ("mona", "rita", "phil", "quinn", "carl", "stella", "ada", "alan", "dora"):
        with unchanged(callers, lines=1):
            assert slug(callers.post(who, "/v1/patients", REGISTRATION)) == (403, "not-your-role")
