"""Retention: forgets what nobody will ask for any more, a little at a time.

Builds and jobs stay for ever, since the ledger is replayed from them. What goes are their details, which make
up nearly all of a database: logs, states and resources of builds that a newer one has replaced. Any number of
processes may run it on one database; they pass over what another one is at.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import bindparam, delete, literal, select, tuple_, update

from db import chats, tokens
from db.clock import jittered
from db.conditions import among
from db.errors import StoreBusy, StoreUnavailable
from db.tables import (
    provisioner_daemons,
    provisioner_job_logs,
    provisioner_jobs,
    workspace_builds,
    workspace_resources,
)
from db.transactions import Writes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from db.ids import JobId
    from db.transactions import Connection, Store

log = logging.getLogger(__name__)

#: How many days details of builds are kept; 0 is for ever.
VARIABLE = "CHATTOOL_RETENTION_DAYS"
_LONGEST_DAYS = 36500


@dataclass(frozen=True, kw_only=True)
class RetentionSettings:
    """How long things are kept; ``None`` is for ever."""

    build_details: timedelta | None = timedelta(days=30)
    """Logs, states and resources, from a build's end on. Those of a workspace's last build always stay."""
    tool_calls: timedelta | None = timedelta(days=7)
    """Answers that a repeated tool call gets again."""
    tokens: timedelta | None = timedelta(days=30)
    """Tokens that have expired or were revoked."""
    daemons: timedelta | None = timedelta(days=7)
    """Daemons that were not seen any more."""
    interval: timedelta = timedelta(hours=1)
    run_limit: timedelta = timedelta(minutes=1)
    """How long one round may take; the next one goes on."""
    batch: int = 50
    """How many jobs, or rows, one transaction removes."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> RetentionSettings:
        """The defaults, with the days that ``CHATTOOL_RETENTION_DAYS`` says; 0 keeps everything for ever.

        Raises:
            ValueError: it is no number of days.
        """
        text = environment.get(VARIABLE, "").strip()
        if not text:
            return cls()
        if not text.isdecimal() or int(text) > _LONGEST_DAYS:
            message = f"{VARIABLE} is a number of days, 0 for ever, not {text!r}"
            raise ValueError(message)
        if int(text) == 0:
            return cls(build_details=None, tool_calls=None, tokens=None, daemons=None)
        return cls(build_details=timedelta(days=int(text)))


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What one round removed."""

    builds: int = 0
    """Jobs of builds or imports whose details are gone."""
    tool_calls: int = 0
    tokens: int = 0
    daemons: int = 0

    def __bool__(self) -> bool:
        return bool(self.builds or self.tool_calls or self.tokens or self.daemons)


@dataclass(frozen=True, kw_only=True)
class _Page:
    """Jobs that were looked at together, and where the next ones begin."""

    pruned: int
    last: tuple[datetime, UUID] | None


_jobs = provisioner_jobs.c
_newer = workspace_builds.alias("newer_build")
_newer_job = provisioner_jobs.alias("newer_job")
# A build at work needs the state of the one before, so only one that has ended replaces it.
_REPLACED = (
    select(literal(1))
    .select_from(_newer)
    .join(_newer_job, _newer_job.c.id == _newer.c.job_id)
    .where(
        _newer.c.workspace_id == workspace_builds.c.workspace_id,
        _newer.c.build_number > workspace_builds.c.build_number,
        _newer_job.c.completed_at.is_not(None),
    )
    .correlate(workspace_builds)
    .exists()
)
_FINISHED = (
    select(
        _jobs.id,
        _jobs.completed_at,
        workspace_builds.c.id.label("build_id"),
        _REPLACED.label("replaced"),
    )
    .select_from(provisioner_jobs)
    .outerjoin(workspace_builds, workspace_builds.c.job_id == _jobs.id)
    .where(
        _jobs.completed_at.is_not(None),
        _jobs.pruned_at.is_(None),
        _jobs.completed_at < bindparam("before", type_=_jobs.completed_at.type),
        tuple_(_jobs.completed_at, _jobs.id)
        > tuple_(
            bindparam("after", type_=_jobs.completed_at.type), bindparam("after_id", type_=_jobs.id.type)
        ),
    )
    .order_by(_jobs.completed_at, _jobs.id)
    .limit(bindparam("most"))
    .with_for_update(of=provisioner_jobs, skip_locked=True)
)
_PRUNE = Writes(
    delete(provisioner_job_logs).where(among(provisioner_job_logs.c.job_id, "jobs")),
    delete(workspace_resources).where(among(workspace_resources.c.job_id, "builds")),
    update(workspace_builds).where(among(workspace_builds.c.job_id, "builds")).values(state=b""),
    update(provisioner_jobs).where(among(_jobs.id, "jobs")).values(pruned_at=bindparam("now")),
)
_SILENT_DAEMONS = (
    select(provisioner_daemons.c.id)
    .where(provisioner_daemons.c.last_seen_at < bindparam("before"))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_PRUNE_DAEMONS = delete(provisioner_daemons).where(provisioner_daemons.c.id.in_(_SILENT_DAEMONS))
BEGINNING = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


async def prune(store: Store, settings: RetentionSettings) -> Pruned:
    """Remove what is older than ``settings`` say, at most for ``run_limit``; what that was.

    Each batch is one transaction, so a crash leaves the rest to the next round.
    """
    deadline = store.clock.monotonic() + settings.run_limit

    async def rounds(function: Callable[..., int], age: timedelta | None) -> int:
        removed = 0
        while age is not None and store.clock.monotonic() < deadline:
            count = await store.write(function, store.clock.now() - age, settings.batch)
            removed += count
            if count < settings.batch:
                break
        return removed

    return Pruned(
        tool_calls=await rounds(chats.prune_tool_calls, settings.tool_calls),
        tokens=await rounds(tokens.prune, settings.tokens),
        daemons=await rounds(prune_daemons, settings.daemons),
        builds=await _prune_builds(store, settings, deadline),
    )


async def run(store: Store, settings: RetentionSettings) -> None:
    """Prune at every interval until cancelled; soon after the start for the first time."""
    pause = settings.interval / 60
    while True:
        await store.clock.sleep(jittered(pause, 0.5))
        pause = settings.interval
        try:
            pruned = await prune(store, settings)
        except (StoreBusy, StoreUnavailable) as error:
            log.warning("could not prune: %s", error, extra={"action": "prune"})
        else:
            if pruned:
                log.info("pruned what is old", extra={"action": "prune", **vars(pruned)})


async def _prune_builds(store: Store, settings: RetentionSettings, deadline: timedelta) -> int:
    removed = 0
    last: tuple[datetime, UUID] | None = BEGINNING
    while settings.build_details is not None and last and store.clock.monotonic() < deadline:
        page = await store.write(
            prune_builds, store.clock.now() - settings.build_details, settings.batch, after=last
        )
        removed += page.pruned
        last = page.last
    return removed


def prune_builds(conn: Connection, before: datetime, most: int, *, after: tuple[datetime, UUID]) -> _Page:
    """Remove the details of builds that ended before a moment and were replaced, and the logs of imports."""
    found = conn.rows(_FINISHED, before=before, most=most, after=after[0], after_id=after[1])
    builds: list[JobId] = [row.id for row in found if row.replaced]
    jobs = builds + [row.id for row in found if row.build_id is None]
    if jobs:
        conn.run_all(_PRUNE + Writes(jobs=jobs, builds=builds, now=conn.now))
    last = (found[-1].completed_at, found[-1].id) if len(found) == most else None
    return _Page(pruned=len(jobs), last=last)


def prune_daemons(conn: Connection, before: datetime, most: int) -> int:
    """Forget daemons that were not seen since a moment; how many."""
    return conn.run(_PRUNE_DAEMONS, before=before, most=most)
