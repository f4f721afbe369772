"""One subscription and one read for all waiters of a build in this process."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from chattool import build_state
from chattool.errors import JobUnreadable, UnexpectedJobStatus, WorkspaceBuildUnreadable, is_transient
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from chattool.backend import Build
    from chattool.settings import ToolSettings
    from db.clock import Clock
    from db.ids import BuildId
    from db.wakeups import Subscription

_FIRST_BACKOFF = timedelta(milliseconds=200)
_LONGEST_BACKOFF = timedelta(seconds=5)


class BuildSource(Protocol):
    """The part of a backend that following a build needs."""

    @property
    def clock(self) -> Clock: ...

    async def build(self, build_id: BuildId, /) -> Build: ...

    def build_changes(self, build_id: BuildId, /) -> AbstractContextManager[Subscription]: ...


class BuildWatch:
    """What is known of a build, kept fresh until it ends or nobody waits for it any more."""

    def __init__(self, source: BuildSource, build_id: BuildId, settings: ToolSettings) -> None:
        self._source = source
        self._build_id = build_id
        self._settings = settings
        self._build: Build | None = None
        self._failure: Exception | None = None
        self._changes: Subscription | None = None
        self._last_read = source.clock.monotonic()
        self._backoff = _FIRST_BACKOFF
        self.watchers: set[Watcher] = set()
        self._task = asyncio.create_task(self._follow(), name=f"watch build {build_id}")

    @property
    def build(self) -> Build | None:
        """The build as last read, ``None`` before the first read; raises when it cannot be read."""
        if self._failure is not None:
            raise self._failure
        return self._build

    def refresh(self) -> None:
        """Read again soon; a newcomer must not wait for a hint that was lost before it came."""
        if self._changes is not None and self._build is not None:
            self._changes.wake()

    def close(self) -> None:
        self._task.cancel()

    async def _follow(self) -> None:
        try:
            with self._source.build_changes(self._build_id) as self._changes:
                while (pause := await self._read()) is not None:
                    await self._changes.wait(pause)
        except Exception as error:  # noqa: BLE001 - the waiters raise it
            self._failure = error
        finally:
            _forget(self._source, self._build_id, self)
            self._announce()

    async def _read(self) -> timedelta | None:
        """How long to wait for a hint before the next read; ``None`` when there is none to come."""
        try:
            build = await self._source.build(self._build_id)
        except ChattoolError as error:
            return self._backoff_after(error)
        self._last_read = self._source.clock.monotonic()
        self._backoff = _FIRST_BACKOFF
        changed, self._build = build != self._build, build
        if _has_ended(build):
            return None
        if changed:
            self._announce()
        return self._settings.build_poll_interval

    def _backoff_after(self, error: ChattoolError) -> timedelta:
        transient = is_transient(error)
        silence = self._source.clock.monotonic() - self._last_read
        if not transient or silence >= self._settings.read_error_limit:
            what = "get provisioner job" if isinstance(error, JobUnreadable) else "get build"
            raise WorkspaceBuildUnreadable(
                f"{what}: {error}", build_id=self._build_id, retryable=transient or None
            ) from error
        pause, self._backoff = self._backoff, min(self._backoff * 2, _LONGEST_BACKOFF)
        return pause

    def _announce(self) -> None:
        for watcher in self.watchers:
            watcher.changed.set()


class Watcher:
    """One waiter's view of a shared watch."""

    def __init__(self, watch: BuildWatch) -> None:
        self._watch = watch
        self.changed = asyncio.Event()

    @property
    def build(self) -> Build | None:
        """See ``BuildWatch.build``. Looking takes note of all changes so far."""
        self.changed.clear()
        return self._watch.build


_watches: dict[tuple[int, BuildId], BuildWatch] = {}


@contextmanager
def watching(source: BuildSource, build_id: BuildId, settings: ToolSettings) -> Iterator[Watcher]:
    """A view of the build, shared with everybody in this process who waits for it."""
    # A watch holds its source, so the id of a source stands for no other one meanwhile.
    watch = _watches.get((id(source), build_id))
    if watch is None:
        watch = _watches[id(source), build_id] = BuildWatch(source, build_id, settings)
    watch.refresh()
    watcher = Watcher(watch)
    watch.watchers.add(watcher)
    try:
        yield watcher
    finally:
        watch.watchers.discard(watcher)
        if not watch.watchers:
            _forget(source, build_id, watch)
            watch.close()


def _forget(source: BuildSource, build_id: BuildId, watch: BuildWatch) -> None:
    if _watches.get((id(source), build_id)) is watch:
        del _watches[id(source), build_id]


def _has_ended(build: Build) -> bool:
    try:
        return not build_state.job_status(build.job).active
    except UnexpectedJobStatus:
        return True
