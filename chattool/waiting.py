"""Waiting for one build."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from chattool import build_state, build_watch
from chattool.errors import (
    UnexpectedJobStatus,
    WorkspaceBuildCanceled,
    WorkspaceBuildError,
    WorkspaceBuildTimeout,
)
from chattool.settings import ToolSettings
from db.states import JobStatus
from provisioner.terminal import recorded_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chattool.backend import Build
    from chattool.build_watch import BuildSource
    from db.ids import BuildId

    OnBuild = Callable[[Build], Awaitable[None]]

log = logging.getLogger(__name__)

_DEFAULTS = ToolSettings()


async def wait_for_build(
    backend: BuildSource,
    build_id: BuildId,
    *,
    timeout: timedelta | None = None,
    on_progress: OnBuild | None = None,
    settings: ToolSettings = _DEFAULTS,
) -> Build:
    """The build, once it has succeeded. Follows this build only, and ending the wait never ends it.

    ``timeout`` defaults to ``settings.build_wait_limit``. ``on_progress`` gets the build whenever its
    status, stage or place in the queue has changed; what it raises is logged.

    Raises:
        WorkspaceBuildError: it failed, or (``WorkspaceBuildUnreadable``) cannot be read.
        WorkspaceBuildCanceled: somebody cancelled it.
        WorkspaceBuildTimeout: ``timeout`` has passed.
    """
    clock = backend.clock
    limit = settings.build_wait_limit if timeout is None else timeout
    deadline = clock.monotonic() + limit
    told: tuple[object, ...] = ()
    with build_watch.watching(backend, build_id, settings) as watcher:
        while True:
            build = watcher.build
            if build is not None:
                if on_progress is not None and told != (told := _phase(build)):
                    await _tell(on_progress, build)
                if has_succeeded(build):
                    return build
            left = deadline - clock.monotonic()
            if left <= timedelta():
                raise WorkspaceBuildTimeout(build_id=build_id)
            await clock.wait(watcher.changed, left)


def _phase(build: Build) -> tuple[object, ...]:
    job = build.job
    return job.status, job.stage, job.queue_position, job.queue_size


async def _tell(on_progress: OnBuild, build: Build) -> None:
    try:
        await on_progress(build)
    except Exception:
        log.exception("on_progress failed", extra={"action": "progress", "build_id": build.id})


def has_succeeded(build: Build) -> bool:
    """Whether the build is done; it may still be going on.

    Raises:
        WorkspaceBuildError, WorkspaceBuildCanceled: it ended otherwise.
    """
    try:
        status = build_state.job_status(build.job)
    except UnexpectedJobStatus as error:
        raise WorkspaceBuildError(str(error), build_id=build.id) from error
    match status:
        case JobStatus.SUCCEEDED:
            return True
        case JobStatus.PENDING | JobStatus.RUNNING | JobStatus.CANCELING:
            return False
        case JobStatus.CANCELED:
            raise WorkspaceBuildCanceled(build_id=build.id)
        case JobStatus.FAILED:
            raise _failure(build)
        case _:
            assert_never(status)


def _failure(build: Build) -> WorkspaceBuildError:
    job = build.job
    retryable = job.retryable
    if retryable is None and job.error_code:
        retryable = False  # a server without the field: what has a code does not heal by itself
    error = WorkspaceBuildError(
        job.error.strip(),
        job.error_code or None,
        build.id,
        failure_reason=job.failure_reason,
        retryable=retryable,
        planned_cost=build.planned_cost,
    )
    # The refusal itself ended with the job; whoever asks ``failure_detail`` finds it all the same.
    error.__cause__ = recorded_error(job.failure_reason, job.failure_detail)
    return error
