"""The same request sent twice is done once, whichever process gets it."""

import multiprocessing
from collections.abc import Callable
from datetime import timedelta

from sqlmodel import select

from scheduler.persistence.answers import Answers, Fresh, InFlight, Other, Replay, answer_key
from scheduler.persistence.database import Database, open_database
from scheduler.persistence.tables import AnswerRow
from tests.persistence.cast import NOW

KEY = answer_key("nora", "5f1c")
SECOND = timedelta(seconds=1)


def begun(answers: Answers) -> Fresh:
    fresh = answers.begin(KEY, "book it", NOW)
    assert isinstance(fresh, Fresh)
    return fresh


def test_the_first_request_is_fresh_and_the_second_in_flight(database: Database) -> None:
    answers = Answers(database)
    begun(answers)
    assert answers.begin(KEY, "book it", NOW + SECOND) == InFlight()


def test_an_answered_request_is_answered_the_same(database: Database) -> None:
    answers = Answers(database)
    assert answers.finish(begun(answers), 201, '{"id":"NOR-001"}', {"ETag": '"1"'})
    assert answers.begin(KEY, "book it", NOW + SECOND) == Replay(201, '{"id":"NOR-001"}', {"ETag": '"1"'})


def test_another_request_under_the_same_key_is_noticed(database: Database) -> None:
    answers = Answers(database)
    fresh = begun(answers)
    assert answers.begin(KEY, "cancel it", NOW) == Other()
    answers.finish(fresh, 200, "")
    assert answers.begin(KEY, "cancel it", NOW) == Other()


def test_two_callers_may_use_the_same_header(database: Database) -> None:
    answers = Answers(database)
    begun(answers)
    assert isinstance(answers.begin(answer_key("paul", "5f1c"), "book it", NOW), Fresh)


def test_a_request_given_up_may_be_sent_again(database: Database) -> None:
    answers = Answers(database)
    assert answers.abandon(begun(answers))
    assert isinstance(answers.begin(KEY, "book it", NOW + SECOND), Fresh)


def test_a_request_of_a_process_that_died_is_taken_over_once(database: Database) -> None:
    answers = Answers(database, taken_over_after=timedelta(seconds=30))
    dead = begun(answers)
    assert answers.begin(KEY, "book it", NOW + 29 * SECOND) == InFlight()
    heir = answers.begin(KEY, "book it", NOW + 30 * SECOND)
    assert isinstance(heir, Fresh)
    assert answers.begin(KEY, "book it", NOW + 31 * SECOND) == InFlight()
    assert not answers.finish(dead, 500, "too late")
    assert not answers.abandon(dead)
    assert answers.finish(heir, 201, "done")
    assert answers.begin(KEY, "book it", NOW + 32 * SECOND) == Replay(201, "done")


def test_an_answer_is_not_given_up_afterwards(database: Database) -> None:
    answers = Answers(database)
    fresh = begun(answers)
    answers.finish(fresh, 201, "done")
    assert not answers.abandon(fresh)
    assert answers.begin(KEY, "book it", NOW) == Replay(201, "done")


def test_answers_are_forgotten_after_their_time(database: Database) -> None:
    answers = Answers(database, kept_for=timedelta(days=2))
    answers.finish(begun(answers), 201, "done")
    later = NOW + timedelta(days=2, seconds=1)
    keys = [answer_key("nora", str(number)) for number in range(50)]  # old ones are looked for at every 50th request
    for key in keys:
        answers.begin(key, "another", later)
    with database.session() as session:
        assert set(session.exec(select(AnswerRow.key)).all()) == set(keys)


def test_a_key_can_be_used_for_another_request_when_its_answer_is_forgotten(database: Database) -> None:
    answers = Answers(database, kept_for=timedelta(days=2))
    fresh = begun(answers)
    answers.finish(fresh, 201, "done")
    assert answers.begin(fresh.key, "another", NOW + timedelta(days=2)) == Other()
    later = NOW + timedelta(days=2, seconds=1)
    assert answers.begin(fresh.key, "another", later) == Fresh(fresh.key, later)


def ask(url: str, requests: int, report: Callable[[list[int]], None]) -> None:
    """Send each of some requests once; report those that were fresh."""
    database = open_database(url)
    answers = Answers(database)
    report([n for n in range(requests) if isinstance(answers.begin(answer_key("nora", str(n)), "book it", NOW), Fresh)])
    database.dispose()


def test_of_several_processes_with_the_same_request_one_does_it(database: Database) -> None:
    spawned = multiprocessing.get_context("spawn")
    reports = spawned.SimpleQueue()
    askers = [spawned.Process(target=ask, args=(database.url, 60, reports.put)) for _ in range(2)]
    for asker in askers:
        asker.start()
    fresh = sorted(number for _ in askers for number in reports.get())
    for asker in askers:
        asker.join()
    assert fresh == list(range(60))
