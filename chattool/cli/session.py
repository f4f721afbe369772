"""What a command works on: the database, and the engine that works for it, or a server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chattool.cli.command import WrongUsage
from chattool.starter import ALLOWANCE, DEFAULT_USER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chattool.cli.operations import Operations
    from chattool.cli.options import Options
    from chattool.http_backend import Remote
    from db.records import Organization, User
    from db.transactions import Connection, Store

_NEEDS_DATABASE = (
    "this command works on a database, and --url names a server; "
    "run it where the database is, with --url of that"
)


@asynccontextmanager
async def open_operations(options: Options, *, makes: bool = False) -> AsyncIterator[Operations]:
    """For commands that look at things, or change one without a build; ``makes`` as in ``open_database``.

    Raises:
        NotFound: there is no such user, or no such database.
        WrongUsage: the URL is of no kind we know, or nobody is signed in to the server.
    """
    _check_user(options)
    if options.server is not None:
        async with open_server(options) as remote:
            from chattool.cli.http_operations import HttpOperations

            yield await HttpOperations.of(remote, options.user)
        return
    async with open_database(options, makes=makes) as store:
        from chattool.cli.store_operations import StoreOperations

        found = await store.read(_found, options.user)
        if found is None:
            # A database of many is somebody's to set up; a state directory works at once.
            allowance = ALLOWANCE if options.url is None else 0
            found = await store.write(_made, options.user, allowance)
        organization, user = found
        yield StoreOperations(store, organization, user)


@asynccontextmanager
async def open_working_operations(options: Options) -> AsyncIterator[Operations]:
    """For commands that build: the background engine, daemons or the server work. Raises as above."""
    if options.url is None:
        from chattool import background

        _check_user(options)
        # The imports of the engine and the start of the other process take their time side by side.
        loading = asyncio.create_task(asyncio.to_thread(_load_engine))
        await background.ensure(options.home)
        await loading
    async with open_operations(options, makes=True) as operations:
        yield operations


@asynccontextmanager
async def open_database(options: Options, *, makes: bool = False) -> AsyncIterator[Store]:
    """The database alone, on nobody's behalf.

    With ``makes``, a SQLite file that --url names is made when it is missing; that of the state directory
    always is.

    Raises:
        NotFound: the file is missing.
        WrongUsage: the URL names none.
    """
    from chattool.background import state_directory
    from db.engine import open_store, sqlite_path
    from db.errors import NotFound

    check_database(options)
    if options.url is not None and not makes:
        path = sqlite_path(options.url)
        if path is not None and not path.exists():
            raise NotFound(f"there is no database {path}; make it with: chattool migrate --url {options.url}")
    if options.url is None and not options.home.exists():
        state_directory.prepare(state_directory.state_directory(options.home))
    async with open_store(options.database) as store:
        yield store


@asynccontextmanager
async def open_server(options: Options) -> AsyncIterator[Remote]:
    """The server, as the user of the token that was given, or stored by ``chattool login``.

    Raises:
        WrongUsage: the URL is none, or there is no token.
    """
    from chattool.cli.logins import token_for
    from chattool.http_backend import open_remote

    async with open_remote(check_server(options), token_for(options)) as remote:
        yield remote


def check_url(options: Options) -> None:
    """Refuse a URL that names neither a database nor a server.

    Raises:
        WrongUsage: it is of no kind we know.
    """
    if options.server is None:
        check_database(options)
    else:
        check_server(options)


def check_access(options: Options) -> None:
    """Refuse what could never be opened: a bad URL, or a server without a token.

    Raises:
        WrongUsage: the text says what is missing.
    """
    from chattool.cli.logins import token_for

    check_url(options)
    if options.server is not None:
        token_for(options)


def check_server(options: Options) -> str:
    """The server's URL, without a slash at its end.

    Raises:
        WrongUsage: it is none.
    """
    from provisioner.http_connection import server_url

    try:
        return server_url(options.server or options.url or "")
    except ValueError as error:
        raise WrongUsage(str(error)) from error


def check_database(options: Options) -> None:
    """Refuse a URL that names no database.

    Raises:
        WrongUsage: it is of no kind we know, or that of a server.
    """
    from db.engine import sqlite_path

    if options.server is not None:
        raise WrongUsage(_NEEDS_DATABASE)
    try:
        sqlite_path(options.database)
    except ValueError as error:
        raise WrongUsage(str(error)) from error


def check_upkeep() -> None:
    """Refuse what the environment says about the upkeep of a database, where it is nonsense.

    Raises:
        WrongUsage: the text names the variable.
    """
    from provisioner.retention import RetentionSettings

    try:
        RetentionSettings.from_environment()
    except ValueError as error:
        raise WrongUsage(str(error)) from error


def _load_engine() -> None:
    import chattool.engine  # noqa: F401 - only to have it loaded


def _check_user(options: Options) -> None:
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
    from chattool.cli.lookup_texts import NO_USER
    from db import accounts, users
    from db.errors import NotFound

    if name.lower() != DEFAULT_USER:
        raise NotFound(NO_USER.format(name))
    # An owner that nobody asked for has no place beside the real ones.
    if accounts.any_user(conn):
        raise NotFound(f"no user {name!r}; say which one you are: --user NAME, or CHATTOOL_USER")
    return users.ensure_owner(conn, name, allowance=allowance)
