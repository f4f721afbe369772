"""The figures as a page of the documentation."""

# ruff: noqa: E501 - lines of Markdown

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bench.machine import Machine

_HEAD = """# Benchmarks

Written by `scripts/bench fleet`. Compare machines by the ratios; nothing here is asserted in a test. The load before
the run says how much other work took part.

Everything runs on one private PostgreSQL that waits for the disk at every commit. A build is a whole one of the echo
provisioner: claim, plan, quota commit, apply with a line of log, finish with state, resource and agent. It is compared
with jobs that do nothing: procrastinate claims and finishes them, bare asyncpg does it by two statements. All had
ten at once in each process, and all jobs, of 100 owners, were in line before the start.
"""
_WAITS = {
    "create_build to the provisioner's start, one process": "request to the provisioner's start, one process",
    "the provisioner's end to the waiter's return, one process": "provisioner's end to the waiter, one process",
    "create_build to the waiter's return, one process": "a whole build, one process",
    "create_build to the waiter's return, two processes": "a whole build, daemon in another process",
}


def page(machine: Machine, found: Mapping[str, float | str]) -> str:
    """Markdown, with hardware and versions."""
    return "\n".join([_HEAD, *_machine(machine, found), *_rates(found), *_waits(found), *_idle(found)])


def _machine(machine: Machine, found: Mapping[str, float | str]) -> Iterator[str]:
    versions = {**machine.versions, "procrastinate": found["procrastinate version"]}
    yield f"{machine.cpu}, {machine.cores} cores, load {machine.load} before the run."
    yield "Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".\n"


def _rates(found: Mapping[str, float | str]) -> Iterator[str]:
    yield "## Throughput\n"
    yield "| | per second | procrastinate = 1 | one daemon = 1 |"
    yield "| --- | ---: | ---: | ---: |"
    rows = {
        "whole builds, 1 daemon": "daemons 1",
        "whole builds, 2 daemons": "daemons 2",
        "whole builds, 4 daemons": "daemons 4",
        "procrastinate, no-op jobs": "procrastinate",
        "bare asyncpg, claim and finish": "bare",
    }
    for title, name in rows.items():
        rate = float(found[name])
        beside, scaled = rate / float(found["procrastinate"]), rate / float(found["daemons 1"])
        yield f"| {title} | {rate:,.0f} | {beside:.2f} | {scaled:.2f} |"
    yield ""


def _waits(found: Mapping[str, float | str]) -> Iterator[str]:
    yield "## Waits on an idle system\n"
    yield "| | p50 | p99 |"
    yield "| --- | ---: | ---: |"
    for name, title in _WAITS.items():
        middle, late = (float(found[f"{name}, {rank}"]) for rank in ("p50", "p99"))
        yield f"| {title} | {middle:.1f} ms | {late:.1f} ms |"
    yield ""


def _idle(found: Mapping[str, float | str]) -> Iterator[str]:
    yield "## At rest\n"
    yield "| | |"
    yield "| --- | ---: |"
    yield f"| a process with 200 waiting tools and 20 idle daemons | {float(found['idle']):.1f} % of a core |"
    yield f"| memory of an idle daemon | {float(found['memory']):.0f} MiB |"
    yield ""
