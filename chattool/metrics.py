"""Prometheus metrics of a server (extra ``metrics``). No label names a user, a workspace or an id."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

if TYPE_CHECKING:
    from datetime import timedelta

    from provisioner.fleet import FleetState
    from provisioner.jobs import Outcome
    from quota import QuotaCommit

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_LONG = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
#: The media type of ``text``.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What a server counts. Each server has its own; Prometheus adds them up."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "chattool_http_request_seconds",
            "Answered HTTP requests by method, route and status.",
            ("method", "route", "status"),
            buckets=_SHORT,
            registry=self._registry,
        )
        self._calls = Histogram(
            "chattool_database_call_seconds",
            "Transactions by function and outcome, waiting for a connection included.",
            ("function", "outcome"),
            buckets=_SHORT,
            registry=self._registry,
        )
        self._ends = Counter(
            "chattool_jobs_ended",
            "Provisioner jobs whose end this server wrote, by status and error code.",
            ("status", "error_code"),
            registry=self._registry,
        )
        self._durations = Histogram(
            "chattool_job_seconds",
            "From claim to end of the jobs that this server gave out and whose end it wrote.",
            ("status",),
            buckets=_LONG,
            registry=self._registry,
        )
        self._refusals = Counter(
            "chattool_quota_refusals",
            "Builds that asked for more credits than the budget leaves.",
            registry=self._registry,
        )
        self._repairs = Counter(
            "chattool_jobs_repaired",
            "Lost and forgotten jobs that this server's reaper put back in line or ended.",
            registry=self._registry,
        )
        self._queue = Gauge(
            "chattool_pending_jobs",
            "Jobs waiting for a daemon, by provisioner and tags.",
            ("provisioner", "tags"),
            registry=self._registry,
        )
        self._oldest = Gauge(
            "chattool_oldest_pending_job_seconds",
            "How long the job has waited that waits longest, by provisioner and tags.",
            ("provisioner", "tags"),
            registry=self._registry,
        )
        self._without_daemon = Gauge(
            "chattool_pending_jobs_without_daemon",
            "Those of the waiting jobs that no daemon online could take, by provisioner and tags.",
            ("provisioner", "tags"),
            registry=self._registry,
        )
        self._running = Gauge("chattool_running_jobs", "Jobs at work.", registry=self._registry)
        self._daemons = Gauge(
            "chattool_daemons",
            "Provisioner daemons, by whether they are online.",
            ("online",),
            registry=self._registry,
        )
        build = Gauge("chattool_build_info", "1, with the version.", ("version",), registry=self._registry)
        build.labels(version("chattool")).set(1)
        ProcessCollector(registry=self._registry)

    def request(self, method: str, route: str, status: int, duration: timedelta) -> None:
        """Count an answered request; ``route`` is the pattern of its path."""
        self._requests.labels(method, route, str(status)).observe(duration.total_seconds())

    def call(self, function: str, outcome: str, duration: timedelta) -> None:
        """Count a transaction."""
        self._calls.labels(function, outcome).observe(duration.total_seconds())

    def job_ended(self, outcome: Outcome, duration: timedelta | None) -> None:
        """Count the end of a job; ``duration`` is that of its last attempt, where known."""
        self._ends.labels(outcome.status.value, outcome.error_code or "").inc()
        if duration is not None:
            self._durations.labels(outcome.status.value).observe(duration.total_seconds())

    def quota_answered(self, answer: QuotaCommit) -> None:
        """Count a refusal."""
        if not answer.ok:
            self._refusals.inc()

    def job_repaired(self) -> None:
        """Count a repair by the reaper."""
        self._repairs.inc()

    def text(self, fleet: FleetState) -> bytes:
        """All of it, in Prometheus' text format, with the fleet as it is now."""
        for gauge in (self._queue, self._oldest, self._without_daemon):
            gauge.clear()
        for line in fleet.lines:
            self._queue.labels(line.provisioner, line.tags).set(line.jobs)
            self._oldest.labels(line.provisioner, line.tags).set(line.oldest.total_seconds())
            self._without_daemon.labels(line.provisioner, line.tags).set(line.without_daemon)
        self._running.set(fleet.running)
        self._daemons.labels("true").set(len(fleet.online))
        self._daemons.labels("false").set(fleet.daemons_offline)
        return generate_latest(self._registry)
