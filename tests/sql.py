"""Plain SQL on a test's database, past the store."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from db.engine import sqlite_path

T = TypeVar("T")


async def asked(url: str, question: Callable[[Connection], T]) -> T:
    """What ``question`` answers on an SQLAlchemy connection, committed."""
    if sqlite_path(url) is not None:
        engine = create_engine(url)
        try:
            with engine.begin() as connection:
                return question(connection)
        finally:
            engine.dispose()
    async_engine = create_async_engine(url)
    try:
        async with async_engine.begin() as connection:
            return await connection.run_sync(question)
    finally:
        await async_engine.dispose()
