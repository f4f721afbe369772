"""How long to measure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size of a run. A whole one takes two to three minutes, a quick one half a minute."""

    throughput: timedelta = timedelta(seconds=5)
    """For each rate."""
    driver: timedelta = timedelta(seconds=1)
    """For each rate of the driver alone."""
    samples: int = 200
    """For each latency."""
    finished_jobs: int = 50_000
    """For the claim on a long history."""


FULL = Plan()
QUICK = Plan(
    throughput=timedelta(seconds=1),
    driver=timedelta(milliseconds=300),
    samples=50,
    finished_jobs=10_000,
)
