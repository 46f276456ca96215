"""Who may have which calendar, and what its events say while a course is booked, told, moved, done and cancelled."""

from __future__ import annotations

from datetime import timedelta

import icalendar
import pytest

from scheduler.booking.cancel import cancel
from scheduler.booking.confirm import confirm
from scheduler.booking.feed_documents import Served, Shelf, serve
from scheduler.booking.feeds import Issued, Scope, issue, listed, revoke
from scheduler.booking.remake import give_up
from scheduler.booking.reschedule import reschedule
from scheduler.booking.unblinded import import_randomisation
from scheduler.domain.audience import Principal
from scheduler.persistence import custody
from tests.booking.house import (
    ADA,
    CARL,
    DORA,
    HUB,
    MONA,
    NORA,
    NORTH,
    PAUL,
    PHIL,
    QUINN,
    SAM,
    SOUTH,
    STELLA,
    House,
    refused,
)
from tests.calendar_export.readers import READERS, read_by_all

GRAFT = "ANA: graft, dose 2"
SCOPES: tuple[tuple[Scope, str], ...] = (
    ("site", NORTH),
    ("coordinator", NORTH),
    ("patient", "ANA"),
    ("plant", HUB),
    ("suite", "HUB/suite-1"),
    ("lane", "HUB-NORTH"),
    ("pharmacist", NORTH),
)


def issued(house: House, scope: Scope = "site", subject: str = NORTH, who: Principal = NORA) -> Issued:
    with house.doing(who) as work:
        return issue(work, house.board, scope=scope, subject=subject, label="Nora's Outlook")


def served(house: House, feed: Issued, shelf: Shelf | None = None) -> Served:
    found = serve(house.database, shelf or Shelf(), feed.token, house.now)
    assert found is not None
    return found


def events(house: House, feed: Issued) -> dict[str, icalendar.Event]:
    """By what they are called in English, as a reader made by others reads them."""
    found = icalendar.Calendar.from_ical(served(house, feed).document.body).walk("VEVENT")
    return {str(one["SUMMARY"]).split(" / ")[0]: one for one in found}


def moved(house: House, patient: str = "ANA") -> None:
    """Dose 2 goes to a later day."""
    later = house.visits(patient)[f"{patient}/2/graft"].on_date + timedelta(days=1)
    offer = house.offers(patient, dose=2, not_before=later, count=1)[0]
    with house.doing() as work:
        reschedule(work, house.board, patient, offer.id, reason_code="patient_request")


# --- who may have which -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (NORA, {"site", "coordinator", "patient"}),
        (PAUL, {"site", "coordinator", "patient", "plant", "suite", "lane"}),
        (PHIL, {"pharmacist"}),
        *((other, set()) for other in (DORA, MONA, QUINN, CARL, STELLA, ADA)),
    ],
    ids=lambda one: one.key_id if isinstance(one, Principal) else "",
)
def test_each_role_may_issue_its_own_scopes_and_no_others(house: House, who: Principal, may: set[str]) -> None:
    house.registered("ANA")
    for scope, subject in SCOPES:
        if scope in may:
            assert issued(house, scope, subject, who).feed.scope == scope
        else:
            refused("not-your-role", 403, lambda scope=scope, subject=subject: issued(house, scope, subject, who))


@pytest.mark.parametrize(
    ("scope", "subject", "slug"),
    [
        ("site", SOUTH, "site-not-found"),
        ("coordinator", "NOWHERE", "site-not-found"),
        ("patient", "BEN", "patient-not-found"),
    ],
)
def test_what_is_of_another_site_does_not_exist_for_a_coordinator(
    house: House, scope: Scope, subject: str, slug: str
) -> None:
    house.registered("BEN", SOUTH)
    refused(slug, 404, lambda: issued(house, scope, subject))


@pytest.mark.parametrize(
    ("scope", "subject", "slug"),
    [
        ("plant", NORTH, "plant-not-found"),
        ("plant", "HUB/suite-1", "plant-not-found"),
        ("suite", HUB, "suite-not-found"),
        ("suite", "HUB/suite-99", "suite-not-found"),
        ("lane", HUB, "lane-not-found"),
    ],
)
def test_a_subject_must_fit_its_scope(house: House, scope: Scope, subject: str, slug: str) -> None:
    refused(slug, 404, lambda: issued(house, scope, subject, PAUL))


def test_only_a_hash_of_the_secret_is_kept_and_the_trail_tells_who_issued_what(house: House) -> None:
    made = issued(house)
    secret = made.token.removeprefix(f"{made.feed.id}-")
    assert len(bytes.fromhex(secret)) * 8 == 128
    assert secret not in str(made.feed.model_dump())
    (entry,) = house.trail("calendar_feed:issued")
    assert entry.subject == made.feed.id
    assert secret not in str(entry.model_dump())


def test_feeds_are_listed_for_those_who_may_manage_them(house: House) -> None:
    ours, theirs = issued(house), issued(house, "site", SOUTH, SAM)
    plants, phils = issued(house, "plant", HUB, PAUL), issued(house, "pharmacist", NORTH, PHIL)
    shown = {}
    for who in (NORA, SAM, PAUL, PHIL, ADA):
        with house.work(who, write=False) as work:
            shown[who.key_id] = {one.id for one in listed(work)}
    assert shown["nora"] == {ours.feed.id}
    assert shown["sam"] == {theirs.feed.id}
    assert shown["paul"] == {ours.feed.id, theirs.feed.id, plants.feed.id}
    assert shown["phil"] == {phils.feed.id}
    assert shown["ada"] == {ours.feed.id, theirs.feed.id, plants.feed.id, phils.feed.id}


def test_a_revoked_feed_is_answered_no_more_and_revoking_again_changes_nothing(house: House) -> None:
    made = issued(house)
    for _ in range(2):
        with house.doing() as work:
            revoke(work, made.feed.id)
    assert serve(house.database, Shelf(), made.token, house.now) is None
    assert len(house.trail("calendar_feed:revoked")) == 1


def test_a_feed_of_another_site_cannot_be_revoked(house: House) -> None:
    made = issued(house)
    with house.work(SAM) as work:
        refused("calendar-feed-not-found", 404, lambda: revoke(work, made.feed.id))


# --- what events say --------------------------------------------------------------------------------------------------


def test_every_visit_of_a_site_is_an_event_with_its_local_time_in_words(house: House) -> None:
    house.booked("ANA")
    house.booked("BEN", SOUTH)
    found = events(house, issued(house))
    visits = house.visits("ANA")
    assert set(found) == {
        "ANA: biopsy",
        "ANA: graft, dose 1",
        "ANA: graft, dose 2",
        "ANA: follow-up visit, month-3",
    }
    assert found[GRAFT]["DTSTART"].dt == visits["ANA/2/graft"].start_at
    assert found[GRAFT]["DTEND"].dt == visits["ANA/2/graft"].end_at
    text = str(found[GRAFT]["DESCRIPTION"])
    assert "(Europe/Berlin): graft, dose 2. The dose arrives by" in text
    assert "투여 기한" in text
    assert str(found[GRAFT]["LOCATION"]) == "North hospital"


def test_a_visit_that_is_moved_stays_one_event_with_a_higher_sequence(house: House) -> None:
    house.booked("ANA")
    feed = issued(house)
    before = events(house, feed)
    house.now += timedelta(hours=1)
    moved(house)
    after = events(house, feed)
    assert {name: one["UID"] for name, one in after.items()} == {name: one["UID"] for name, one in before.items()}
    assert after[GRAFT]["SEQUENCE"] == before[GRAFT]["SEQUENCE"] + 1
    assert after[GRAFT]["DTSTART"].dt > before[GRAFT]["DTSTART"].dt
    assert after[GRAFT]["DTSTAMP"].dt == after[GRAFT]["LAST-MODIFIED"].dt == house.now
    assert after["ANA: biopsy"] == before["ANA: biopsy"]


def test_every_reader_sees_one_event_that_was_moved(house: House) -> None:
    house.booked("ANA")
    feed = issued(house)
    before = read_by_all(served(house, feed).document.body)
    moved(house)
    after = read_by_all(served(house, feed).document.body)
    graft = house.visits("ANA")["ANA/2/graft"]
    for reader in READERS:
        old, new = ([one for one in read[reader] if GRAFT in one.summary] for read in (before, after))
        assert len(old) == len(new) == 1
        assert (new[0].uid, new[0].sequence, new[0].start_at) == (old[0].uid, old[0].sequence + 1, graft.start_at)


def test_only_the_coordinator_hears_what_the_patient_must_be_told(house: House) -> None:
    house.booked("ANA")
    site, coordinator = issued(house), issued(house, "coordinator")
    assert "The patient has not been told" in str(events(house, coordinator)[GRAFT]["DESCRIPTION"])
    assert "told" not in str(events(house, site)[GRAFT]["DESCRIPTION"])
    with house.doing() as work:
        confirm(work, "ANA/2/graft")
    assert "Confirmed by the patient." in str(events(house, coordinator)[GRAFT]["DESCRIPTION"])


def test_a_patients_calendar_has_the_visits_of_that_patient_alone(house: House) -> None:
    house.booked("ANA")
    house.booked("NORTH-2")
    assert {name.split(":")[0] for name in events(house, issued(house, "patient", "ANA"))} == {"ANA"}


def test_what_is_cancelled_is_told_for_thirty_days_and_then_no_more(house: House) -> None:
    house.booked("ANA")
    feed, shelf = issued(house), Shelf()
    house.now += timedelta(hours=1)
    with house.doing() as work:
        cancel(work, "ANA", reason_code="withdrawn_consent")
    assert {one["STATUS"] for one in events(house, feed).values()} == {"CANCELLED"}
    told = served(house, feed, shelf).document
    house.now += timedelta(days=30, seconds=-1)
    assert served(house, feed, shelf).document == told
    house.now += timedelta(seconds=1)
    assert b"BEGIN:VEVENT" not in served(house, feed, shelf).document.body


def test_a_visit_whose_date_no_longer_holds_is_cancelled_until_it_has_a_new_one(house: House) -> None:
    house.booked("ANA")
    house.recorded_until("ANA/1/fill")
    feed = issued(house)
    house.now = house.activities("ANA")["ANA/1/fill"].end_at
    with house.doing(PAUL) as work:
        give_up(work, house.board, "ANA", 1, cause="lot_failed", failed_activity="ANA/1/fill", at=house.now)
    graft = events(house, feed)["ANA: graft, dose 1"]
    assert graft["STATUS"] == "CANCELLED"
    assert "no longer holds" in str(graft["DESCRIPTION"])
    assert events(house, issued(house, "plant", HUB, PAUL))["ANA: fill, dose 1"]["STATUS"] == "CANCELLED"


def test_the_plants_calendar_has_its_steps_with_units_and_a_suites_those_in_it(house: House) -> None:
    house.booked("ANA")
    plant = events(house, issued(house, "plant", HUB, PAUL))
    steps = [one for one in house.activities("ANA").values() if one.place == HUB and one.lane is None]
    assert {one["DTSTART"].dt for one in plant.values()} >= {one.start_at for one in steps}
    suite = events(house, issued(house, "suite", "HUB/suite-1", PAUL))
    in_suite = {one.start_at for one in steps if '"suite-1"' in one.units}
    assert {one["DTSTART"].dt for one in suite.values()} == in_suite
    assert set(suite) < set(plant)


def test_a_long_culture_keeps_nobody_busy(house: House) -> None:
    house.booked("ANA")
    plant = events(house, issued(house, "plant", HUB, PAUL))
    assert plant["ANA: growth"]["TRANSP"] == "TRANSPARENT"
    assert plant["ANA: seeding"]["TRANSP"] == "OPAQUE"


def test_a_courier_is_told_where_when_and_how_cold_but_no_patient(house: House) -> None:
    house.booked("ANA")
    body = served(house, issued(house, "lane", "HUB-NORTH", PAUL)).document.body.decode()
    assert "HUB → NORTH\\, 2–8 °C" in body
    assert "ANA" not in body
    assert "dose" not in body


@pytest.mark.parametrize(("arm", "told"), [("cells", "Contents: cells, "), ("carrier", "Contents: comparator, ")])
def test_a_pharmacist_reads_what_each_dose_holds_once_the_arms_are_known(house: House, arm: str, told: str) -> None:
    house.booked("ANA")
    feed = issued(house, "pharmacist", NORTH, PHIL)
    receipt = "ANA: receipt and check, dose 1"
    assert "not randomised yet" in str(events(house, feed)[receipt]["DESCRIPTION"])
    with house.doing(STELLA) as work:
        import_randomisation(work, house.board, [("ANA", arm)])
    text = str(events(house, feed)[receipt]["DESCRIPTION"])
    assert served(house, feed).since is None  # a hash of contents is kept nowhere
    assert told in text
    assert "Give by 2027-" in text


def test_a_pharmacist_reads_which_units_come_as_soon_as_they_are_filled(house: House) -> None:
    house.booked("ANA")
    feed = issued(house, "pharmacist", NORTH, PHIL)
    receipt = "ANA: receipt and check, dose 1"
    assert "Units:" not in str(events(house, feed)[receipt]["DESCRIPTION"])
    house.recorded_until("ANA/1/release")
    with house.work(PHIL, write=False) as work:
        (unit,) = custody.units_of(work.session, "ANA")
    event = events(house, feed)[receipt]
    assert f"Units: {unit.id}." in str(event["DESCRIPTION"])
    assert event.decoded("LAST-MODIFIED") == unit.made_at.replace(microsecond=0)


# --- the same bytes ---------------------------------------------------------------------------------------------------


def test_a_document_is_the_same_bytes_in_every_process_while_nothing_changes(house: House) -> None:
    house.booked("ANA")
    feed = issued(house)
    first = served(house, feed)
    house.now += timedelta(days=3)
    again = served(house, feed)
    assert (again.document.body, again.since) == (first.document.body, first.since)


def test_the_second_since_which_a_document_is_served_only_grows(house: House) -> None:
    """Two changes in one second: a reader who remembers the first must hear of the second."""
    house.booked("ANA")
    feed = issued(house, "coordinator")
    since = [served(house, feed).since]
    for visit in ("ANA/1/graft", "ANA/2/graft"):
        with house.doing() as work:
            confirm(work, visit)
        since.append(served(house, feed).since)
    assert since == [house.now + timedelta(seconds=number) for number in range(3)]


def test_a_document_is_made_again_only_after_something_changed(house: House) -> None:
    house.booked("ANA")
    feed, shelf = issued(house), Shelf()
    first = served(house, feed, shelf).document
    assert served(house, feed, shelf).document is first
    house.registered("NORTH-2")
    made_again = served(house, feed, shelf).document
    assert made_again is not first
    assert made_again == first


def test_of_too_many_documents_the_one_longest_unused_is_made_again(house: House) -> None:
    house.booked("ANA")
    site, coordinator, patient = issued(house), issued(house, "coordinator"), issued(house, "patient", "ANA")
    shelf = Shelf(room=2)
    first, second = (served(house, feed, shelf).document for feed in (site, coordinator))
    assert served(house, site, shelf).document is first
    served(house, patient, shelf)
    assert served(house, site, shelf).document is first
    assert served(house, coordinator, shelf).document is not second
