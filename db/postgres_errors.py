"""Errors of asyncpg in the words of ``db.errors``: translated once, the cause kept."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from db import errors
from db.postgres_url import safe_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta

_UNAVAILABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
_SERIALIZATION = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_BUSY = (*_SERIALIZATION, asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)
_UNWRITABLE = (asyncpg.ReadOnlySQLTransactionError, asyncpg.DiskFullError)


def is_serialization(error: BaseException | None) -> bool:
    """Whether the server asked to run the transaction once more."""
    return isinstance(error, _SERIALIZATION)


@asynccontextmanager
async def translating(url: str, timeout: timedelta) -> AsyncIterator[None]:
    """Give the block ``timeout``, and translate what asyncpg raises in it."""
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            yield
    except errors.ChattoolError:
        raise
    except TimeoutError as error:
        text = f"did not answer within {timeout.total_seconds():g} s"
        raise errors.StoreBusy.at(safe_url(url), text) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise translated(error, url) from error


def translated(error: Exception, url: str) -> errors.StoreError:
    """One of our errors for one of asyncpg's."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return errors.Conflict(str(error), constraint=error.constraint_name or "")
    if isinstance(error, _BUSY):
        return errors.StoreBusy.at(safe_url(url), f"answered: {error}")
    if isinstance(error, (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)):
        return errors.StoreError.at(
            safe_url(url), f"cannot be opened: {error}", told="the database cannot be opened"
        )
    if isinstance(error, _UNWRITABLE):
        return errors.StoreReadOnly.at(safe_url(url), f"cannot be written: {error}")
    if isinstance(error, _UNAVAILABLE):
        return errors.StoreUnavailable.at(
            safe_url(url), f"cannot be reached: {error}", told="the database cannot be reached"
        )
    return errors.StoreError.at(safe_url(url), f"answered: {error}")
