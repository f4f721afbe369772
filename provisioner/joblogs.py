"""The log of a job: bounded lines, a bounded whole, and the buffer that a runner writes through."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, func, select, update

from db import builds
from db.row_lists import insert_rows
from db.states import LogLevel, LogSource
from db.tables import provisioner_job_logs, provisioner_jobs, workspace_builds
from db.transactions import Writes
from provisioner import queue
from provisioner.jobs import Line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from db.clock import Clock
    from db.ids import JobId
    from db.transactions import Connection
    from provisioner.jobs import Fence

MAX_AGE = timedelta(milliseconds=250)
MAX_LINES = 100
LINE_LIMIT_BYTES = 64 * 1024
JOB_LIMIT_BYTES = 1024 * 1024
_OVERFLOWED = "The log of this build is full; later lines are dropped. The build itself goes on."

_jobs = provisioner_jobs.c
#: What an update of a job sets when lines are added to its log; takes what ``growth`` answers.
GROWTH = {
    "logs_bytes": _jobs.logs_bytes + bindparam("added"),
    "logs_overflowed": case(
        (_jobs.logs_bytes + bindparam("added") > JOB_LIMIT_BYTES, True), else_=_jobs.logs_overflowed
    ),
    "stage": func.coalesce(bindparam("new_stage"), _jobs.stage),
}
_RETURNED = (_jobs.logs_bytes,)
# The update takes the job's row lock, so the ids of its lines become visible in increasing order.
_GROW_FENCED = (
    update(provisioner_jobs)
    .where(queue.NUMBERED_FENCE)
    .values(**GROWTH, updated_at=bindparam("now"), call_number=bindparam("number"), call_answer=None)
    .returning(*_RETURNED)
)
_GROW = (
    update(provisioner_jobs)
    .where(_jobs.id == bindparam("job"))
    .values(**GROWTH, updated_at=bindparam("now"))
    .returning(*_RETURNED)
)
_INSERT = insert_rows(provisioner_job_logs, "job_id", "created_at", "source", "level", "stage", "output")
_BUILD_OF_JOB = select(workspace_builds.c.id).where(workspace_builds.c.job_id == bindparam("job"))


def topic(job_id: JobId) -> str:
    """The topic of wake-ups about new lines of a job's log."""
    return f"logs:{job_id}"


def append(conn: Connection, fence: Fence, number: int, lines: Sequence[Line]) -> None:
    """Add a runner's lines to the log of its job.

    Raises:
        LeaseLost: another attempt owns the job, or it has ended.
    """
    row = conn.first(_GROW_FENCED, **queue.fence_values(fence), number=number, now=conn.now, **growth(lines))
    if row is None:
        queue.repeated_answer(conn, fence, number)
        return
    _insert(conn, fence.job_id, lines, row.logs_bytes)


def append_unfenced(conn: Connection, job_id: JobId, lines: Sequence[Line]) -> None:
    """Add lines in a transaction that has already changed the job under its fence."""
    row = conn.first(_GROW, job=job_id, now=conn.now, **growth(lines))
    if row is not None:
        _insert(conn, job_id, lines, row.logs_bytes)


def growth(lines: Sequence[Line]) -> dict[str, object]:
    """The values of ``GROWTH``."""
    return {"added": _size(lines), "new_stage": lines[-1].stage if lines else None}


def insertion(job_id: JobId, lines: Sequence[Line], *, stored_bytes: int) -> Writes:
    """Write as many lines as still have room beside what is stored."""
    room = JOB_LIMIT_BYTES - stored_bytes
    kept: list[Line] = []
    for line in lines:
        room -= _size([line])
        if room < 0:
            if room + _size([line]) >= 0:  # the first that does not fit: say so once
                kept.append(replace(line, level=LogLevel.WARN, output=_OVERFLOWED))
            break
        kept.append(line)
    return Writes(_INSERT, provisioner_job_logs=[{"job_id": job_id, **vars(line)} for line in kept])


def _insert(conn: Connection, job_id: JobId, lines: Sequence[Line], size_after: int) -> None:
    conn.run_all(insertion(job_id, lines, stored_bytes=size_after - _size(lines)))
    conn.notify(topic(job_id))
    build_id = conn.scalar(_BUILD_OF_JOB, job=job_id)
    if build_id is not None:
        conn.notify(builds.topic(build_id))


def _size(lines: Sequence[Line]) -> int:
    return sum(len(line.output.encode()) for line in lines)


def bounded(output: str) -> str:
    """The output as it is stored: no NUL, no lone surrogates, at most ``LINE_LIMIT_BYTES``."""
    data = output.replace("\0", "\ufffd").encode("utf-8", "replace")
    if len(data) <= LINE_LIMIT_BYTES:
        return data.decode()
    dropped = len(data) - LINE_LIMIT_BYTES
    return data[:LINE_LIMIT_BYTES].decode("utf-8", "ignore") + f"… [{dropped} bytes dropped]"


class LogBuffer:
    """Gathers a runner's lines and sends them by age or by count, whichever comes first.

    Taking a line never waits. The buffer holds no more than the job may still store.
    """

    def __init__(self, clock: Clock, send: Callable[[Sequence[Line]], Awaitable[None]]) -> None:
        self._clock = clock
        self._send = send
        self._lines: list[Line] = []
        self._room = JOB_LIMIT_BYTES
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self._secrets: tuple[str, ...] = ()
        self.stage = ""

    def mask(self, secrets: Sequence[str]) -> None:
        """Replace these texts in every later line. Very short ones would hide ordinary words."""
        self._secrets = tuple(sorted((text for text in secrets if len(text) >= 4), key=len, reverse=True))  # noqa: PLR2004 - explained above

    def enter(self, stage: str, output: str = "") -> None:
        """Begin a stage with a line of the daemon."""
        self.stage = stage
        self.say(output or stage)

    def say(self, output: str, level: LogLevel = LogLevel.INFO) -> None:
        """Log a line of the daemon itself."""
        self._add(LogSource.PROVISIONER_DAEMON, level, self.stage, output)

    def provisioner(self, level: LogLevel, output: str, *, stage: str | None = None) -> None:
        """Log a line of the provisioner: the ``LogSink`` it is given."""
        self._add(LogSource.PROVISIONER, level, stage or self.stage, output)

    def drain(self) -> list[Line]:
        """The lines that were not sent yet, taken out: for the transaction that ends the job."""
        lines, self._lines = self._lines, []
        self._some.clear()
        self._many.clear()
        return lines

    async def run(self) -> None:
        """Send lines until cancelled."""
        while True:
            await self._clock.wait(self._some, None)
            await self._clock.wait(self._many, MAX_AGE)
            await self.flush()

    async def flush(self) -> None:
        """Send what is buffered now."""
        lines = self.drain()
        if lines:
            await self._send(lines)

    def _add(self, source: LogSource, level: LogLevel, stage: str, output: str) -> None:
        if self._room < 0:
            return
        for secret in self._secrets:
            output = output.replace(secret, "********")
        line = Line(
            created_at=self._clock.now(), source=source, level=level, stage=stage, output=bounded(output)
        )
        self._room -= len(line.output.encode())
        self._lines.append(line)
        self._some.set()
        if len(self._lines) >= MAX_LINES:
            self._many.set()
