"""One subscription and one read for all waiters of a build in this process."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from chattool import build_state
from chattool.build_poll import BuildsSource, polled
from chattool.errors import JobUnreadable, UnexpectedJobStatus, WorkspaceBuildUnreadable, is_transient
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from chattool.backend import Build
    from chattool.settings import ToolSettings
    from db.ids import BuildId
    from db.wakeups import Subscription

_FIRST_BACKOFF = timedelta(milliseconds=200)
_LONGEST_BACKOFF = timedelta(seconds=5)


class BuildSource(BuildsSource, Protocol):
    """The part of a backend that following a build needs."""

    async def build(self, build_id: BuildId, /) -> Build: ...

    def build_changes(self, build_id: BuildId, /) -> AbstractContextManager[Subscription]: ...


class BuildWatch:
    """What is known of a build, kept fresh until it ends or nobody waits for it any more."""

    def __init__(self, source: BuildSource, build_id: BuildId, settings: ToolSettings) -> None:
        self.build_id = build_id
        self.last_read: Build | None = None
        self._source = source
        self._settings = settings
        self._failure: Exception | None = None
        self._changes: Subscription | None = None
        self._last_answer = source.clock.monotonic()
        self._pause: timedelta | None = None
        self._backoff = _FIRST_BACKOFF
        self.watchers: set[Watcher] = set()
        self._task = asyncio.create_task(self._follow(), name=f"watch build {build_id}")

    @property
    def build(self) -> Build | None:
        """The build as last read, ``None`` before the first read; raises when it cannot be read."""
        if self._failure is not None:
            raise self._failure
        return self.last_read

    def refresh(self) -> None:
        """Read again soon; a newcomer must not wait for a hint that was lost before it came."""
        if self._changes is not None and self.last_read is not None:
            self._changes.wake()

    def polled(self, found: Build | None) -> None:
        """Read again if the build has changed, or is not known any more."""
        if found is not None and self._pause is None:  # own reads succeed too
            self._last_answer = self._source.clock.monotonic()
        if found != self.last_read:
            self.refresh()

    def close(self) -> None:
        self._task.cancel()

    async def _follow(self) -> None:
        try:
            with (
                self._source.build_changes(self.build_id) as self._changes,
                polled(self._source, self, self._settings.build_poll_interval),
            ):
                while await self._read():
                    await self._changes.wait(self._pause)
        except Exception as error:  # noqa: BLE001 - the waiters raise it
            self._failure = error
        finally:
            _forget(self._source, self.build_id, self)
            self._announce()

    async def _read(self) -> bool:
        """Whether the build goes on, as far as is known."""
        try:
            build = await self._source.build(self.build_id)
        except ChattoolError as error:
            self._pause = self._backoff_after(error)
            return True
        self._last_answer = self._source.clock.monotonic()
        self._pause, self._backoff = None, _FIRST_BACKOFF
        changed, self.last_read = build != self.last_read, build
        if _has_ended(build):
            return False
        if changed:
            self._announce()
        return True

    def _backoff_after(self, error: ChattoolError) -> timedelta:
        transient = is_transient(error)
        silence = self._source.clock.monotonic() - self._last_answer
        if not transient or silence >= self._settings.read_error_limit:
            what = "get provisioner job" if isinstance(error, JobUnreadable) else "get build"
            raise WorkspaceBuildUnreadable(
                f"{what}: {error}", build_id=self.build_id, retryable=transient or None
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
