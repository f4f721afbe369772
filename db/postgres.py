"""The PostgreSQL store: asyncpg under the same plain transaction functions.

A transaction function runs in a greenlet, so that each statement in it can wait for the server without
holding the event loop. READ COMMITTED throughout: conditional updates see what was committed before them.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Self, TypeVar

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.util import await_only, greenlet_spawn

from db import errors, postgres_errors, postgres_url
from db.clock import DatabaseClock
from db.postgres_notify import Listener
from db.postgres_pool import Pool
from db.secrets import of_database
from db.statements import Compiler
from db.transactions import DEFAULT_TIMEOUT, Connection
from db.wakeups import Wakeups

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import timedelta

    from sqlalchemy import Executable

    from db.clock import Clock
    from db.postgres_pool import Driver
    from db.secrets import Secrets
    from db.statements import Row
    from db.transactions import Writes

P = ParamSpec("P")
T = TypeVar("T")

_POOL_SIZE = 10
_RESERVED_SIZE = 2
_ATTEMPTS = 3
_compiler = Compiler(PGDialect_asyncpg(paramstyle="numeric_dollar"))  # type: ignore[no-untyped-call]


class PostgresConnection(Connection):
    """A transaction on an asyncpg connection, called from inside ``greenlet_spawn``."""

    dialect = "postgresql"

    def __init__(self, driver: Driver, clock: Clock, url: str, secrets: Secrets) -> None:
        super().__init__(clock.now(), secrets)
        self._driver = driver
        self._url = url
        self.committing = False
        """Whether the server may commit, or may have committed, what was written."""

    async def transact(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` and commit, or roll back what it did."""
        if getattr(function, "single_write", False):
            self.committing = True
            return await greenlet_spawn(partial(function, self, *args, **kwargs))
        await self._driver.execute("BEGIN")
        try:
            result = await greenlet_spawn(partial(function, self, *args, **kwargs))
        except Exception:
            if not self._driver.is_closed():
                await self._driver.execute("ROLLBACK")
            raise
        self.committing = True
        await self._driver.execute("COMMIT")
        return result

    def rows(self, statement: Executable, **values: object) -> list[Row]:
        compiled = _compiler(statement)
        records: list[asyncpg.Record] = self._wait(
            self._driver.fetch(compiled.sql, *compiled.arguments(values))
        )
        return compiled.rows(records)

    def run(self, statement: Executable, **values: object) -> int:
        compiled = _compiler(statement)
        # The status reads "UPDATE 3" or "INSERT 0 1": the last word counts the rows.
        status: str = self._wait(self._driver.execute(compiled.sql, *compiled.arguments(values)))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    def run_all(self, writes: Writes) -> None:
        self.run(_compiler.joined(writes.statements), **writes.values)

    def run_if(self, guard: Executable, writes: Writes, **values: object) -> Row | None:
        return self.first(_compiler.guarded(guard, writes.statements), **{**writes.values, **values})

    def names(self, statement: Executable) -> frozenset[str]:
        return _compiler(statement).names

    def _wait(self, answer: Awaitable[T]) -> T:
        try:
            return await_only(answer)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise postgres_errors.translated(error, self._url) from error


class PostgresStore:
    """A PostgreSQL database, opened. Made by ``db.engine.open_store``."""

    dialect = "postgresql"

    def __init__(self, url: str, *, clock: Clock | None = None, timeout: timedelta = DEFAULT_TIMEOUT) -> None:
        self.url = url
        self._own_clock = DatabaseClock() if clock is None else None
        self.clock: Clock = self._own_clock or clock  # type: ignore[assignment]
        self.wakeups = Wakeups(self.clock)
        self._secrets = of_database(None)
        self._timeout = timeout
        self._ordinary = Pool(url, _POOL_SIZE, timeout)
        self._for_reserved = Pool(url, _RESERVED_SIZE, timeout)
        self._pool = self._ordinary
        self._listener = Listener(url, self.wakeups, self._own_clock)

    async def __aenter__(self) -> Self:
        async with postgres_errors.translating(self.url, self._timeout):
            await self._listener.start()
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._listener.stop()
        for pool in (self._ordinary, self._for_reserved):
            await pool.close()

    def limited(self, timeout: timedelta) -> PostgresStore:
        return self._view(_timeout=timeout)

    @property
    def reserved(self) -> PostgresStore:
        return self._view(_pool=self._for_reserved)

    def _view(self, **changed: object) -> PostgresStore:
        view = object.__new__(PostgresStore)
        view.__dict__ = {**self.__dict__, **changed}
        return view

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with self._connection() as conn:
                    result = await conn.transact(function, *args, **kwargs)
            except errors.StoreBusy as error:
                if attempt == _ATTEMPTS or not postgres_errors.is_serialization(error.__cause__):
                    raise
            else:
                self.wakeups.publish(conn.notices)
                self._listener.notify(conn.notices)
                return result
        raise AssertionError  # unreachable: the last attempt returns or raises

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._connection() as conn:
            return await greenlet_spawn(partial(function, conn, *args, **kwargs))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[PostgresConnection]:
        """A connection that is thrown away when it was cancelled or broke inside a statement."""
        conn: PostgresConnection | None = None
        try:
            async with postgres_errors.translating(self.url, self._timeout):
                driver = await self._pool.acquire()
                conn = PostgresConnection(driver, self.clock, self.url, self._secrets)
                clean = False
                try:
                    yield conn
                    clean = True
                except Exception as error:
                    # The server answered, or a function refused: the connection itself is sound.
                    clean = not isinstance(error, (errors.StoreUnavailable, OSError, asyncpg.InterfaceError))
                    raise
                finally:
                    if not clean or driver.is_in_transaction():
                        driver.terminate()
                    self._pool.release(driver)
        except errors.StoreBusy as error:
            if conn is not None and conn.committing and isinstance(error.__cause__, TimeoutError):
                seconds = f"{self._timeout.total_seconds():g} s"
                text = f"did not answer within {seconds}; what this call did is unknown"
                raise errors.StoreUnavailable.at(postgres_url.safe_url(self.url), text) from error
            raise
