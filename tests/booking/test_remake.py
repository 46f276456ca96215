"""Remake: what failed is made again under its old ids, and what was done stays on record as it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as tried_with
from hypothesis import strategies as st

from scheduler.booking.board import Board
from scheduler.booking.book import book_hold
from scheduler.booking.cancel import cancel
from scheduler.booking.confirm import confirm
from scheduler.booking.in_force import plan_in_force, standings
from scheduler.booking.record import write_deviation
from scheduler.booking.remake import GivenUp, give_up
from scheduler.booking.reschedule import reschedule, rewrite, say_why
from scheduler.booking.seating import seated_together
from scheduler.booking.shares import Booked, share_of_booked
from scheduler.booking.unblinded import import_randomisation
from scheduler.booking.views import VisitView, booked_visits
from scheduler.domain.audience import Principal
from scheduler.domain.calendars import local_date, local_instant
from scheduler.domain.remake import Cause
from scheduler.persistence import occupancy, repositories
from scheduler.persistence.database import Database
from scheduler.persistence.mapping import course_of, patient_of
from scheduler.persistence.tables import AttemptRow, CourseRow, StayRow
from scheduler.planning.repair import Repaired, repair
from tests.booking.house import CARL, NORA, PAUL, SAM, STELLA, House, move_in, refused
from tests.booking.referee import judged

ANA, BEN = "ANA", "BEN"
DAY = timedelta(days=1)
STEPS_OF_DOSE = ("fill", "release", "pack", "transit", "receipt", "graft")
HARVEST = ("biopsy", "biopsy_transit", "seeding")


def given_up(
    house: House,
    failed: str,
    cause: Cause = "lot_failed",
    *,
    dose: int = 1,
    who: Principal = PAUL,
    at: datetime | None = None,
) -> GivenUp:
    with house.doing(who) as work:
        return give_up(
            work,
            house.board,
            failed.split("/")[0],
            dose,
            cause=cause,
            failed_activity=failed,
            at=at or house.now,
        )


def culture_lost(house: House, days: int, patient: str = ANA) -> GivenUp:
    """A booked course whose culture is lost so many days after its isolation."""
    house.booked(patient, "NORTH" if patient == ANA else "SOUTH")
    house.recorded_until(f"{patient}/growth")
    house.now = house.activities(patient)[f"{patient}/seeding"].end_at + timedelta(days=days)
    return given_up(house, f"{patient}/growth")


def attempts(house: House, patient: str = ANA) -> dict[str, AttemptRow]:
    with house.work(PAUL, write=False) as work:
        return {f"{one.activity}#{one.attempt}": one for one in repositories.attempts_of(work.session, patient)}


def course_row(house: House, patient: str = ANA) -> CourseRow:
    with house.work(PAUL, write=False) as work:
        row = repositories.course(work.session, patient)
        assert row is not None
        return row


def statuses(house: House, patient: str = ANA) -> dict[str, str]:
    return {name.removeprefix(f"{patient}/"): one.status for name, one in house.activities(patient).items()}


def stays_now(house: House, patient: str = ANA) -> list[StayRow]:
    with house.work(PAUL, write=False) as work:
        return occupancy.stays_of(work.session, patient)


def repaired(house: House) -> Repaired:
    """Repair what is booked, and write it as a plan that is put in force: new stays, new times, told visits."""
    with house.work(PAUL, write=False) as work:
        plan, facts = plan_in_force(work, house.board)
        found = repair(facts, standings(work, house.board, plan, facts), house.now, seconds=5.0)
    changed = [one for one in found.plan.courses if one.patient in found.changed]
    with house.doing(PAUL) as work:
        revision = work.lock_board()
        own = frozenset(
            one.id
            for course in changed
            for one in occupancy.stays_of(work.session, course.patient)
            if one.id is not None
        )
        with house.board.desk(work) as desk:
            together = seated_together(work, house.board, desk, changed, releasing=own)
            facts = desk.facts
        occupancy.release_stays(work.session, own, revision)
        work.session.flush()
        for course, stays in together:
            occupancy.add_stays(work.session, stays, revision)
            row = repositories.course(work.session, course.patient, lock=True)
            person = repositories.patient(work.session, course.patient)
            assert row is not None and person is not None
            rows = {one.id: one for one in repositories.activities(work.session, course.patient)}
            before = course_of(patient_of(person), row, rows.values())
            say_why(work, rewrite(work, facts, course, before, rows), "supply")
            row.version += 1
    return found


def shown(house: House, patient: str = ANA) -> dict[str, VisitView]:
    """What the site is shown of a course."""
    with house.work(NORA, write=False) as work:
        facts = house.board.facts(work)
        row, person = repositories.course(work.session, patient), repositories.patient(work.session, patient)
        assert row is not None and person is not None
        booked = Booked(
            person,
            row,
            repositories.activities(work.session, patient),
            repositories.visits_of(work.session, patient),
        )
        share = share_of_booked(facts, booked)
        zone = facts.network.place(row.site).zone
        return {one.id: one for one in booked_visits(share, facts.protocol, zone)}


# --- how far back ----------------------------------------------------------------------------------------------------


def test_a_culture_lost_after_the_bank_was_frozen_is_restarted_from_it(house: House) -> None:
    found = culture_lost(house, 7)
    assert (found.way, found.dose) == ("bank", 1)
    assert course_row(house).restarted == "[1]"
    now = statuses(house)
    assert {now[kind] for kind in HARVEST} == {"performed"}
    assert now["growth"] == "given_up"
    assert {now[f"1/{kind}"] for kind in STEPS_OF_DOSE} == {"open"}
    assert set(found.open_steps) == {f"{ANA}/1/{kind}" for kind in STEPS_OF_DOSE}
    assert found.visits == (f"{ANA}/1/graft",)
    # Dose 2 is booked as it was, until a repair moves it.
    assert {now[f"2/{kind}"] for kind in STEPS_OF_DOSE} == {"planned"}


def test_a_culture_lost_before_there_is_a_bank_needs_a_new_harvest(house: House) -> None:
    found = culture_lost(house, 6)
    assert found.way == "harvest"
    assert course_row(house).restarted == "[]"
    now = statuses(house)
    assert {now[kind] for kind in (*HARVEST, "growth", *(f"1/{kind}" for kind in STEPS_OF_DOSE))} == {"open"}
    assert found.visits == (f"{ANA}/biopsy", f"{ANA}/1/graft")


def test_a_dry_harvest_is_made_again(house: House) -> None:
    house.booked(ANA)
    house.recorded(f"{ANA}/biopsy", NORA, "failed")
    found = given_up(house, f"{ANA}/biopsy", "harvest_dry", who=NORA)
    assert found.way == "harvest"
    assert house.visits(ANA)[f"{ANA}/biopsy"].reason == "patient"


def test_a_biopsy_that_is_lost_on_the_way_is_made_again(house: House) -> None:
    house.booked(ANA)
    house.recorded_until(f"{ANA}/biopsy_transit")
    house.recorded(f"{ANA}/biopsy_transit", CARL, "failed")
    assert given_up(house, f"{ANA}/biopsy_transit", "shipment_lost", who=CARL).way == "harvest"
    assert house.visits(ANA)[f"{ANA}/biopsy"].reason == "logistics"


def test_a_lot_of_a_later_dose_is_made_again_from_its_thaw(house: House) -> None:
    house.booked(ANA)
    house.recorded_until(f"{ANA}/2/transit")
    house.recorded(f"{ANA}/2/transit", CARL, "failed")
    found = given_up(house, f"{ANA}/2/transit", "shipment_lost", dose=2, who=CARL)
    assert found.way == "dose"
    assert set(found.open_steps) == {f"{ANA}/2/{kind}" for kind in ("thaw", "regrowth", *STEPS_OF_DOSE)}
    assert {one for name, one in statuses(house).items() if name.startswith("1/")} == {"performed"}


def drawn(house: House, dose: int) -> GivenUp:
    """A booked course whose blood for a dose is drawn and useless."""
    house.booked(ANA)
    live_until(house, house.activities(ANA)[f"{ANA}/{dose}/draw"].start_at)
    house.recorded(f"{ANA}/{dose}/draw", NORA, "failed")
    return given_up(house, f"{ANA}/{dose}/draw", "tap_failed", dose=dose, who=NORA)


@pytest.mark.parametrize(("dose", "cells"), [(1, "growth"), (2, "2/regrowth")])
def test_after_a_failed_draw_the_cells_grow_on(
    sqlite_database: Database, tmp_path: Path, dose: int, cells: str
) -> None:
    house = move_in(sqlite_database, tmp_path, tapped=True)
    found = drawn(house, dose)
    assert found.way == "material"
    assert set(found.open_steps) == {f"{ANA}/{dose}/{kind}" for kind in ("draw", "draw_transit", *STEPS_OF_DOSE)}
    assert found.visits == (f"{ANA}/{dose}/draw", f"{ANA}/{dose}/graft")
    assert house.visits(ANA)[f"{ANA}/{dose}/draw"].reason == "patient"
    assert statuses(house)[cells] == "planned"
    # The cells keep their incubator.
    assert f"{ANA}/{cells}" in {one.activity for one in stays_now(house)}


def test_after_a_failed_draw_a_repair_lets_the_cells_wait_for_the_next(
    sqlite_database: Database, tmp_path: Path
) -> None:
    house = move_in(sqlite_database, tmp_path, tapped=True)
    before = drawn(house, 1) and house.activities(ANA)
    found = repaired(house)
    after = house.activities(ANA)
    assert [one.dose for one in found.plan.unplanned] == []
    assert after[f"{ANA}/growth"].start_at == before[f"{ANA}/growth"].start_at
    assert after[f"{ANA}/growth"].end_at == after[f"{ANA}/1/fill"].start_at > before[f"{ANA}/growth"].end_at
    assert judged(house) == []


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_what_was_done_stays_on_record_as_it_was(both: House) -> None:
    house = both
    house.booked(ANA)
    house.recorded_until(f"{ANA}/1/release")
    house.recorded(f"{ANA}/1/release", PAUL, "failed")
    before = house.activities(ANA)
    given_up(house, f"{ANA}/1/release")
    kept = attempts(house)
    assert set(kept) == {f"{ANA}/growth#1", *(f"{ANA}/1/{kind}#1" for kind in STEPS_OF_DOSE)}
    own = ("attempt", "course", "kind", "dose", "place", "units", "start_at", "end_at", "lane", "volume_ml", "syringes")
    for one in kept.values():
        for name in (*own, "status", "actual_start_at", "actual_end_at", "recorded_by", "version"):
            assert getattr(one, name) == getattr(before[one.activity], name), (one.activity, name)
        assert (one.why, one.given_up_at, one.given_up_by) == ("lot_failed", house.now, "Paul Planner")
    assert kept[f"{ANA}/1/fill#1"].status == "performed"
    assert kept[f"{ANA}/1/release#1"].status == "failed"
    fill = house.activities(ANA)[f"{ANA}/1/fill"]
    assert (fill.status, fill.attempt, fill.actual_start_at, fill.recorded_by) == ("open", 2, None, None)


def test_a_step_that_nobody_recorded_is_on_record_as_failed(house: House) -> None:
    culture_lost(house, 7)
    kept = attempts(house)[f"{ANA}/growth#1"]
    assert (kept.status, kept.actual_end_at, kept.recorded_by) == ("failed", house.now, "Paul Planner")


def test_what_a_given_up_dose_would_hold_is_free_at_once_and_what_it_used_stays_used(house: House) -> None:
    culture_lost(house, 7)
    assert {one.activity for one in stays_now(house)}.isdisjoint(
        {f"{ANA}/growth", *(f"{ANA}/1/{kind}" for kind in STEPS_OF_DOSE)}
    )
    with house.database.session() as session:
        units = {unit: number for number, unit in occupancy.units(session).items() if unit[1] == "incubator"}
        used = occupancy.taken_between(session, list(units.values()), 0, 2**40)
    growth = attempts(house)[f"{ANA}/growth#1"]
    (one,) = [each for each in used if each.activity.startswith(f"{ANA}/growth")]
    # Seven days of the incubator are history; nothing of it lies ahead.
    assert (one.begins, one.ends) == (int(growth.start_at.timestamp()), int(house.now.timestamp()))


def test_a_board_that_has_heard_nothing_finds_what_became_free(house: House) -> None:
    culture_lost(house, 7)
    fresh = Board()
    house.registered(BEN, "SOUTH", SAM)
    known = [one.first_dose_on for one in house.offers(BEN, SAM)]
    house.board = fresh
    assert [one.first_dose_on for one in house.offers(BEN, SAM)] == known


def test_a_deviation_that_was_signed_for_an_attempt_excuses_no_later_one(both: House) -> None:
    house = both
    house.booked(ANA)
    with house.doing(PAUL) as work:
        for dose in (1, 2):
            write_deviation(work, ANA, f"{ANA}/{dose}/graft", "pair_window", "fever", "override", {})
    house.recorded_until(f"{ANA}/growth")
    house.now = house.activities(ANA)[f"{ANA}/seeding"].end_at + 7 * DAY
    given_up(house, f"{ANA}/growth")
    with house.work(PAUL, write=False) as work:
        assert [one.activity for one in repositories.deviations_of(work.session, ANA)] == [f"{ANA}/2/graft"]


def test_giving_up_is_in_the_trail(house: House) -> None:
    culture_lost(house, 7)
    (entry,) = house.trail("dose:given_up")
    assert (entry.subject, entry.reason, entry.actor) == (f"{ANA}/growth", "lot_failed", "Paul Planner")


# --- what the patient hears ------------------------------------------------------------------------------------------


def test_a_visit_whose_date_no_longer_holds_says_so_until_it_has_another(house: House) -> None:
    house.booked(ANA)
    with house.doing(NORA) as work:
        confirm(work, f"{ANA}/1/graft")
    told = shown(house)[f"{ANA}/1/graft"]
    house.recorded_until(f"{ANA}/growth")
    house.now = house.activities(ANA)[f"{ANA}/seeding"].end_at + 7 * DAY
    given_up(house, f"{ANA}/growth")
    now = shown(house)
    graft = now[f"{ANA}/1/graft"]
    assert (graft.status, graft.reason, graft.confirmed, graft.told) == ("open", "supply", False, False)
    assert (graft.start_at, graft.arrives_at, graft.give_by) == (told.start_at, None, None)
    assert graft.text.en.endswith("This date no longer holds; a new one will be told.")
    assert graft.text.ko.endswith("새 날짜를 안내해 드립니다.")
    # Dose 2 is counted from a day nobody knows.
    assert now[f"{ANA}/2/graft"].window is None
    refused("visit-ended", 409, lambda: confirming(house, f"{ANA}/1/graft"))
    repaired(house)
    again = shown(house)[f"{ANA}/1/graft"]
    assert (again.status, again.told) == ("planned", False)
    assert again.start_at > told.start_at
    assert "no longer" not in again.text.en
    confirming(house, f"{ANA}/1/graft")


def confirming(house: House, visit: str) -> None:
    with house.doing(NORA) as work:
        confirm(work, visit)


# --- new times -------------------------------------------------------------------------------------------------------


def test_a_repair_gives_a_restarted_dose_new_times_under_its_old_ids(house: House) -> None:
    culture_lost(house, 7)
    found = repaired(house)
    assert [one.dose for one in found.plan.unplanned] == []
    rows = house.activities(ANA)
    assert {rows[f"{ANA}/1/{kind}"].status for kind in ("thaw", "regrowth", *STEPS_OF_DOSE)} == {"planned"}
    assert (rows[f"{ANA}/1/fill"].attempt, rows[f"{ANA}/1/thaw"].attempt) == (2, 1)
    # The dose was told for days that are inside the patients' fence: it may begin again after a day.
    assert rows[f"{ANA}/1/thaw"].start_at >= house.now + DAY
    assert judged(house) == []


def test_a_restart_gives_the_dose_sooner_than_a_new_harvest(fresh: Callable[[], House]) -> None:
    given: list[datetime] = []
    for days in (7, 6):
        house = fresh()
        culture_lost(house, days)
        repaired(house)
        given.append(house.activities(ANA)[f"{ANA}/1/graft"].start_at)
    # Though it was lost a day later: five days of regrowth are enough, a new growth takes ten.
    assert given[0] < given[1]


def test_an_offer_that_is_taken_up_gives_an_open_dose_new_times(house: House) -> None:
    culture_lost(house, 7)
    offer = house.offers(ANA, dose=1, onwards=True, count=1)[0]
    with house.doing(NORA) as work:
        reschedule(work, house.board, ANA, offer.id, reason_code="supply")
    assert statuses(house)["1/graft"] == "planned"
    assert house.visits(ANA)[f"{ANA}/1/graft"].status == "planned"
    assert judged(house) == []


def test_a_dose_made_again_is_recorded_like_any_other(house: House) -> None:
    culture_lost(house, 7)
    repaired(house)
    house.recorded_until(f"{ANA}/2/graft")
    house.recorded(f"{ANA}/2/graft", NORA)
    assert house.activities(ANA)[f"{ANA}/1/graft"].status == "performed"
    house.recorded_until(f"{ANA}/month-3/follow_up")
    house.recorded(f"{ANA}/month-3/follow_up", NORA)
    assert course_row(house).status == "completed"


def test_a_restarted_dose_can_fail_again(house: House) -> None:
    culture_lost(house, 7)
    repaired(house)
    house.recorded_until(f"{ANA}/1/fill")
    found = given_up(house, f"{ANA}/1/fill")
    assert found.way == "bank"
    assert f"{ANA}/1/thaw" in found.open_steps
    assert {f"{ANA}/1/fill#1", f"{ANA}/1/fill#2", f"{ANA}/1/thaw#1"} <= set(attempts(house))
    repaired(house)
    assert statuses(house)["1/graft"] == "planned"
    assert judged(house) == []


def test_a_course_that_waits_for_a_dose_is_not_over(house: House) -> None:
    house.booked(ANA)
    house.recorded_until(f"{ANA}/2/transit")
    given_up(house, f"{ANA}/2/fill", dose=2)
    house.recorded(f"{ANA}/month-3/follow_up", NORA)
    assert course_row(house).status == "booked"


def test_a_course_with_an_open_dose_can_be_ended(house: House) -> None:
    culture_lost(house, 7)
    with house.doing() as work:
        cancel(work, ANA, reason_code="withdrawn_consent")
    assert statuses(house)["1/graft"] == "cancelled"
    assert house.visits(ANA)[f"{ANA}/1/graft"].status == "cancelled"


# --- whatever the arm ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "way"), [(7, "harvest"), (8, "bank")])
def test_a_comparator_dose_fails_with_the_same_consequences_for_its_visits(
    build: Callable[..., House], days: int, way: str
) -> None:
    house = build("lean")
    for name, site, who in ((ANA, "NORTH", NORA), (BEN, "SOUTH", SAM)):
        house.registered(name, site, who)
    with house.doing(STELLA) as work:
        import_randomisation(work, house.board, [(ANA, "cells"), (BEN, "carrier")])
    for name, who in ((ANA, NORA), (BEN, SAM)):
        hold = house.held(house.offers(name, who)[0].id, who)
        with house.doing(who) as work:
            book_hold(work, house.board, hold)
    for step in (f"{ANA}/biopsy", f"{BEN}/biopsy", f"{ANA}/biopsy_transit", f"{BEN}/biopsy_transit", f"{ANA}/seeding"):
        house.recorded(step, house.recorder(house.activities(step.split("/")[0])[step]))
    # The bank takes 7 days. Where the arm is known they count from the day after the biopsy has arrived, for every arm.
    for name in sorted((ANA, BEN), key=lambda one: house.activities(one)[f"{one}/biopsy_transit"].end_at):
        house.now = house.activities(name)[f"{name}/biopsy_transit"].end_at + days * DAY
        found = given_up(house, f"{name}/growth")
        assert found.way == way
        assert [one.removeprefix(f"{name}/") for one in found.visits] == ["biopsy"] * (days == 7) + ["1/graft"]
        assert house.visits(name)[f"{name}/1/graft"].reason == "supply"
        assert course_row(house, name).version == 2 + 1
        # Cells could begin again after the fence of 3 days, and grow for 10 days, or again for 5: no dose comes sooner.
        with house.work(PAUL, write=False) as work:
            (kept,) = [one for one in repositories.hindrances(work.session) if one.patient == name]
        until = local_date(house.now, "Europe/Berlin") + (3 + {"harvest": 10, "bank": 5}[way]) * DAY
        assert (kept.kinds, kept.dose, kept.end_at) == ('["fill"]', 1, local_instant(until, 0, "Europe/Berlin"))


# --- what is refused -------------------------------------------------------------------------------------------------


def test_what_cannot_have_failed_is_refused_and_changes_nothing(house: House) -> None:
    house.booked(ANA)
    house.recorded_until(f"{ANA}/growth")
    before = statuses(house)
    refused("course-not-found", 404, lambda: given_up(house, f"{BEN}/growth"))
    refused("step-not-found", 404, lambda: given_up(house, f"{ANA}/nothing"))
    refused("step-not-found", 404, lambda: given_up(house, f"{ANA}/growth", who=NORA))
    refused("course-not-found", 404, lambda: given_up(house, f"{ANA}/biopsy", "harvest_dry", who=SAM))
    refused("not-your-step", 403, lambda: given_up(house, f"{ANA}/biopsy", "harvest_dry"))
    refused("other-dose", 422, lambda: given_up(house, f"{ANA}/growth", dose=2))
    refused("other-dose", 422, lambda: given_up(house, f"{ANA}/growth", dose=9))
    refused("other-cause", 422, lambda: given_up(house, f"{ANA}/growth", "tap_failed"))
    refused("other-cause", 422, lambda: given_up(house, f"{ANA}/biopsy", "lot_failed", who=NORA))
    refused("not-yet", 422, lambda: given_up(house, f"{ANA}/growth", at=house.now + DAY))
    gone_on = refused("gone-on", 409, lambda: given_up(house, f"{ANA}/biopsy", "harvest_dry", who=NORA))
    assert gone_on.blinded_sentence is not None and "seeding" not in gone_on.blinded_sentence
    assert statuses(house) == before
    assert attempts(house) == {}


def test_a_step_that_waits_already_is_not_given_up_twice(house: House) -> None:
    culture_lost(house, 7)
    refused("open-already", 409, lambda: given_up(house, f"{ANA}/1/fill"))
    refused("step-not-found", 404, lambda: given_up(house, f"{ANA}/growth"))


def test_a_dose_that_was_given_is_not_made_again(house: House) -> None:
    house.booked(ANA)
    house.recorded_until(f"{ANA}/1/graft")
    house.recorded(f"{ANA}/1/graft", NORA)
    refused("dose-given", 409, lambda: given_up(house, f"{ANA}/1/release"))


def test_a_course_that_has_ended_is_not_made_again(house: House) -> None:
    house.booked(ANA)
    with house.doing() as work:
        cancel(work, ANA, reason_code="withdrawn_consent")
    refused("course-ended", 409, lambda: given_up(house, f"{ANA}/growth"))


def test_an_open_step_is_not_recorded(house: House) -> None:
    culture_lost(house, 7)
    refused("step-not-found", 404, lambda: house.recorded(f"{ANA}/1/fill", PAUL))


# --- whatever happens ------------------------------------------------------------------------------------------------

FAILURES: list[tuple[str, int, Cause]] = [
    ("growth", 1, "lot_failed"),
    ("1/fill", 1, "lot_failed"),
    ("1/release", 1, "lot_failed"),
    ("1/transit", 1, "shipment_lost"),
    ("1/thaw", 1, "lot_failed"),
    ("biopsy", 1, "harvest_dry"),
    ("biopsy_transit", 1, "shipment_lost"),
    ("2/regrowth", 2, "lot_failed"),
    ("2/fill", 2, "lot_failed"),
    ("2/transit", 2, "shipment_lost"),
]


def live_until(house: House, instant: datetime) -> None:
    """Record what ends before an instant as it was planned, in the order of time."""
    rows = [one for name in (ANA, BEN) for one in house.activities(name).values() if one.status == "planned"]
    for one in sorted(rows, key=lambda each: (each.end_at, each.start_at)):
        if one.end_at < instant:
            if one.kind == "fill":
                house.weighed(one.course, max(one.start_at - 2 * DAY, house.now - 6 * DAY))
            house.recorded(one.id, house.recorder(one))
    house.now = max(house.now, instant)


@tried_with(st.lists(st.tuples(st.sampled_from(FAILURES), st.sampled_from([ANA, BEN])), min_size=2, max_size=4))
@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_fails_the_repaired_plan_keeps_every_rule_and_no_record_changes(
    fresh: Callable[[], House], events: list[tuple[tuple[str, int, Cause], str]]
) -> None:
    house = fresh()
    house.booked(ANA)
    house.booked(BEN, "SOUTH")
    kept: dict[str, dict[str, object]] = {}
    for (step, dose, cause), name in events:
        row = house.activities(name).get(f"{name}/{step}")
        if row is None or row.status != "planned" or row.start_at < house.now:
            continue
        live_until(house, row.start_at + timedelta(hours=1))
        given_up(house, row.id, cause, dose=dose, who=house.recorder(row))
        lost = {one.dose for one in repaired(house).plan.unplanned}
        # A dose may be lost for good; nothing else is broken.
        assert {one.rule for one in judged(house)} <= ({"accounted_for"} if lost else set())
        now = {key: one.model_dump() for who in (ANA, BEN) for key, one in attempts(house, who).items()}
        assert kept.items() <= now.items()
        kept = now
