"""The campaigns, small: the same code as `make reliability`, on both databases."""

import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from scheduler.persistence.database import open_database
from scheduler.planning.planner import first_come_first_served_plan
from scheduler.reliability import fuzzing
from scheduler.reliability.feeds import time_feeds
from scheduler.reliability.judge import Promised, judge
from scheduler.reliability.killing import PROGRAM, kill_loop
from scheduler.reliability.latency import Times, measure
from scheduler.reliability.race import RACED, race
from scheduler.reliability.restoring import restore_drill
from scheduler.reliability.service import Answer
from scheduler.reliability.world import new_database, set_up

NOW = datetime.fromisoformat("2027-03-01T09:00:00+09:00")


@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL"])
def test_racing_processes_book_nothing_twice_and_lose_nothing(kind: str) -> None:
    raced = race(kind, processes=3, actions=40)
    assert raced.tally.unclean == []
    assert raced.verdict.sound, raced.verdict
    assert raced.attempts >= 120
    assert all(raced.tally.done[name] for name in RACED), raced.tally.done
    assert raced.tally.refused.total(), "nobody came into anybody's way"


def test_what_was_acknowledged_is_there_after_the_server_was_killed() -> None:
    killed = kill_loop("SQLite", rounds=2, clients=2)
    assert killed.seen.unexpected == []
    assert killed.seen.unanswered, "nobody noticed that the server died"
    assert killed.verdict.sound, killed.verdict


def test_sites_get_offers_and_bookings_and_no_error_of_the_server() -> None:
    measured, moving = measure(
        "PostgreSQL", PROGRAM, first_come_first_served_plan, clients=4, workers=2, rounds=1, thinks=(0.0,)
    )
    assert moving.times.seconds["offers, tier 1"] and not moving.times.refused
    assert len(measured.times.seconds["offers"]) >= 8  # four clients look twice at least
    assert measured.times.seconds["book"]
    assert {name.split()[1] for name in measured.times.refused} <= {"409"}


@pytest.mark.parametrize(("origin", "target"), [("SQLite", "PostgreSQL"), ("PostgreSQL", "SQLite")])
def test_a_restored_backup_is_the_same_trial(origin: str, target: str) -> None:
    drilled = restore_drill(origin, target, PROGRAM, first_come_first_served_plan)
    assert (drilled.courses, drilled.trail_holds, drilled.same_plan, drilled.broken_rules) == (8, True, True, 0)


def test_a_feed_is_timed_with_as_many_events_as_it_was_asked_for() -> None:
    for found in time_feeds("SQLite", PROGRAM, first_come_first_served_plan, events=100):
        assert found.events >= 100
        assert found.made > 0 and found.unchanged > 0


def test_no_request_makes_the_server_fail_or_answer_what_it_does_not_document() -> None:
    found = fuzzing.fuzz(300, first_come_first_served_plan)
    assert found.cases >= 300
    assert found.failures == ()


def test_a_time_within_which_a_share_was_answered_is_one_that_was_measured() -> None:
    times = Times()
    for hundredths in range(1, 21):  # 10, 20 ... 200 ms
        times.note("offers", Answer(200, None, None, hundredths / 100))
    times.note("offers", Answer(409, None, None, 9.0))
    # Half of 20 answers are the first ten, the longest of them 100 ms; 95 % are 19 of them: 190 ms.
    assert [round(times.milliseconds("offers", share)) for share in (50, 95, 100)] == [100, 190, 200]
    assert times.refused == {"offers 409": 1}


class TestJudge:
    """The judge must be able to find something."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        with new_database("SQLite") as made:
            set_up(made, PROGRAM, NOW, first_come_first_served_plan)
            shutil.copyfile(made.removeprefix("sqlite:///"), tmp_path / "trial.db")
        return f"sqlite:///{tmp_path / 'trial.db'}"

    def change(self, url: str, *statements: str) -> None:
        """Do what the database itself forbids."""
        database = open_database(url)
        with database.session(write=True) as session:
            connection = session.connection()
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for (name,) in connection.exec_driver_sql(triggers).all():
                connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
            for statement in statements:
                connection.exec_driver_sql(statement)
            session.commit()
        database.dispose()

    def test_a_database_in_order_is_sound(self, url: str) -> None:
        assert judge(url, NOW, Promised({})).sound

    def test_a_unit_taken_twice_is_a_double_booking(self, url: str) -> None:
        twice = (
            "INSERT INTO stay (unit_id, begins, ends, course, activity, resource, live, changed_revision) "
            "SELECT unit_id, begins + 60, ends, course, activity, resource, live, changed_revision "
            "FROM stay WHERE id = 1"
        )
        self.change(url, twice)
        assert judge(url, NOW, Promised({})).double_bookings == 1

    def test_a_moved_activity_breaks_a_rule(self, url: str) -> None:
        self.change(url, "UPDATE activity SET start_at = datetime(start_at, '-1 day') WHERE kind = 'fill' AND dose = 1")
        assert judge(url, NOW, Promised({})).broken_rules

    def test_a_course_that_is_not_there_or_is_another_or_cancelled_is_lost(self, url: str) -> None:
        self.change(url, "UPDATE course SET status = 'cancelled' WHERE id = 'HYU-002'")
        database = open_database(url)
        with database.session() as session:
            sql = "SELECT id, coi FROM course WHERE id <= 'HYU-003' ORDER BY id"
            told = {row[0]: row[1] for row in session.connection().exec_driver_sql(sql)}
        database.dispose()
        promised = Promised({**told, "HYU-003": "X-other", "HYU-999": "X-none"})
        assert [line.split(":")[0] for line in judge(url, NOW, promised).lost] == ["HYU-002", "HYU-003", "HYU-999"]

    def test_a_change_that_was_acknowledged_and_not_made_is_lost(self, url: str) -> None:
        database = open_database(url)
        with database.session() as session:
            sql = "SELECT coi FROM course WHERE id = 'HYU-001'"
            coi = session.connection().exec_driver_sql(sql).scalar_one()
        database.dispose()
        assert judge(url, NOW, Promised({"HYU-001": coi}, {"HYU-002": 1})).sound
        assert judge(url, NOW, Promised({"HYU-001": coi}, {"HYU-001": 1})).lost

    def test_a_changed_audit_entry_breaks_the_trail(self, url: str) -> None:
        self.change(url, "UPDATE audit_entry SET actor = 'Mallory' WHERE id = 2")
        assert judge(url, NOW, Promised({})).trail.startswith("entry 2")


def test_fuzzing_without_its_tool_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "COMMAND", os.devnull + "-none")
    with pytest.raises(Exception, match="make fuzz"):
        fuzzing.fuzz(1, first_come_first_served_plan)
