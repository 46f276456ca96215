"""The jobs of a worker: what is declared, and that one that fails does not stop the others."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from apscheduler.triggers.interval import IntervalTrigger

from scheduler.booking.webhooks import subscribe
from scheduler.clock import real_clock
from scheduler.domain.errors import MarrowlineError
from scheduler.jobs import Figures, Job, declared, scheduler_of, watched, work_until_stopped
from scheduler.reoptimise.shift import Shift
from scheduler.reoptimise.worker import Worker
from tests.booking.house import House
from tests.reoptimise.cast import HALF_PAST_TWO, NEW_YORK, SEOUL, all_runs

STARTED = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)


def shift_of(house: House) -> Shift:
    return Shift(house.database, lambda: house.now, Worker("Anna"), SEOUL, HALF_PAST_TWO)


def figure(figures: Figures, name: str, **labels: str) -> float | None:
    return figures.registry.get_sample_value(f"marrowline_{name}", labels)


def test_every_job_is_declared_to_run_once_at_a_time_and_to_catch_up_once(house: House) -> None:
    made = scheduler_of(shift_of(house), Figures(), STARTED)
    jobs = {job.id: job for job in made.get_jobs()}
    assert set(jobs) == {"nightly", "pick up", "upkeep", "closure re-check", "replacements", "outbox", "audit head"}
    assert {job.executor for name, job in jobs.items() if name != "outbox"} == {"default"}
    assert jobs["outbox"].executor != "default"  # so that a slow receiver holds up no night
    assert made._job_defaults["coalesce"] is True
    assert made._job_defaults["max_instances"] == 1
    assert made._job_defaults["misfire_grace_time"] == 12 * 3600


def test_the_nightly_goes_by_the_programs_clocks(house: House) -> None:
    """02:30 of 2 March in Seoul is 17:30 of 1 March UTC."""
    (nightly,) = (job for job in declared(shift_of(house), Figures()) if job.name == "nightly")
    assert nightly.trigger.get_next_fire_time(None, STARTED) == datetime(2027, 3, 1, 17, 30, tzinfo=UTC)


def test_a_nightly_whose_hour_comes_twice_fires_for_one_date_only(house: House) -> None:
    """On 7 November 2027 New York has 01:30 at 05:30 and again at 06:30 UTC; the key of both is the local date."""
    shift = Shift(house.database, lambda: house.now, Worker("Anna"), NEW_YORK, HALF_PAST_TWO.replace(hour=1))
    for hour in (5, 6):
        house.now = datetime(2027, 11, 7, hour, 30, tzinfo=UTC)
        shift.due_night()
    assert [run.local_date.isoformat() for run in all_runs(house.database)] == ["2027-11-07"]


def test_a_job_that_fails_is_counted_and_raises_nothing(house: House) -> None:
    figures = Figures()

    def refuse() -> None:
        raise MarrowlineError("The database is busy. Try again.")

    def stumble() -> None:
        raise ValueError("a mistake of ours")

    for name, do in (("refused", refuse), ("stumbled", stumble), ("done", lambda: None)):
        watched(Job(name, IntervalTrigger(hours=1), do), figures)()
    assert [figure(figures, "job_failures_total", job=name) for name in ("refused", "stumbled")] == [1.0, 1.0]
    assert figure(figures, "job_failures_total", job="done") is None
    assert figure(figures, "job_runs_total", job="done") == 1.0


def test_what_waits_in_the_outbox_is_sent_by_the_worker(house: House) -> None:
    with house.doing() as work:
        subscribe(work, house.board, url="https://receiver.example/", site=None, label="Hospital")
    house.booked("ANA")
    sent: list[str] = []

    def send(url: str, _body: bytes, _headers: Mapping[str, str]) -> int:
        sent.append(url)
        return 200

    shift = replace(shift_of(house), send=send)
    (outbox,) = (job for job in declared(shift, Figures()) if job.name == "outbox")
    outbox.do()
    assert sent == ["https://receiver.example/"] * 4


def test_the_audit_head_is_a_figure(house: House) -> None:
    house.registered("ANA")
    figures = Figures()
    (head,) = (job for job in declared(shift_of(house), figures) if job.name == "audit head")
    head.do()
    assert figure(figures, "audit_holds") == 1.0
    assert figure(figures, "audit_entries") == len(house.trail("patient:registered")) + 1  # and the program's import


def test_a_worker_that_is_told_to_stop_ends_and_has_done_what_it_began_with(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first job it runs is the night that was missed; it is told to stop when that has ended."""
    shift = shift_of(house)
    figures = Figures()
    genuine = Shift.what_waits

    def then_stop(self: Shift) -> object:
        done = genuine(self)
        self.worker.stopping.set()
        return done

    monkeypatch.setattr(Shift, "what_waits", then_stop)
    work_until_stopped(shift, figures, real_clock())
    assert [(run.kind, run.status) for run in all_runs(house.database)] == [("nightly", "unchanged")]
