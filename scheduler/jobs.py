"""The worker's jobs and when they run: APScheduler in one process, its jobs declared here and kept in memory.

What ran is remembered in the database and nowhere else (`reoptimise.runs`), so it does no harm when a job runs twice,
late or in several workers. APScheduler goes by real time; which night is due goes by the program's clock, and
``pick up`` looks for it every few seconds, so that a clock that jumps costs seconds and no night.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from apscheduler.events import EVENT_SCHEDULER_STARTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from prometheus_client import CollectorRegistry, Counter, Gauge

from scheduler.booking.webhooks import deliver
from scheduler.clock import real_clock
from scheduler.domain.errors import MarrowlineError
from scheduler.reoptimise.replacement import keep_ready
from scheduler.reoptimise.shift import Shift
from scheduler.reoptimise.upkeep import audit_head, forget_answers, recheck_closures
from scheduler.reoptimise.worker import Worker

log = logging.getLogger("marrowline.worker")

PICK_UP_SECONDS = SEND_SECONDS = 5
SENDING = "sending"  # so that a receiver that is slow holds up no night, and no night a message
MISFIRE_GRACE = timedelta(hours=12)


@dataclass(frozen=True)
class Job:
    """What is done when; `at_start` also as soon as the worker starts. Jobs of one `lane` wait for each other."""

    name: str
    trigger: BaseTrigger
    do: Callable[[], object]
    at_start: bool = False
    lane: str = "default"


class Figures:
    """What a worker tells Prometheus."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.entries = self._gauge("audit_entries", "Entries of the audit trail when it was last followed")
        self.holds = self._gauge("audit_holds", "Whether the audit trail held when it was last followed: 1 or 0")
        self.ran = self._counter("job_runs", "Jobs that ran to their end")
        self.failed = self._counter("job_failures", "Jobs that ended by an error")

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"marrowline_{name}", text, registry=self.registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"marrowline_{name}", text, ("job",), registry=self.registry)


def declared(shift: Shift, figures: Figures) -> tuple[Job, ...]:
    """Every job of a worker. Each calls one use case; whoever wants another adds a line here."""
    database, at, zone = shift.database, shift.nightly_at, shift.zone

    def verify() -> None:
        found = audit_head(database)
        figures.entries.set(found.entries)
        figures.holds.set(found.holds)

    def replacements() -> int:
        return len(keep_ready(shift.begin, shift.worker.board))

    return (
        Job("nightly", CronTrigger(hour=at.hour, minute=at.minute, timezone=zone), shift.due_night),
        Job("pick up", IntervalTrigger(seconds=PICK_UP_SECONDS), shift.what_waits, at_start=True),
        Job("upkeep", IntervalTrigger(hours=1), lambda: forget_answers(database, shift.clock())),
        Job(
            "closure re-check",
            IntervalTrigger(minutes=5),
            lambda: recheck_closures(database, shift.worker, zone, shift.clock()),
        ),
        Job("replacements", IntervalTrigger(minutes=30), replacements),
        Job(
            "outbox",
            IntervalTrigger(seconds=SEND_SECONDS),
            lambda: deliver(database, real_clock, shift.send),
            lane=SENDING,
        ),
        Job("audit head", IntervalTrigger(hours=6), verify, at_start=True),
    )


def scheduler_of(shift: Shift, figures: Figures, started_at: datetime) -> BlockingScheduler:
    """A scheduler with every job, not started; one job of a lane at a time, in the program's time zone."""
    made = BlockingScheduler(
        timezone=shift.zone,
        executors={"default": ThreadPoolExecutor(1), SENDING: ThreadPoolExecutor(1)},
        job_defaults={
            "coalesce": True,
            "max_instances": 1,
            "misfire_grace_time": int(MISFIRE_GRACE.total_seconds()),
        },
    )
    for job in declared(shift, figures):
        first = {"next_run_time": started_at} if job.at_start else {}
        made.add_job(watched(job, figures), job.trigger, id=job.name, name=job.name, executor=job.lane, **first)
    return made


def watched(job: Job, figures: Figures) -> Callable[[], None]:
    """A job that counts how it ended and logs an error; the scheduler goes on either way."""

    def run() -> None:
        try:
            job.do()
        except MarrowlineError as problem:
            figures.failed.labels(job.name).inc()
            log.warning("job put off", extra={"fields": {"job": job.name, "problem": type(problem).__name__}})
        except Exception as problem:
            figures.failed.labels(job.name).inc()
            log.error("job failed", exc_info=problem, extra={"fields": {"job": job.name}})
        else:
            figures.ran.labels(job.name).inc()

    return run


def work_until_stopped(shift: Shift, figures: Figures, started_at: datetime) -> None:
    """Run the jobs until the worker is stopping; the run under way is given back at its next step."""
    # It would say every few seconds that a job waits for the night under way.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    fields = {"worker": shift.worker.name, "zone": str(shift.zone)}
    made = scheduler_of(shift, figures, started_at)

    def end() -> None:
        shift.worker.stopping.wait()
        made.shutdown()

    made.add_listener(lambda _event: threading.Thread(target=end, daemon=True).start(), EVENT_SCHEDULER_STARTED)
    log.info("worker begins", extra={"fields": fields})
    made.start()
    log.info("worker ends", extra={"fields": fields})


@contextmanager
def stopped_by_signals(worker: Worker) -> Iterator[None]:
    """SIGTERM and Ctrl-C tell the worker to stop, while the block lasts; main thread only."""

    def stop(_number: int, _frame: object) -> None:
        # In a thread, because the main thread may be waiting for the very same event.
        threading.Thread(target=worker.stopping.set, daemon=True).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
