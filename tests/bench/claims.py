"""What a claim costs, with and without a long history."""

from __future__ import annotations

from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from db import templates
from db.ids import DaemonId, new_id
from db.row_lists import insert_rows
from db.states import JobType
from db.tables import provisioner_jobs
from provisioner import queue, tags
from tests.bench import engine
from tests.bench.figures import Figure, percentile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.records import Job
    from db.transactions import Connection
    from tests.bench.databases import Databases
    from tests.bench.plan import Plan

_LEASE = timedelta(seconds=30)
_CHUNK = 1000
_MOMENTS = ("created_at", "queued_at", "updated_at", "started_at", "completed_at")
_INSERT_JOBS = insert_rows(
    provisioner_jobs,
    "id",
    "organization_id",
    "initiator_id",
    "type",
    "provisioner",
    "file_id",
    "tags",
    "worker_id",
    *_MOMENTS,
)


async def claim_cost(databases: Databases, plan: Plan) -> AsyncIterator[Figure]:
    """One job in line at a time, one claim after another."""
    async with databases.fresh() as url:
        async with engine.running(url):
            pass  # the template is pushed, and its daemon gone
        async with engine.attached(url) as bench:
            job = await bench.engine.store.read(_import_job, bench)
            for finished in (0, plan.finished_jobs):
                for _ in range(0, finished, _CHUNK):
                    await bench.engine.store.write(_add_finished, job, _CHUNK)
                samples = [await _claim_time(bench, job) for _ in range(plan.samples)]
                for label, rank in (("p50", 0.5), ("p99", 0.99)):
                    yield Figure(
                        name=f"claim beside {finished:,} finished jobs, {label}",
                        store=databases.name,
                        value=percentile(samples, rank) * 1000,
                        unit="ms",
                    )


def _import_job(conn: Connection, bench: engine.Bench) -> Job:
    version_id = bench.template.active_version_id
    assert version_id is not None  # it was imported
    return templates.import_job(conn, version_id)


def _add_finished(conn: Connection, like: Job, count: int) -> None:
    """Jobs that ended one second apart, the last one now."""
    rows = [
        {
            "id": new_id(),
            "organization_id": like.organization_id,
            "initiator_id": like.initiator_id,
            "type": like.type,
            "provisioner": like.provisioner,
            "file_id": like.file_id,
            "tags": like.tags,
            "worker_id": new_id(),
            **dict.fromkeys(_MOMENTS, conn.now - timedelta(seconds=number)),
        }
        for number in range(count)
    ]
    conn.run(_INSERT_JOBS, provisioner_jobs=rows)


async def _claim_time(bench: engine.Bench, like: Job) -> float:
    store = bench.engine.store
    await store.write(
        queue.post,
        job_type=JobType.TEMPLATE_VERSION_IMPORT,
        organization_id=like.organization_id,
        initiator_id=like.initiator_id,
        provisioner=like.provisioner,
        file_id=like.file_id,
        job_input={},
        job_tags=like.tags,
    )
    started = perf_counter()
    claim = await store.write(
        queue.claim,
        worker_id=DaemonId(new_id()),
        organization_id=like.organization_id,
        provisioners=[like.provisioner],
        daemon_tags=tags.UNTAGGED,
        lease=_LEASE,
        request_id=new_id(),
    )
    elapsed = perf_counter() - started
    assert claim is not None  # one was in line
    return elapsed
