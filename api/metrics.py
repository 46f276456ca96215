"""Figures for Prometheus: by route template, method and status; nothing by site, patient or arm."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from scheduler.reoptimise.runs import Standing

SHARED = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """Counts of one service.

    With several workers the directory ``PROMETHEUS_MULTIPROC_DIR`` must be set before the process starts: then any
    worker reports the sum of all. Without it each worker would report only itself.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "marrowline_http_requests",
            "Requests answered",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "marrowline_http_request_seconds",
            "Seconds from a request's arrival to the end of its answer",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._in_flight = Gauge(
            "marrowline_http_requests_in_flight",
            "Requests being worked on",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def begins(self) -> None:
        """A request came in."""
        self._in_flight.inc()

    def ends(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is a template."""
        self._in_flight.dec()
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def text(self) -> tuple[bytes, str]:
        """The exposition and its media type."""
        registry = self._registry
        if os.environ.get(SHARED):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def close(self) -> None:
        """This worker ends: what it had in flight no longer counts."""
        if os.environ.get(SHARED):
            mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]


class _Nights:
    """How the nights have gone, as a collector: a gauge of its own would be kept and added up for every process."""

    def __init__(self, standing: Standing, now: datetime) -> None:
        self._standing, self._now = standing, now

    def collect(self) -> Iterator[Metric]:
        """The figures."""
        last, ended = self._standing.last_good_at, self._standing.ended
        if last is not None:
            age = (self._now - last).total_seconds()
            yield GaugeMetricFamily("marrowline_nightly_age_seconds", "Since the last good nightly ended", age)
        text = "Whether there was none for more than 26 hours"
        yield GaugeMetricFamily("marrowline_nightly_overdue", text, float(self._standing.overdue))
        runs = CounterMetricFamily("marrowline_plan_runs", "Runs that have ended", labels=("kind", "status"))
        never = {(kind, "failed"): 0 for kind in ("asked", "nightly")}  # so that an alarm on it can be seen to work
        for labels, count in sorted((never | dict(ended)).items()):
            runs.add_metric(labels, count)
        yield runs


def nights_text(standing: Standing, now: datetime) -> bytes:
    """The exposition of how the nights have gone; read from the database, so any process tells it of all workers."""
    registry = CollectorRegistry()
    registry.register(_Nights(standing, now))
    return generate_latest(registry)
