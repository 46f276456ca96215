"""From registration to the last visit through HTTP, as a site's computer would do it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from tests.api.callers import ANA, BEN, NORTH, SOUTH, Callers

BLINDED_OFFER = {"id", "patient", "site", "first_dose_on", "holds_true_until", "breaks", "moves", "visits"}


def test_a_site_registers_asks_holds_books_moves_and_cancels(callers_on_both: Callers) -> None:
    callers = callers_on_both
    registered = callers.post(
        "nora", "/v1/patients", {"id": ANA, "site": NORTH, "registered_on": callers.today, "weight_kg": 61.5}
    )
    assert (registered.status_code, registered.headers["location"]) == (201, f"/v1/patients/{ANA}")
    offers = callers.offers(count=2)
    days = [date.fromisoformat(one["first_dose_on"]) for one in offers]
    assert len(days) == 2
    assert abs(days[1] - days[0]) >= timedelta(days=5)

    held = callers.post("nora", "/v1/holds", {"offer": offers[0]["id"]})
    assert held.status_code == 201
    # The clock stands at 08:00 UTC and a hold keeps for 30 minutes.
    assert held.json()["expires_at"] == "2027-03-01T08:30:00Z"
    assert callers.get("nora", held.headers["location"]).json()["status"] == "held"

    booked = callers.post("nora", "/v1/bookings", {"hold": held.json()["id"]})
    assert (booked.status_code, booked.headers["location"]) == (201, f"/v1/courses/{ANA}")
    course = booked.json()
    assert [one["start_at"] for one in course["visits"]] == [one["start_at"] for one in offers[0]["visits"]]
    # One biopsy, two grafts, one follow-up visit.
    assert [one["kind"] for one in course["visits"]] == ["biopsy", "graft", "graft", "follow_up"]

    second = course["visits"][2]
    later = callers.new_times(not_before=_day_after(second["on"]))
    moved = callers.done(
        "nora",
        f"/v1/courses/{ANA}/reschedule",
        {"offer": later[0]["id"], "reason_code": "patient_request"},
        headers={"If-Match": booked.headers["etag"]},
    )
    assert [one["id"] for one in moved["visits"]] == [one["id"] for one in course["visits"]]
    new = moved["visits"][2]
    assert new["on"] == later[0]["first_dose_on"] > second["on"]
    assert (new["reason"], new["confirmed"], new["told"]) == ("patient", False, False)

    ended = callers.done(
        "nora",
        f"/v1/courses/{ANA}/cancel",
        {"reason_code": "withdrawn_consent"},
        headers={"If-Match": callers.etag(f"/v1/courses/{ANA}")},
    )
    assert (ended["status"], {one["status"] for one in ended["visits"]}) == ("cancelled", {"cancelled"})
    assert callers.get("nora", f"/v1/patients/{ANA}").json()["status"] == "withdrawn"


def _day_after(on: str) -> str:
    return (date.fromisoformat(on) + timedelta(days=1)).isoformat()


def test_a_visit_says_when_the_dose_arrives_and_until_when_it_may_be_given(callers: Callers) -> None:
    course = callers.book()
    steps = callers.steps(ANA)
    graft = course["visits"][1]
    assert graft["arrives_at"] == {
        "planned_at": steps[f"{ANA}/1/transit"]["end_at"],
        "checked_at": steps[f"{ANA}/1/receipt"]["end_at"],
    }
    # The shelf life is 36 hours from the end of the fill.
    filled_at = datetime.fromisoformat(steps[f"{ANA}/1/fill"]["end_at"])
    assert datetime.fromisoformat(graft["give_by"]) == filled_at + timedelta(hours=36)
    biopsy = course["visits"][0]
    assert (biopsy["arrives_at"], biopsy["give_by"], biopsy["window"]) == (None, None, None)


def test_windows_are_told_as_dates_counted_from_the_first_dose(callers: Callers) -> None:
    course = callers.book()
    first = date.fromisoformat(course["visits"][1]["on"])
    # Dose 2 is due 21 days after dose 1, allowed two days before to four days after.
    assert course["visits"][2]["window"] == {
        "earliest": (first + timedelta(days=19)).isoformat(),
        "target": (first + timedelta(days=21)).isoformat(),
        "latest": (first + timedelta(days=25)).isoformat(),
    }
    assert course["visits"][1]["window"] is None


def test_a_visit_is_told_in_english_and_korean(callers: Callers) -> None:
    visit = callers.book()["visits"][1]
    start = datetime.fromisoformat(visit["start_at"])
    assert visit["text"]["en"].startswith(f"{start:%a} {start.day} {start:%b} 2027, {start:%H:%M}–")
    assert "(Europe/Berlin): graft, dose 1. The dose arrives by " in visit["text"]["en"]
    assert "; give by " in visit["text"]["en"]
    assert visit["text"]["ko"].startswith(f"2027년 {start.month}월 {start.day}일(")
    assert "graft, 1회차." in visit["text"]["ko"]


def test_a_blinded_caller_gets_visits_and_the_planner_the_plants_part_too(callers: Callers) -> None:
    callers.register()
    (blinded,) = callers.offers(count=1)
    assert blinded.keys() == BLINDED_OFFER
    (full,) = callers.offers(who="paul", count=1)
    assert full.keys() == BLINDED_OFFER | {"plant", "cost", "steps"}
    assert full["visits"] == blinded["visits"]
    assert "fill" in {one["kind"] for one in full["steps"]}


def test_refused_offers_are_followed_by_later_ones(callers: Callers) -> None:
    callers.register()
    first = callers.offers(count=2)
    second = callers.offers(count=2, refused=[one["id"] for one in first])
    assert min(one["first_dose_on"] for one in second) > max(one["first_dose_on"] for one in first)


def test_without_an_offer_the_answer_says_why(callers: Callers) -> None:
    callers.register()
    found = callers.done("nora", f"/v1/patients/{ANA}/offers", {"not_after": callers.today})
    assert found["offers"] == []
    assert found["why"] == "No complete course fits these dates. Ask for a wider range of dates."


def test_a_hold_that_is_released_frees_its_offer_times_for_others(callers: Callers) -> None:
    callers.register()
    held = callers.hold(callers.offers()[0]["id"])
    assert callers.call("nora", "DELETE", f"/v1/holds/{held['id']}").status_code == 204
    assert callers.get("nora", f"/v1/holds/{held['id']}").json()["status"] == "released"


def test_a_hold_runs_out_by_time_alone(callers: Callers) -> None:
    callers.register()
    held = callers.hold(callers.offers()[0]["id"])
    callers.clock.advance(30 * 60)
    assert callers.get("nora", f"/v1/holds/{held['id']}").json()["status"] == "expired"


def test_the_patient_knows_a_date_until_it_moves(callers: Callers) -> None:
    callers.book()
    visit = f"/v1/visits/{ANA}/2/graft"
    confirmed = callers.done("nora", f"{visit}/confirm", headers={"If-Match": callers.etag(visit)})
    assert (confirmed["confirmed"], confirmed["told"]) == (True, True)
    offer = callers.new_times(not_before=_day_after(confirmed["on"]))[0]
    callers.done(
        "nora",
        f"/v1/courses/{ANA}/reschedule",
        {"offer": offer["id"], "reason_code": "site_equipment"},
        headers={"If-Match": callers.etag(f"/v1/courses/{ANA}")},
    )
    moved = callers.get("nora", visit).json()
    assert (moved["confirmed"], moved["told"], moved["reason"]) == (False, False, "site")
    told = callers.done("nora", f"{visit}/acknowledge")
    assert (told["confirmed"], told["told"]) == (False, True)


def test_what_was_done_stands_beside_what_was_planned(callers: Callers) -> None:
    course = callers.book()
    callers.record_until(f"{ANA}/1/graft")
    graft = callers.get("nora", f"/v1/visits/{ANA}/1/graft").json()
    assert (graft["status"], graft["performed_at"]) == ("performed", course["visits"][1]["start_at"])
    contents = callers.steps(ANA)
    assert {contents[f"{ANA}/1/{kind}"]["status"] for kind in ("fill", "transit", "receipt")} == {"performed"}


def test_visits_are_listed_from_day_to_day_and_page_by_page(callers: Callers) -> None:
    course = callers.book()
    days = [one["on"] for one in course["visits"]]
    listed = callers.get("nora", f"/v1/visits?site={NORTH}&from={days[1]}&to={days[2]}").json()
    assert listed == {"items": course["visits"][1:3], "next": None}
    first = callers.get("nora", "/v1/visits?limit=3").json()
    rest = callers.get("nora", f"/v1/visits?limit=3&cursor={first['next']}").json()
    assert first["items"] + rest["items"] == course["visits"]
    assert rest["next"] is None


def test_another_sites_records_do_not_exist_for_a_site(callers: Callers) -> None:
    callers.book()
    callers.book(BEN, "sam", SOUTH)
    for path in (f"/v1/patients/{ANA}", f"/v1/courses/{ANA}", f"/v1/visits/{ANA}/1/graft", f"/v1/visits?site={NORTH}"):
        assert callers.get("sam", path).status_code == 404, path
    assert {one["patient"] for one in callers.get("sam", "/v1/visits").json()["items"]} == {BEN}
    assert [one["id"] for one in callers.get("sam", "/v1/patients").json()["items"]] == [BEN]
    assert [one["id"] for one in callers.get("paul", "/v1/courses").json()["items"]] == [ANA, BEN]


def test_a_closure_lists_the_visits_it_hits_and_moves_none(callers: Callers) -> None:
    course = callers.book()
    graft = course["visits"][1]
    declared = callers.post(
        "nora",
        "/v1/closures",
        {
            "where": NORTH,
            "resource": "theatre",
            "start_at": graft["start_at"],
            "end_at": graft["end_at"],
            "reason": "The lights are being repaired.",
        },
    )
    assert declared.status_code == 201
    assert [one["id"] for one in declared.json()["visits"]] == [graft["id"]]
    assert callers.get("nora", f"/v1/visits/{graft['id']}").json()["start_at"] == graft["start_at"]
    path = declared.headers["location"]
    assert [one["id"] for one in callers.get("mona", "/v1/closures").json()["items"]] == [path.split("/")[-1]]
    assert callers.get("sam", path).status_code == 404
    withdrawn = callers.call("nora", "DELETE", path, headers={"If-Match": declared.headers["etag"]})
    assert withdrawn.status_code == 204
    assert callers.get("nora", path).json()["withdrawn_at"] == "2027-03-01T08:00:00Z"


def test_a_hindrance_lists_the_visits_it_hits_and_tells_a_site_one_word_of_why(callers: Callers) -> None:
    course = callers.book()
    graft = course["visits"][1]
    stretch = {"start_at": graft["start_at"], "end_at": graft["end_at"]}
    body = {"patient": ANA, **stretch, "reason": "The daughter marries."}
    declared = callers.post("nora", "/v1/hindrances", body)
    assert declared.status_code == 201
    assert [one["id"] for one in declared.json()["visits"]] == [graft["id"]]
    assert callers.get("nora", f"/v1/visits/{graft['id']}").json()["start_at"] == graft["start_at"]
    assert declared.json()["hindrance"]["neutral"] == "patient" and "marries" not in declared.text
    path = declared.headers["location"]
    assert callers.get("paul", path).json()["reason"] == "The daughter marries."
    assert callers.get("sam", path).status_code == 404
    late = callers.post("paul", "/v1/hindrances", body | {"kinds": ["fill"], "dose": 1, "reason": "Cells grow slowly."})
    assert late.json()["hindrance"]["neutral"] == "supply"
    assert callers.get("nora", late.headers["location"]).status_code == 404
    assert [one["id"] for one in callers.get("mona", "/v1/hindrances").json()["items"]] == [path.split("/")[-1]]
    withdrawn = callers.call("nora", "DELETE", path, headers={"If-Match": declared.headers["etag"]})
    assert withdrawn.status_code == 204
    assert callers.get("nora", path).json()["withdrawn_at"] == "2027-03-01T08:00:00Z"


def test_a_courier_sees_shipments_without_patient_or_contents_and_records_them(callers: Callers) -> None:
    callers.book()
    answer = callers.get("carl", "/v1/shipments", params={"from": "2027-03-01T00:00:00Z", "to": "2027-04-01T00:00:00Z"})
    shipments = answer.json()["items"]
    assert ANA not in answer.text
    assert "biopsy" not in answer.text
    assert [(one["from_place"], one["to_place"]) for one in shipments] == [("NORTH", "HUB"), ("HUB", "NORTH")]
    assert [(one["at_least_celsius"], one["at_most_celsius"]) for one in shipments] == [(2, 25), (2, 8)]
    assert [one["box"] is not None for one in shipments] == [False, True]

    biopsy = callers.steps(ANA)[f"{ANA}/biopsy"]
    callers.record(biopsy)
    first = shipments[0]
    callers.clock.now = datetime.fromisoformat(first["drop_at"])
    answer = callers.post(
        "carl",
        f"/v1/shipments/{first['id']}/record",
        {"outcome": "performed", "start_at": first["pick_up_at"], "end_at": first["drop_at"]},
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "performed")
    assert ANA not in answer.text
    assert callers.steps(ANA)[f"{ANA}/biopsy_transit"]["status"] == "performed"


def test_a_site_sees_how_full_its_own_rooms_are_and_the_planner_every_place(callers: Callers) -> None:
    graft = callers.book()["visits"][1]
    day = {"from": f"{graft['on']}T00:00:00+01:00", "to": f"{_day_after(graft['on'])}T00:00:00+01:00"}
    shown = callers.get("nora", "/v1/resources/NORTH/theatre/load", params=day).json()
    # A graft lasts 60 minutes, and there is one theatre.
    assert [(one["most_taken"], one["taken_minutes"]) for one in shown["stretches"]] == [(1, 60)]
    assert callers.get("nora", "/v1/resources/HUB/suite/load", params=day).status_code == 404
    assert callers.get("paul", "/v1/resources/HUB/suite/load", params=day).status_code == 200
    assert {one["place"] for one in callers.get("nora", "/v1/resources").json()["items"]} == {NORTH}


def test_an_override_needs_a_role_a_reason_and_the_callers_own_key(callers: Callers) -> None:
    course = callers.book()
    latest = course["visits"][2]["window"]["latest"]
    assert callers.new_times(not_before=_day_after(latest)) == []
    offer = callers.new_times(who="dora", not_before=_day_after(latest), override=True)[0]
    assert offer["breaks"] == ["pair_window"]
    path, match = f"/v1/courses/{ANA}/reschedule", {"If-Match": callers.etag(f"/v1/courses/{ANA}")}
    move = {"offer": offer["id"], "reason_code": "patient_unwell"}
    signed = move | {"note": "Pneumonia.", "signature": callers.signature("dora")}
    assert (
        callers.post("nora", path, signed | {"signature": callers.signature("nora")}, headers=match).status_code == 403
    )
    assert callers.post("dora", path, move | {"note": "Pneumonia."}, headers=match).status_code == 403
    assert callers.post("dora", path, signed | {"note": None}, headers=match).status_code == 422
    stolen = callers.post("dora", path, signed | {"signature": callers.signature("nora")}, headers=match)
    assert stolen.json()["type"] == "urn:marrowline:problem:signature-refused"
    moved = callers.done("dora", path, signed, headers=match)
    assert moved["visits"][2]["on"] == offer["first_dose_on"] > latest


def test_the_unblinded_side_imports_the_list_and_one_patient_is_opened_in_an_emergency(callers: Callers) -> None:
    callers.book()
    csv = {"Content-Type": "text/csv"}
    content = f"patient,arm\n{ANA},carrier\n"
    imported = callers.call("stella", "POST", "/v1/randomisation", content=content, headers=csv)
    assert (imported.status_code, imported.json()) == (200, {"imported": 1})
    assert callers.get("stella", "/v1/randomisation").json() == {"items": [{"patient": ANA, "arm": "carrier"}]}
    for who in ("phil", "paul", "quinn"):
        assert callers.get(who, f"/v1/courses/{ANA}/contents?dose=1").json()["make"] is False
    for who in ("nora", "mona", "dora", "rita", "sue", "alan", "carl"):
        assert callers.get(who, f"/v1/courses/{ANA}/contents?dose=1").status_code == 403
        assert callers.get(who, "/v1/randomisation").status_code == 403
    opened = callers.done(
        "dora",
        f"/v1/patients/{ANA}/unblinding",
        {"reason": "Suspected reaction.", "signature": callers.signature("dora", "emergency unblinding")},
        status=201,
    )
    assert opened["arm"] == "carrier"
    (alarm,) = callers.get("stella", "/v1/alarms").json()["items"]
    assert (alarm["patient"], alarm["opened_by"], alarm["acknowledged_at"]) == (ANA, "Dora Doctor", None)
    assert callers.done("stella", f"/v1/alarms/{alarm['id']}/acknowledge")["acknowledged_by"] == "Stella Statistics"


def test_an_auditor_reads_everything_and_each_reading_is_a_line(callers: Callers) -> None:
    callers.book()
    before = callers.lines()
    assert "steps" in callers.get("ada", f"/v1/courses/{ANA}").json()
    assert callers.get("ada", f"/v1/patients/{ANA}").status_code == 200
    assert callers.lines() == before + 2
    callers.get("nora", f"/v1/courses/{ANA}")
    assert callers.lines() == before + 2


def test_sent_again_with_its_key_a_booking_is_answered_again_and_made_once(callers: Callers) -> None:
    callers.register()
    held = callers.hold(callers.offers()[0]["id"])
    key = {"Idempotency-Key": "book-ana"}
    first = callers.post("nora", "/v1/bookings", {"hold": held["id"]}, headers=key)
    again = callers.post("nora", "/v1/bookings", {"hold": held["id"]}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = callers.post("nora", "/v1/bookings", {"hold": "hold_other"}, headers=key)
    assert other.json()["type"] == "urn:marrowline:problem:idempotency-key-reused"


def test_courses_that_have_begun_elsewhere_are_taken_over_line_by_line(callers: Callers) -> None:
    callers.clock.now = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
    content = (
        "patient,site,registered_on,weight_kg,kind,dose,start_at,end_at\n"
        f"{ANA},NORTH,2027-03-01,61.5,biopsy,,2027-03-03T08:00:00+01:00,2027-03-03T08:45:00+01:00\n"
        f"{BEN},SOUTH,2027-03-01,61.5,biopsy,,2027-03-03T08:00:00,2027-03-03T08:45:00\n"
    )
    csv = {"Content-Type": "text/csv"}
    dry = callers.call("paul", "POST", "/v1/courses/import?dry_run=true", content=content, headers=csv).json()
    assert [one["ok"] for one in dry["lines"]] == [True, False], dry["lines"]
    assert callers.get("paul", "/v1/courses").json()["items"] == []
    real = callers.call("paul", "POST", "/v1/courses/import", content=content, headers=csv).json()
    assert (real["patients"], [one["line"] for one in real["lines"]]) == (1, [2, 3])
    assert callers.get("nora", f"/v1/visits/{ANA}/biopsy").json()["status"] == "performed"


def test_a_sooner_course_that_moves_a_draft_is_offered_with_whom_it_moves_and_booked_at_once(callers: Callers) -> None:
    # Four patients take all of 22 and 23 March; Easter closes the days up to 2 April.
    for number in range(1, 5):
        callers.book(f"NORTH-{number:03d}")
    callers.register("NORTH-009")
    alone = callers.offers("NORTH-009", count=1)[0]
    assert alone["moves"] == []
    sooner = callers.offers("NORTH-009", tier=1)[0]
    assert sooner["first_dose_on"] < alone["first_dose_on"]
    ((moved, visits),) = [(one["patient"], one["visits"]) for one in sooner["moves"]]
    assert callers.offers("NORTH-009", "paul", tier=1)[0]["moves"][0]["patient"] == moved
    assert callers.post("nora", "/v1/holds", {"offer": sooner["id"]}).status_code == 409
    booked = callers.done("nora", "/v1/bookings", {"offer": sooner["id"], "reason": "Cannot wait."}, status=201)
    assert booked["visits"][1]["on"] == sooner["first_dose_on"]
    for visit in visits:
        shown = callers.get("nora", f"/v1/visits/{visit['id']}").json()
        assert datetime.fromisoformat(shown["start_at"]) == datetime.fromisoformat(visit["new_start_at"])
        assert (shown["reason"], shown["told"]) == ("logistics", False)


def test_a_reader_who_has_the_version_of_a_patient_is_sent_nothing(callers: Callers) -> None:
    callers.book()
    path = f"/v1/patients/{ANA}"
    assert callers.get("nora", path, headers={"If-None-Match": callers.etag(path)}).status_code == 304


def test_a_course_is_always_sent_because_more_than_its_version_changes(callers: Callers) -> None:
    callers.book()
    path = f"/v1/courses/{ANA}"
    assert callers.get("nora", path, headers={"If-None-Match": callers.etag(path)}).status_code == 200
