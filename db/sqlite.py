"""The SQLite store: one writer thread per process, separate reader threads, several processes per file.

* Every write transaction is ``BEGIN IMMEDIATE``, so a transaction never has to turn from reading to
  writing, which SQLite refuses at once when another writer was faster.
* Functions that wait while another commits are committed together, each under a savepoint of its own;
  the price of a durable commit is paid once for all of them.
* Waiting for another process's lock is a loop of our own: SQLite's busy time-out backs off so far that
  a second writing process starves.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import sqlite3
import threading
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar

from db import clock as clocks
from db import errors, sqlite_errors
from db.clock import SystemClock
from db.secrets import of_database
from db.sqlite_connection import SqliteConnection
from db.sqlite_work import Work
from db.transactions import DEFAULT_TIMEOUT, Connection
from db.wakeups import Wakeups

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from db.clock import Clock

P = ParamSpec("P")
T = TypeVar("T")

EVENT_POLL = timedelta(milliseconds=25)
_READERS = 2
_BATCH = 64
# Uneven pauses, so that two processes do not keep step.
_LOCK_RETRY = tuple(timedelta(microseconds=each) for each in (200, 500, 300, 600, 400))
_elapsed = SystemClock()


class _ForeignChanges:
    """Whether another process has committed since the last look.

    On the writer's connection ``data_version`` changes only by commits of others; reading it costs
    microseconds. Between two looks lies at least one ``EVENT_POLL``.
    """

    def __init__(self) -> None:
        self._version: int | None = None
        self._looked_at = timedelta()

    def seen(self, driver: sqlite3.Connection) -> bool:
        moment = _elapsed.monotonic()
        if moment - self._looked_at < EVENT_POLL * 0.9:
            return False
        self._looked_at = moment
        version: int = driver.execute("PRAGMA data_version").fetchone()[0]
        changed = version != self._version
        self._version = version
        return changed


class SqliteStore:
    """A SQLite file, opened. Made by ``db.engine.open_store``."""

    dialect = "sqlite"

    def __init__(
        self, path: Path, *, clock: Clock | None = None, timeout: timedelta = DEFAULT_TIMEOUT
    ) -> None:
        self.path = path
        self.clock: Clock = clock or SystemClock()
        self.wakeups = Wakeups(self.clock)
        self._secrets = of_database(path)
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._writes: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._reads: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._write_loop, name="chattool-sqlite-writer", daemon=True)
        ]
        self._threads += [
            threading.Thread(target=self._read_loop, name=f"chattool-sqlite-reader-{number}", daemon=True)
            for number in range(_READERS)
        ]

    async def __aenter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        # Find an unreadable file here, not at the first use.
        await self.read(lambda _conn: None)
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._closed.is_set():
            return
        self._closed.set()
        self._writes.put(None)
        for _ in range(_READERS):
            self._reads.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def limited(self, timeout: timedelta) -> SqliteStore:
        view = object.__new__(SqliteStore)
        view.__dict__ = {**self.__dict__, "_timeout": timeout}
        return view

    @property
    def reserved(self) -> SqliteStore:
        return self

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._submit(self._writes, lambda conn: function(conn, *args, **kwargs))

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._submit(self._reads, lambda conn: function(conn, *args, **kwargs))

    async def _submit(self, line: queue.SimpleQueue[Work | None], function: Callable[[Connection], T]) -> T:
        if self._closed.is_set():
            message = "the store is closed"
            raise errors.StoreUnavailable(message)
        work = Work(function, self._loop)
        limit = self._loop.call_later(self._timeout.total_seconds(), self._give_up, work)
        line.put(work)
        try:
            return await work.future  # type: ignore[return-value]
        except asyncio.CancelledError:
            work.withdraw()
            raise
        finally:
            limit.cancel()

    def _give_up(self, work: Work) -> None:
        if work.future.done():
            return
        if work.withdraw():
            error: errors.StoreError = errors.StoreBusy.at(self.path, "was busy for too long")
        else:
            text = "did not answer in time; what this call did is unknown"
            error = errors.StoreUnavailable.at(self.path, text)
        work.future.set_exception(error)

    def _connect(self) -> sqlite3.Connection:
        driver = sqlite3.connect(self.path, isolation_level=None, timeout=0, cached_statements=512)
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
        ):
            self._until_unlocked(partial(driver.execute, f"PRAGMA {pragma}"))
        return driver

    def _until_unlocked(self, call: Callable[[], object]) -> None:
        deadline = _elapsed.monotonic() + self._timeout
        for pause in itertools.cycle(_LOCK_RETRY):
            try:
                call()
            except sqlite3.OperationalError as error:
                if not sqlite_errors.is_lock(error) or _elapsed.monotonic() > deadline:
                    raise
                clocks.pause(pause)
            else:
                return

    def _write_loop(self) -> None:
        driver: sqlite3.Connection | None = None
        foreign = _ForeignChanges()
        open_line = True
        while open_line:
            batch = self._next_batch()
            open_line = None not in batch
            works = [work for work in batch if work is not None and not work.withdrawn]
            try:
                driver = driver or self._connect()
                if works:
                    self._commit(driver, works)
            except BaseException as error:  # noqa: BLE001 - handed to the callers
                for work in works:
                    work.error = error
                if driver is not None and driver.in_transaction:
                    with suppress(sqlite3.Error):
                        driver.execute("ROLLBACK")
            self._answer(works)
            with suppress(sqlite3.Error, RuntimeError):  # only hints; the loop may be closed
                if driver is not None and self.wakeups.in_use and foreign.seen(driver):
                    self._loop.call_soon_threadsafe(self.wakeups.publish_all)
        if driver is not None:
            driver.close()

    def _next_batch(self) -> list[Work | None]:
        """What waits to be committed, at most ``_BATCH``; nothing when nothing came for one poll."""
        batch = []
        with suppress(queue.Empty):
            batch.append(self._writes.get(timeout=EVENT_POLL.total_seconds()))
            while len(batch) < _BATCH:
                batch.append(self._writes.get_nowait())
        return batch

    def _begin(self, driver: sqlite3.Connection, works: list[Work]) -> bool:
        """Whether the lock was free before the last of the callers gave up."""
        for pause in itertools.cycle(_LOCK_RETRY):
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if not sqlite_errors.is_lock(error):
                    raise
            else:
                return True
            if all(work.withdrawn for work in works):
                return False
            clocks.pause(pause)
        raise AssertionError  # unreachable: the pauses never end

    def _commit(self, driver: sqlite3.Connection, works: list[Work]) -> None:
        if not self._begin(driver, works):
            return
        if len(works) == 1:
            if self._attempted(driver, works[0]):
                driver.execute("COMMIT" if works[0].error is None else "ROLLBACK")
        elif all(self._attempted_under_savepoint(driver, work) for work in works):
            driver.execute("COMMIT")
        else:
            # One of them broke the transaction of all; each gets one of its own.
            for work in works:
                self._commit_alone(driver, work)

    def _attempted_under_savepoint(self, driver: sqlite3.Connection, work: Work) -> bool:
        driver.execute("SAVEPOINT work")
        if not self._attempted(driver, work):
            return False
        if work.error is not None:
            driver.execute("ROLLBACK TO work")
        driver.execute("RELEASE work")
        return True

    def _attempted(self, driver: sqlite3.Connection, work: Work) -> bool:
        """Run the function if its caller still waits; whether the transaction is still open."""
        if work.begin():
            work.attempt(SqliteConnection(driver, self.clock, self.path, self._secrets))
        if not driver.in_transaction:
            # SQLite itself rolled everything back: disk full, I/O error.
            work.error = work.error or errors.StoreUnavailable.at(self.path, "dropped the transaction")
            return False
        return True

    def _commit_alone(self, driver: sqlite3.Connection, work: Work) -> None:
        try:
            self._commit(driver, [work])
        except sqlite3.Error as error:
            work.error = error
            if driver.in_transaction:
                driver.execute("ROLLBACK")

    def _read_loop(self) -> None:
        driver: sqlite3.Connection | None = None
        while (work := self._reads.get()) is not None:
            if not work.begin():
                continue
            try:
                if driver is None:
                    driver = self._connect()
                self._until_unlocked(partial(self._read_once, driver, work))
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                work.error = error
            self._answer([work])
        if driver is not None:
            driver.close()

    def _read_once(self, driver: sqlite3.Connection, work: Work) -> None:
        driver.execute("BEGIN")
        try:
            work.attempt(SqliteConnection(driver, self.clock, self.path, self._secrets))
        finally:
            if driver.in_transaction:
                driver.execute("ROLLBACK")
        if isinstance(work.error, errors.StoreBusy) and isinstance(work.error.__cause__, sqlite3.Error):
            raise work.error.__cause__

    def _answer(self, works: list[Work]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(self._resolve, works)

    def _resolve(self, works: list[Work]) -> None:
        for work in works:
            if work.error is None:
                self.wakeups.publish(work.notices)
            if work.future.done():
                continue
            if work.error is None:
                work.future.set_result(work.result)
            else:
                work.future.set_exception(sqlite_errors.translated(work.error, self.path))
