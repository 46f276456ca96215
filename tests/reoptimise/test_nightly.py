"""One run from its claim to its end: nothing to repair, something broken, and everything that can go wrong."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from scheduler.booking import hindrances
from scheduler.booking.closures import declare
from scheduler.domain.intervals import Interval
from scheduler.domain.rules import Violation
from scheduler.persistence import occupancy
from scheduler.persistence.answers import Answers, answer_key
from scheduler.persistence.database import Database
from scheduler.persistence.errors import DatabaseBusy
from scheduler.persistence.tables_plans import PlanRunRow
from scheduler.reoptimise import snapshot
from scheduler.reoptimise.nightly import run_night, what_is_broken
from scheduler.reoptimise.runs import PROGRAM, Claimed, Done, LeaseLost, SomebodyElses, ask, claim
from scheduler.reoptimise.shift import Shift, program_zone
from scheduler.reoptimise.upkeep import audit_head, forget_answers, recheck_closures
from scheduler.reoptimise.worker import Stopped, Worker, new_name
from tests.booking.house import HUB, NORA, PAUL, House
from tests.reoptimise.cast import HALF_PAST_TWO, LEASE, NIGHT, all_runs

ANNA, BERTA = "Anna", "Berta"


def shift_of(house: House, name: str = ANNA, **more: object) -> Shift:
    zone = program_zone(house.database)
    assert zone is not None
    worker = Worker(name, lease=LEASE)
    return Shift(house.database, lambda: house.now, worker, zone, HALF_PAST_TWO, **more)  # type: ignore[arg-type]


def night_of(house: House, worker: str = ANNA) -> Claimed:
    found = claim(house.database, PROGRAM, NIGHT, worker, house.now, LEASE)
    assert isinstance(found, Claimed), found
    return found


def the_run(database: Database) -> PlanRunRow:
    (run,) = all_runs(database)
    return run


def suite_closed(house: House, patient: str) -> Interval:
    """The suite is shut over the fill of dose 1 of a patient who is booked."""
    fill = house.activities(patient)[f"{patient}/1/fill"]
    with house.doing(PAUL) as work:
        declare(
            work,
            house.board,
            where=HUB,
            resource="suite",
            start_at=fill.start_at,
            end_at=fill.end_at,
            reason="New filters.",
        )
    return Interval(fill.start_at, fill.end_at)


def test_a_plan_that_keeps_every_rule_is_left_unchanged_with_its_figures(both: House) -> None:
    both.booked("ANA")
    both.booked("BEN", "SOUTH")
    found = shift_of(both).due_night()
    assert isinstance(found, Claimed)
    run = the_run(both.database)
    assert (run.status, run.reason, run.local_date) == ("unchanged", None, NIGHT)
    result = json.loads(run.result or "")
    assert (result["courses"], result["open_courses"], result["violations"]) == (2, 2, 0)
    with both.work(PAUL, write=False) as work:
        assert run.base_revision == occupancy.board(work.session).revision


def test_a_program_without_courses_is_unchanged(house: House) -> None:
    shift_of(house).due_night()
    assert json.loads(the_run(house.database).result or "")["courses"] == 0


def test_a_night_is_done_once_a_day_and_the_next_one_is_another(house: House) -> None:
    shift = shift_of(house)
    assert isinstance(shift.due_night(), Claimed)
    assert isinstance(shift.due_night(), Done)
    house.now += timedelta(days=1)
    assert isinstance(shift.due_night(), Claimed)
    assert [run.attempt for run in all_runs(house.database)] == [1, 1]


def test_a_worker_that_starts_late_does_the_night_that_was_missed_and_what_was_asked_for(house: House) -> None:
    with house.doing(PAUL) as work:
        asked = ask(work, shift_of(house).zone)
    house.now += timedelta(hours=9)  # 17:00 UTC; the night began at 01:30 UTC
    done = shift_of(house).what_waits()
    assert [(one.kind, one.run) for one in done] == [("nightly", done[0].run), ("asked", asked.id)]
    assert {run.status for run in all_runs(house.database)} == {"unchanged"}
    assert shift_of(house, BERTA).what_waits() == []


def test_a_night_another_worker_is_at_is_left_to_it(house: House) -> None:
    mine = night_of(house, BERTA)
    assert shift_of(house).due_night() == SomebodyElses(mine.run, BERTA, house.now + LEASE)


def test_a_worker_that_was_told_to_stop_gives_its_run_back_for_another_at_once(house: House) -> None:
    anna = Worker(ANNA, lease=LEASE)
    mine = night_of(house)
    anna.stopping.set()
    with pytest.raises(Stopped):
        run_night(house.database, lambda: house.now, anna, mine)
    assert the_run(house.database).ended_at is None
    assert isinstance(shift_of(house, BERTA).due_night(), Claimed)
    assert (the_run(house.database).status, the_run(house.database).attempt) == ("unchanged", 2)


def test_a_worker_that_lost_its_run_leaves_it_to_the_other(house: House) -> None:
    mine = night_of(house)
    house.now += LEASE
    berta = night_of(house, BERTA)
    with pytest.raises(LeaseLost):
        run_night(house.database, lambda: house.now, Worker(ANNA, lease=LEASE), mine)
    run_night(house.database, lambda: house.now, Worker(BERTA, lease=LEASE), berta)
    assert the_run(house.database).status == "unchanged"


def test_a_mistake_of_ours_fails_the_night_without_telling_what_was_in_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> list[Violation]:
        raise ValueError("ANA weighs 61.5 kg")

    monkeypatch.setattr(snapshot, "still_broken", stumble)
    shift_of(house).due_night()
    run = the_run(house.database)
    assert run.status == "failed"
    assert str(run.reason).startswith("The run ended by a mistake of ours (ValueError); the plan in force stays.")
    assert "ANA" not in str(run.reason)


def test_a_database_that_is_busy_does_not_fail_the_night_and_another_resumes_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> list[Violation]:
        raise DatabaseBusy

    with monkeypatch.context() as patched, pytest.raises(DatabaseBusy):
        patched.setattr(snapshot, "still_broken", busy)
        shift_of(house).due_night()
    assert the_run(house.database).ended_at is None
    house.now += LEASE
    assert isinstance(shift_of(house, BERTA).due_night(), Claimed)
    assert the_run(house.database).status == "unchanged"


def test_the_lease_is_renewed_while_a_night_takes_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands at the claim until the first heartbeat is there, and the lease ends two minutes after that."""
    anna = Worker(ANNA, lease=timedelta(milliseconds=40))  # a sign of life every 10 ms
    seen = later(house)
    monkeypatch.setattr(snapshot, "still_broken", lambda *_: next(seen))
    mine = night_of(house)
    run_night(house.database, lambda: house.now, anna, mine)
    assert the_run(house.database).status == "unchanged"


def later(house: House) -> Iterator[list[Violation]]:
    """Put the clock on, and wait until the worker has said that it is alive at that time."""
    house.now += timedelta(minutes=1)
    nobody = threading.Event()
    assert any(the_run(house.database).heartbeat_at == house.now or nobody.wait(0.01) for _ in range(2000))
    assert the_run(house.database).lease_until == house.now + timedelta(milliseconds=40)
    yield []


def test_a_reason_names_a_few_and_counts_the_rest() -> None:
    broken = tuple(Violation("closure", f"HYU-{number:03}", (), "shut") for number in range(1, 8))
    text = what_is_broken((*broken, Violation("cost_as_stated", "", (), "differs")))
    assert text.startswith(
        "The plan in force breaks rules 8 times (closure, cost_as_stated), "
        "in the courses HYU-001, HYU-002, HYU-003, HYU-004, HYU-005 and 2 more."
    )


def test_no_two_workers_have_the_same_name() -> None:
    assert new_name() != new_name()


# --- between the nights ----------------------------------------------------------------------------------------------


def test_a_closure_that_hits_something_planned_asks_for_a_run_once(house: House) -> None:
    house.booked("ANA")
    shift = shift_of(house)
    suite_closed(house, "ANA")
    first = recheck_closures(house.database, shift.worker, shift.zone, house.now)
    assert first is not None
    assert recheck_closures(house.database, shift.worker, shift.zone, house.now) is None
    assert [(run.kind, run.asked_by) for run in all_runs(house.database)] == [("asked", "nightly worker")]


def test_a_hindrance_that_hits_something_planned_asks_for_a_run_that_moves_it(
    house: House,
) -> None:
    house.booked("ANA")
    shift = shift_of(house)
    graft = house.visits("ANA")["ANA/2/graft"]
    with house.doing(NORA) as work:
        away = {"kinds": None, "dose": None, "start_at": graft.start_at, "end_at": graft.end_at, "reason": "A fever."}
        hindrances.declare(work, house.board, patient="ANA", **away)  # type: ignore[arg-type]
    assert recheck_closures(house.database, shift.worker, shift.zone, house.now) is not None
    shift.what_waits()
    run = all_runs(house.database)[-1]
    result = json.loads(run.result or "{}")
    assert (run.status, result["rules"], result["repair"]["patients"]) == ("published", {"hindrance": 1}, ["ANA"])
    assert (result["repair"]["doses_lost"], result["repair"]["proven"]) == ([], True)


def test_a_night_would_put_a_culture_into_another_incubator_and_move_nobody(house: House) -> None:
    house.booked("ANA")
    growth = house.activities("ANA")["ANA/growth"]
    stretch = {"start_at": growth.start_at, "end_at": growth.end_at, "reason": "A broken fan."}
    with house.doing(PAUL) as work:
        unit = json.loads(growth.units)["incubator"]
        declare(work, house.board, where=HUB, resource="incubator", unit=unit, **stretch)  # type: ignore[arg-type]
    shift_of(house).due_night()
    result = json.loads(the_run(house.database).result or "{}")
    assert (result["rules"], result["repair"]["patients"]) == ({"closure": 1}, [])
    assert (result["repair"]["visits_moved"], result["repair"]["price"], result["repair"]["undecided"]) == (
        0,
        [0, 0],
        [],
    )


def test_a_closure_that_a_run_has_looked_at_is_not_asked_about_again(house: House) -> None:
    house.booked("ANA")
    suite_closed(house, "ANA")
    shift_of(house).due_night()
    berta = shift_of(house, BERTA)
    assert recheck_closures(house.database, berta.worker, berta.zone, house.now) is None


def test_a_closure_that_hits_nothing_asks_for_nothing(house: House) -> None:
    shut = suite_closed(house, house.booked("ANA"))
    house.now = shut.end_at + timedelta(days=1)
    shift = shift_of(house)
    assert recheck_closures(house.database, shift.worker, shift.zone, house.now) is None
    assert all_runs(house.database) == []


def test_the_audit_head_is_the_number_and_hash_to_note_down(house: House) -> None:
    house.registered("ANA")
    entry = house.trail("patient:registered")[-1]
    found = audit_head(house.database)
    assert (found.entries, found.hash, found.holds) == (entry.id, entry.hash, True)


def test_answers_nobody_will_ask_for_again_are_forgotten(house: House) -> None:
    Answers(house.database).begin(answer_key("nora", "5f1c"), "book it", house.now)
    assert forget_answers(house.database, house.now + timedelta(days=2)) == 0
    assert forget_answers(house.database, house.now + timedelta(days=2, seconds=1)) == 1
