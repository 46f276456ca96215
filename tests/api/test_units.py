"""Units over HTTP: labels, scans, releases and the inbox."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest
import resvg_py
import zxingcpp
from PIL import Image

from scheduler.domain.check_character import ALPHABET, with_check
from tests.api.callers import ANA, Callers, Json, answering
from tests.databases import discard, new_sqlite


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    """ANA's first dose is filled and about to be packed."""
    folder = tmp_path_factory.mktemp("units")
    database = new_sqlite(folder / "marrowline.db")
    with answering(database, folder) as callers:
        callers.book()
        callers.record_until(f"{ANA}/1/release")
        yield callers
    discard(database)


def unit(callers: Callers) -> Json:
    found: Json = callers.get("phil", "/v1/units", params={"course": ANA}).json()["items"][0]
    return found


def scan(callers: Callers, who: str, name: str, patient: str = ANA, step: str = "checked") -> tuple[int, Json]:
    answer = callers.post(who, f"/v1/units/{name}/scan", {"patient": patient, "step": step, "place": "NORTH"})
    return answer.status_code, answer.json()


def test_a_unit_tells_whose_it_is_and_until_when(filled: Callers) -> None:
    found = unit(filled)
    fill = filled.steps(ANA)[f"{ANA}/1/fill"]
    assert (found["patient"], found["dose"], found["number"]) == (ANA, 1, 1)
    left = datetime.fromisoformat(found["expires_at"]) - datetime.fromisoformat(fill["actual_end_at"])
    assert left.total_seconds() == 36 * 3600


def test_a_label_is_a_picture_with_the_same_in_letters_and_nothing_of_the_lot(filled: Callers) -> None:
    found = unit(filled)
    answer = filled.get("phil", f"/v1/units/{found['id']}/label.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    written = [one.text for one in ET.fromstring(answer.text).iter("{http://www.w3.org/2000/svg}text")]
    assert written[0] == found["id"]
    assert written[1:4] == [ANA, found["coi"], "dose 1 · syringe 1"]
    # 36 hours after a fill that ended at North's own time, an hour ahead of UTC.
    expires_at = datetime.fromisoformat(found["expires_at"]).astimezone(timezone(timedelta(hours=1)))
    assert written[4:] == [f"give by {expires_at:%a %-d %b %Y %H:%M}", "(Europe/Berlin, UTC+01:00)", "2–8 °C"]
    # 55 mm are left beside the code; a letter of the widest common face is 0.62 times as wide as it is high.
    assert all(len(one) * 0.62 * 3 <= 55 for one in written)
    (lot,) = filled.get("quinn", f"/v1/courses/{ANA}/lots").json()["lots"]
    assert lot["id"] not in answer.text


@pytest.mark.parametrize("smeared", [False, True])
def test_a_reader_finds_the_units_id_on_a_label_as_printed(filled: Callers, smeared: bool) -> None:
    """Drawn as a label printer does, 203 dots an inch; smeared over 3 mm of its code, too."""
    found = unit(filled)
    svg = filled.get("phil", f"/v1/units/{found['id']}/label.svg").text
    with Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=svg, dpi=203, background="white"))) as drawn:
        picture = drawn.convert("L")
    assert picture.size == (719, 272)  # 90 by 34 mm
    if smeared:
        picture.paste(128, (150, 150, 174, 174))
    assert [one.text for one in zxingcpp.read_barcodes(picture)] == [found["id"]]


def test_a_misread_id_is_refused_before_anything_is_looked_up(filled: Callers) -> None:
    whole = unit(filled)["id"]
    for at in (3, 8, len(whole) - 1):
        for wrong in ALPHABET.replace(whole[at], "")[::9]:
            status, told = scan(filled, "nora", whole[:at] + wrong + whole[at + 1 :])
            assert (status, told["errors"][0]["field"]) == (422, "unit")


def test_until_it_is_released_a_unit_is_held_back_and_the_blinded_are_told_no_more(filled: Callers) -> None:
    status, told = scan(filled, "nora", unit(filled)["id"])
    assert (status, told["type"]) == (409, "urn:marrowline:problem:unit-refused")
    assert told["detail"] == "This unit may not be handed on now. Keep it apart and cold until quality has decided."
    assert "reason" not in told
    # The refusal was kept although the request was refused.
    assert "unreleased" in filled.get("phil", "/v1/notices").json()["items"][0]["sentence"]


def test_a_released_unit_passes_for_its_patient_and_no_other(filled: Callers) -> None:
    found = unit(filled)["id"]
    lot = filled.get("quinn", f"/v1/courses/{ANA}/lots").json()["lots"][0]["id"]
    said = {"stage": "before_sterility", "passed": True, "reason": "As tested."}
    signed = {**said, "signature": filled.signature("quinn", "release of a lot")}
    filled.done("quinn", f"/v1/lots/{lot}/releases", signed, status=201)
    assert unit(filled)["state"] == "free"
    assert scan(filled, "nora", found)[0] == 200
    filled.register("NORTH-002")
    strangers = with_check("X-U2222222222")
    answers = [scan(filled, "nora", found, "NORTH-002"), scan(filled, "nora", strangers, "NORTH-002")]
    assert [status for status, _ in answers] == [409, 409]
    assert [told["reason"] for _, told in answers] == ["wrong-unit", "wrong-unit"]
    assert answers[0][1]["detail"] == answers[1][1]["detail"]


def test_a_doctor_sees_and_acknowledges_what_is_for_the_doctor(filled: Callers) -> None:
    found = unit(filled)["id"]
    filled.register("NORTH-003")
    scan(filled, "nora", found, "NORTH-003")
    mine = filled.get("dora", "/v1/notices").json()["items"][0]
    assert (mine["kind"], mine["urgent"], mine["role"]) == ("unit_refused", True, "doctor")
    assert filled.done("dora", f"/v1/notices/{mine['id']}/acknowledge")["acknowledged_by"] == "Dora Doctor"
    assert mine["id"] not in {one["id"] for one in filled.get("dora", "/v1/notices").json()["items"]}


def test_the_blinded_see_no_units_no_labels_and_no_lots(filled: Callers) -> None:
    found = unit(filled)["id"]
    for who in ("nora", "sue", "dora", "rita", "mona", "carl"):
        for path in (f"/v1/units?course={ANA}", f"/v1/units/{found}/label.svg", f"/v1/courses/{ANA}/lots"):
            assert filled.get(who, path).status_code == 403, (who, path)


# --- on the way -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def received(filled: Callers) -> str:
    """The shipment of ANA's first dose was packed, handed over and received; its opaque id."""
    transit = filled.steps(ANA)[f"{ANA}/1/transit"]
    until = datetime.fromisoformat(transit["end_at"])
    stretch = {"from": transit["start_at"], "to": (until + timedelta(days=1)).isoformat()}
    shown = filled.get("carl", "/v1/shipments", params=stretch).json()["items"]
    (name,) = (one["id"] for one in shown if one["to_place"] == "NORTH")
    assert name == unit(filled)["shipment"]
    filled.clock.now = max(filled.clock.now, until)
    for step, who, place, at in (
        ("packed", "paul", "HUB", transit["start_at"]),
        ("handed_over", "carl", "HUB", transit["start_at"]),
        ("received", "sue", "NORTH", transit["end_at"]),
    ):
        body = {"step": step, "from_holder": who, "to_holder": "the next", "place": place, "happened_at": at}
        filled.done(who, f"/v1/shipments/{name}/custody", body | {"celsius": 4.5}, status=201)
    return str(name)


def hand_in(callers: Callers, name: str, content: str, kind: str = "text/csv", who: str = "phil") -> tuple[int, Json]:
    answer = callers.call(who, "POST", f"/v1/shipments/{name}/logger", content=content, headers={"Content-Type": kind})
    return answer.status_code, answer.json()


def test_the_actual_times_stand_beside_the_planned_ones(filled: Callers, received: str) -> None:
    shown = filled.get("carl", f"/v1/shipments/{received}/custody").json()
    assert [one["step"] for one in shown["events"]] == ["packed", "handed_over", "received"]
    assert datetime.fromisoformat(shown["events"][2]["happened_at"]) == datetime.fromisoformat(shown["drop_at"])
    assert ANA not in str(shown)


def test_a_logger_that_is_not_certain_quarantines_until_quality_signs(filled: Callers, received: str) -> None:
    transit = filled.steps(ANA)[f"{ANA}/1/transit"]
    listed = f'[{{"at": "{transit["start_at"]}", "celsius": 4.6}}, {{"at": "{transit["end_at"]}", "fahrenheit": 41}}]'
    status, told = hand_in(filled, received, listed, "application/json")
    assert (status, told["verdict"], told["proposal"]) == (201, "missing", "discard")
    assert [one["rule"] for one in told["reasons"]] == ["gap"]
    assert unit(filled)["state"] == "quarantined"
    ready = told["replacement"]
    assert [(one["visit"], one["change"]) for one in ready["visits"]][:1] == [(f"{ANA}/1/graft", "moved")]
    assert (ready["is_current"], ready["text"], ready["figures"]) == (True, None, None)  # the plant's alone
    full = filled.done("paul", f"/v1/logger-files/{told['id']}/replacement", status=201)
    assert "in doubt" in full["text"] and full["figures"]["patients"] == [ANA]
    signature = filled.signature("quinn", "disposition of a unit")
    decided = {"decision": "use", "reason": "Stable for days.", "signature": signature}
    filled.done("quinn", f"/v1/logger-files/{told['id']}/disposition", decided, status=201)
    kept = filled.get("ada", f"/v1/logger-files/{told['id']}").json()
    assert (kept["content"], kept["disposition"]["decision"], kept["verdict"]) == (listed, "use", "missing")
    assert filled.get("nora", f"/v1/logger-files/{told['id']}").status_code == 403
    assert filled.get("phil", "/v1/logger-files/log_0").status_code == 404
    assert unit(filled)["state"] == "free"


@pytest.mark.parametrize(
    ("content", "kind", "status", "slug"),
    [
        ("at,celsius\nsoon,4\n", "text/csv", 422, "logger-file-unusable"),
        ("", "text/csv", 422, "logger-file-unusable"),
        ("[{}]", "application/json", 422, "logger-file-unusable"),
        ("at,celsius\n", "text/plain", 415, "not-csv"),
        ("at,celsius\n" + "2027-03-22T10:00:00Z,4.6\n" * 5000, "text/csv", 413, "body-too-large"),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(
    filled: Callers, received: str, content: str, kind: str, status: int, slug: str
) -> None:
    before = filled.records()
    found, told = hand_in(filled, received, content, kind)
    assert (found, told["type"].rpartition(":")[2]) == (status, slug)
    assert filled.records() == before


def test_the_clock_counts_down_to_the_end_of_the_shelf_life(filled: Callers, received: str) -> None:
    found = unit(filled)
    shown = filled.get("phil", f"/v1/units/{found['id']}/clock").json()
    left = datetime.fromisoformat(found["expires_at"]) - filled.clock.now
    assert (shown["phase"], shown["seconds_left"]) == ("site", int(left.total_seconds()))
    assert shown["last_injection_at"] < found["expires_at"]


def test_the_story_of_a_unit_is_told_and_printed(filled: Callers, received: str) -> None:
    found = unit(filled)["id"]
    shown = filled.get("phil", f"/v1/units/{found}/history").json()
    assert {"filled", "packed", "handed_over", "received"} <= {one["what"] for one in shown["entries"]}
    printed = filled.get("phil", f"/v1/units/{found}/history.html", params={"lang": "ko"})
    assert printed.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in printed.headers["content-security-policy"]
    assert "주사기 이력" in printed.text
    assert filled.get("phil", f"/v1/units/{found}/history.html", params={"lang": "fr"}).status_code == 422
