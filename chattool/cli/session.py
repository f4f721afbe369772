"""The database that a command works on, and the engine that works for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool.cli.command import WrongUsage
from chattool.starter import ALLOWANCE, DEFAULT_USER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chattool.cli.options import Options
    from chattool.engine import Engine
    from db.records import Organization, User
    from db.transactions import Connection, Store


@dataclass(frozen=True, kw_only=True)
class Session:
    """An open database, and on whose behalf it is used."""

    store: Store
    organization: Organization
    user: User


@asynccontextmanager
async def open_database(options: Options) -> AsyncIterator[Store]:
    """The database alone, on nobody's behalf."""
    from chattool.background import state_directory
    from db.engine import open_store

    check_url(options)
    if options.url is None and not options.home.exists():
        state_directory.prepare(state_directory.state_directory(options.home))
    async with open_store(options.database) as store:
        yield store


@asynccontextmanager
async def open_session(options: Options) -> AsyncIterator[Session]:
    """The database and its user: for commands that look at things, or change one without a build.

    Raises:
        NotFound: there is no such user.
    """
    _check(options)
    async with open_database(options) as store:
        found = await store.read(_found, options.user)
        if found is None:
            # A database of many is somebody's to set up; a state directory works at once.
            allowance = ALLOWANCE if options.url is None else 0
            found = await store.write(_made, options.user, allowance)
        organization, user = found
        yield Session(store=store, organization=organization, user=user)


@asynccontextmanager
async def open_working_engine(options: Options) -> AsyncIterator[Engine]:
    """The engine's tools and database; the work is done by the background engine, or by daemons elsewhere."""
    from chattool import background

    _check(options)
    if options.url is not None:
        workspaces = None
    else:
        # The imports of the engine and the start of the other process take their time side by side.
        workspaces = background.state_directory.state_directory(options.home).workspaces
        loading = asyncio.create_task(asyncio.to_thread(_load_engine))
        await background.ensure(options.home)
        await loading
    from chattool.engine import open_engine

    async with open_engine(
        options.database, user=options.user, workspaces=workspaces, run_daemon=False
    ) as engine:
        yield engine


def _load_engine() -> None:
    import chattool.engine  # noqa: F401 - only to have it loaded


def check_url(options: Options) -> None:
    """Refuse a URL that names no database.

    Raises:
        WrongUsage: it is of no kind we know.
    """
    from db.engine import sqlite_path

    try:
        sqlite_path(options.database)
    except ValueError as error:
        raise WrongUsage(str(error)) from error


def _check(options: Options) -> None:
    from db import names

    check_url(options)
    if not names.is_valid(options.user):
        raise WrongUsage(f"{options.user!r} cannot be a user: a name has {names.RULE}")


def _found(conn: Connection, name: str) -> tuple[Organization, User] | None:
    from db import users

    organization = users.organization_by_name(conn, users.DEFAULT_ORGANIZATION)
    user = users.user_by_name(conn, name)
    return None if organization is None or user is None else (organization, user)


def _made(conn: Connection, name: str, allowance: int) -> tuple[Organization, User]:
    from db import accounts, users
    from db.errors import NotFound

    if name.lower() != DEFAULT_USER:
        raise NotFound(f"no user {name!r}; add one with: chattool users add {name}")
    # An owner that nobody asked for has no place beside the real ones.
    if accounts.any_user(conn):
        raise NotFound(f"no user {name!r}; say which one you are: --user NAME, or CHATTOOL_USER")
    return users.ensure_owner(conn, name, allowance=allowance)
