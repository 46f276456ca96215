"""A night happens exactly once, whatever workers and clocks do."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from scheduler.domain.audience import Principal, Role
from scheduler.persistence.database import Database
from scheduler.persistence.unit_of_work import UnitOfWork
from scheduler.reoptimise.runs import (
    MOST_ATTEMPTS,
    OVERDUE_AFTER,
    PROGRAM,
    Done,
    LeaseLost,
    SomebodyElses,
    acting,
    advance,
    ask,
    claim_what_waits,
    fail,
    finish,
    give_back,
    heartbeat,
    night_due,
    shown,
    standing,
)
from tests.api.cast import trail
from tests.booking.house import NORA, PAUL, House, refused
from tests.reoptimise.cast import (
    HALF_PAST_TWO,
    LEASE,
    NEW_YORK,
    NIGHT,
    NOW,
    SECOND,
    SEOUL,
    all_runs,
    asked_for,
    claimed,
    finished,
)


def working(database: Database, who: Principal, after: timedelta = timedelta(0)) -> UnitOfWork:
    return UnitOfWork(database, now=NOW + after, principal=who)


# --- having a night --------------------------------------------------------------------------------------------------


def test_the_first_worker_has_the_night_and_the_second_hears_who_has_it(database: Database) -> None:
    anna = claimed(database, "Anna")
    assert (anna.local_date, anna.attempt) == (NIGHT, 1)
    assert asked_for(database, "Berta", SECOND) == SomebodyElses(anna.run, "Anna", NOW + LEASE)


def test_a_night_that_is_over_is_not_done_again(database: Database) -> None:
    anna = claimed(database, "Anna")
    finished(database, anna)
    assert asked_for(database, "Berta", timedelta(hours=5)) == Done(anna.run, "unchanged")
    assert [(run.status, run.attempt) for run in all_runs(database)] == [("unchanged", 1)]


def test_a_night_that_failed_is_not_done_again_and_says_why(database: Database) -> None:
    anna = claimed(database, "Anna")
    with working(database, acting("Anna")) as work:
        fail(work, anna, "The suite is closed. Move the visits.")
        work.commit()
    assert asked_for(database, "Berta", timedelta(hours=5)) == Done(anna.run, "failed")
    (run,) = all_runs(database)
    assert (run.reason, run.ended_at) == ("The suite is closed. Move the visits.", NOW)
    assert [one.reason for one in trail(database, "plan_run:failed")] == [run.reason]


def test_a_lease_is_taken_over_when_it_has_run_out_and_not_before(database: Database) -> None:
    anna = claimed(database, "Anna")
    assert isinstance(asked_for(database, "Berta", LEASE - SECOND), SomebodyElses)
    berta = claimed(database, "Berta", LEASE)
    assert (berta.run, berta.attempt) == (anna.run, 2)
    assert isinstance(asked_for(database, "Carla", LEASE), SomebodyElses)


def test_a_worker_that_shows_it_is_alive_keeps_its_run(database: Database) -> None:
    anna = claimed(database, "Anna")
    heartbeat(database, anna, NOW + LEASE - SECOND, LEASE)
    assert isinstance(asked_for(database, "Berta", 2 * LEASE - 2 * SECOND), SomebodyElses)
    assert claimed(database, "Berta", 2 * LEASE - SECOND).attempt == 2


def test_a_worker_that_lost_its_lease_changes_nothing_any_more(database: Database) -> None:
    anna = claimed(database, "Anna")
    berta = claimed(database, "Berta", LEASE)
    for change in (
        lambda: heartbeat(database, anna, NOW + LEASE, LEASE),
        lambda: advance(database, anna, "checking", NOW + LEASE),
        lambda: give_back(database, anna, NOW + LEASE),
        lambda: finished(database, anna, LEASE),
    ):
        with pytest.raises(LeaseLost):
            change()
    finished(database, berta, LEASE)
    assert len(trail(database, "plan_run:ended")) == 1


def test_what_a_worker_publishes_is_undone_when_it_lost_its_lease(database: Database) -> None:
    anna = claimed(database, "Anna")
    claimed(database, "Berta", LEASE)
    with pytest.raises(LeaseLost), working(database, acting("Anna"), LEASE) as work:
        work.session.execute(text("UPDATE board SET revision = 7"))
        finish(work, anna, "published", {})
        work.commit()
    with database.session() as session:
        assert session.execute(text("SELECT revision FROM board")).scalar_one() == 0


def test_a_worker_of_the_same_name_that_starts_again_does_not_have_the_old_claim(database: Database) -> None:
    before = claimed(database, "Anna")
    again = claimed(database, "Anna", LEASE)
    with pytest.raises(LeaseLost):
        advance(database, before, "checking", NOW + LEASE)
    advance(database, again, "checking", NOW + LEASE)


def test_a_run_given_back_is_free_at_once(database: Database) -> None:
    give_back(database, claimed(database, "Anna"), NOW + SECOND)
    assert claimed(database, "Berta", SECOND).attempt == 2


def test_a_run_that_kills_every_worker_is_given_up_with_a_reason(database: Database) -> None:
    for number in range(MOST_ATTEMPTS):
        claimed(database, "Anna", number * LEASE)
    found = asked_for(database, "Anna", MOST_ATTEMPTS * LEASE)
    assert isinstance(found, Done) and found.status == "failed"
    assert str(all_runs(database)[0].reason).startswith(f"This run was begun {MOST_ATTEMPTS} times and never ended")


def test_each_scope_and_each_date_has_a_night_of_its_own(database: Database) -> None:
    first = claimed(database, "Anna")
    second = claimed(database, "Anna", night=date(2027, 3, 2))
    assert first.run != second.run


# --- clocks ----------------------------------------------------------------------------------------------------------


def test_a_clock_put_forward_gives_the_run_away_and_the_former_holder_cannot_end_it(database: Database) -> None:
    anna = claimed(database, "Anna")
    berta = claimed(database, "Berta", timedelta(days=2))
    with pytest.raises(LeaseLost):
        finished(database, anna, SECOND)
    finished(database, berta, timedelta(days=2))
    assert len(all_runs(database)) == 1


def test_a_clock_put_back_does_not_keep_a_dead_workers_run_for_days(database: Database) -> None:
    """Anna claimed and died when the clock was two days ahead: a lease of two minutes cannot end two days from now."""
    claimed(database, "Anna", timedelta(days=2))
    assert claimed(database, "Berta").attempt == 2


def test_a_clock_put_back_by_less_than_a_lease_waits_for_it(database: Database) -> None:
    claimed(database, "Anna", LEASE)
    assert isinstance(asked_for(database, "Berta"), SomebodyElses)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        # Seoul is nine hours ahead of UTC.
        ("2027-02-28T17:29:59+00:00", date(2027, 2, 28)),
        ("2027-02-28T17:30:00+00:00", date(2027, 3, 1)),
        ("2027-03-01T14:59:59+00:00", date(2027, 3, 1)),
        ("2027-03-01T15:00:00+00:00", date(2027, 3, 1)),  # midnight: the night of the 2nd has not begun
    ],
)
def test_the_night_that_is_due_goes_by_the_programs_clocks(now: str, due: date) -> None:
    assert night_due(datetime.fromisoformat(now), SEOUL, HALF_PAST_TWO) == due


def test_a_night_whose_hour_comes_twice_is_one_night() -> None:
    """On 7 November 2027 New York has 01:30 at 05:30 and again at 06:30 UTC."""
    at = HALF_PAST_TWO.replace(hour=1)
    dates = [night_due(datetime(2027, 11, 7, hour, 30, tzinfo=UTC), NEW_YORK, at) for hour in (4, 5, 6, 7)]
    assert dates == [date(2027, 11, 6), date(2027, 11, 7), date(2027, 11, 7), date(2027, 11, 7)]


def test_a_night_whose_hour_is_left_out_is_due_when_the_clocks_have_passed_it() -> None:
    """On 14 March 2027 New York goes from 01:59 to 03:00, at 07:00 UTC: there is no 02:30."""
    before, after = datetime(2027, 3, 14, 6, 59, tzinfo=UTC), datetime(2027, 3, 14, 7, 0, tzinfo=UTC)
    assert night_due(before, NEW_YORK, HALF_PAST_TWO) == date(2027, 3, 13)
    assert night_due(after, NEW_YORK, HALF_PAST_TWO) == date(2027, 3, 14)


# --- asking for a run ------------------------------------------------------------------------------------------------


def test_a_run_that_was_asked_for_is_done_by_the_next_worker_and_no_other(both: House) -> None:
    with both.doing(PAUL) as work:
        asked = ask(work, SEOUL)
    assert (asked.kind, asked.status, asked.asked_by) == ("asked", "waiting", "Paul Planner")
    anna = claim_what_waits(both.database, PROGRAM, "Anna", both.now, LEASE)
    assert anna is not None and anna.run == asked.id
    assert claim_what_waits(both.database, PROGRAM, "Berta", both.now, LEASE) is None


def test_asking_again_while_a_run_waits_gives_the_same_one(both: House) -> None:
    with both.doing(PAUL) as work:
        first = ask(work, SEOUL)
    with both.doing(PAUL) as work:
        assert ask(work, SEOUL).id == first.id
    claim_what_waits(both.database, PROGRAM, "Anna", both.now, LEASE)
    with both.doing(PAUL) as work:
        assert ask(work, SEOUL).id != first.id
    assert len(both.trail("plan_run:asked")) == 2


def test_a_coordinator_may_not_ask_for_a_run(house: House) -> None:
    with house.work(NORA) as work:
        refused("not-your-role", 403, lambda: ask(work, SEOUL))


def test_a_night_left_by_a_dead_worker_is_done_before_what_was_asked_for_later(both: House) -> None:
    anna = claimed(both.database, "Anna")
    with both.doing(PAUL) as work:
        asked = ask(work, SEOUL)
    order = [claim_what_waits(both.database, PROGRAM, "Berta", NOW + LEASE, LEASE) for _ in range(3)]
    assert [one and one.run for one in order] == [anna.run, asked.id, None]


def test_a_run_nobody_knows_is_not_found(house: House) -> None:
    with house.work(PAUL) as work:
        refused("run-not-found", 404, lambda: shown(work, 1))


# --- how the nights have gone ----------------------------------------------------------------------------------------


def test_nights_are_overdue_26_hours_after_the_last_good_one(both: House) -> None:
    finished(both.database, claimed(both.database, "Anna"))
    assert overdue(both, OVERDUE_AFTER) is False
    assert overdue(both, OVERDUE_AFTER + SECOND) is True


def test_a_failed_night_is_counted_and_is_no_good_one(both: House) -> None:
    finished(both.database, claimed(both.database, "Anna"))
    tomorrow = claimed(both.database, "Anna", timedelta(days=1), date(2027, 3, 2))
    with working(both.database, acting("Anna"), timedelta(days=1)) as work:
        fail(work, tomorrow, "It broke. Mend it.")
        work.commit()
    assert overdue(both, timedelta(days=1, hours=3)) is True
    with working(both.database, PAUL) as work:
        found = standing(work)
    assert found.ended == {("nightly", "unchanged"): 1, ("nightly", "failed"): 1}
    assert found.last_good_at == NOW


def test_without_any_night_the_program_counts_from_its_import(house: House) -> None:
    with UnitOfWork(house.database, now=house.now + OVERDUE_AFTER + SECOND, principal=PAUL) as work:
        assert standing(work).overdue is True
    with UnitOfWork(house.database, now=house.now + OVERDUE_AFTER, principal=PAUL) as work:
        assert standing(work).overdue is False


def test_a_database_without_a_program_is_not_overdue(database: Database) -> None:
    with working(database, Principal("Mina Admin", Role.ADMIN, None, "console")) as work:
        assert standing(work).overdue is False


def overdue(house: House, after: timedelta) -> bool:
    with working(house.database, PAUL, after) as work:
        return standing(work).overdue
