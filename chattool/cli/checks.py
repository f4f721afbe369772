"""What ``chattool doctor`` looks at. Each check answers; none raises."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chattool.cli.verdicts import failed, ok, warning
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from chattool.cli.options import Options
    from chattool.cli.verdicts import Check
    from db.transactions import Connection, Store

_OLDEST_PYTHON = (3, 11)
_SCARCE_SPACE = 1 << 30
_NO_SPACE = 64 << 20
_SKEW = timedelta(seconds=2)
_WAL_VERSIONS = b"\x02\x02"  # bytes 18 and 19 of a SQLite file


async def all_checks(options: Options) -> AsyncIterator[Check]:
    """Every check, in an order in which a person would make them."""
    yield _python()
    yield _packages()
    yield _terraform()
    if options.server is not None:
        from chattool.cli.server_checks import server_checks

        async for check in server_checks(options):
            yield check
        return
    yield _postgres_driver(options)
    if options.url is None:
        for check in _state_directory(options):
            yield check
    async for check in _database(options):
        yield check


def _python() -> Check:
    text = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < _OLDEST_PYTHON:
        return failed("python", text, "Python 3.11 or newer is needed")
    return ok("python", text)


def _packages() -> Check:
    """Other distributions have top-level packages of these names, too, and would overwrite ours."""
    import chattool

    home = Path(str(chattool.__file__)).parent.parent
    strange = [
        name
        for name in ("db", "quota", "provisioner")
        if Path(str(importlib.import_module(name).__file__)).parent.parent != home
    ]
    if strange:
        advice = (
            "another distribution has packages of these names: use a virtual environment of chattool's own"
        )
        return failed("packages", f"not chattool's: {', '.join(strange)}", advice)
    return ok("packages", f"chattool, provisioner, quota and db in {home}")


def _terraform() -> Check:
    from provisioner.provisioners.terraform.program import ProgramMissing, find_command

    try:
        return ok("terraform", " ".join(find_command()))
    except ProgramMissing as missing:
        return ok("terraform", f"{missing}; only templates of .tf files need one")


def _postgres_driver(options: Options) -> Check:
    if importlib.util.find_spec("asyncpg") is not None:
        return ok("postgresql", "the driver asyncpg is installed")
    detail = "the driver asyncpg is not installed"
    if options.url is not None and options.url.startswith("postgres"):
        return failed("postgresql", detail, 'pip install "chattool[postgres]"')
    return ok("postgresql", f"{detail}; only postgresql:// URLs need it")


def _state_directory(options: Options) -> Iterator[Check]:
    from chattool import background

    home = options.home
    if not home.exists():
        yield ok("state directory", f"{home} will be made when it is needed")
    elif not os.access(home, os.W_OK | os.X_OK):
        yield failed("state directory", f"{home} cannot be written", "change its permissions, or set --home")
    else:
        yield ok("state directory", str(home))
    existing = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    text = f"{free / (1 << 30):.1f} GiB free"
    if free < _NO_SPACE:
        yield failed("disk space", text, "make room: builds and the database need some")
    elif free < _SCARCE_SPACE:
        yield warning("disk space", text, "make room before it runs out")
    else:
        yield ok("disk space", text)
    engine = background.status(home)
    if engine.running:
        yield ok("background engine", f"process {engine.pid}, {engine.phase}, version {engine.version}")
    else:
        yield ok("background engine", "not running; it starts when it is needed")


async def _database(options: Options) -> AsyncIterator[Check]:
    from chattool.cli.fleet_checks import fleet_checks, secret_check
    from db import migrations
    from db.engine import open_store, sqlite_path

    try:
        path = sqlite_path(options.database)
    except ValueError as error:
        yield failed("database", str(error))
        return
    if path is not None and not path.exists():
        yield ok("database", f"{path} will be made when it is needed")
        return
    try:
        async with open_store(options.database, migrate=False) as store:
            yield ok(
                "database",
                f"{path or 'PostgreSQL'} can be read; its schema has our version, {migrations.HEAD}",
            )
            async for check in _open_database(store):
                yield check
            yield await secret_check(store, path)
            for check in await fleet_checks(store):
                yield check
    except ChattoolError as error:
        yield failed("database", str(error))
    if path is not None:
        yield _journal(path)


async def _open_database(store: Store) -> AsyncIterator[Check]:
    from db.clock import SystemClock
    from quota import check as ledger

    await store.write(_nothing)
    yield ok("database writes", "a write transaction succeeds")
    skew = abs(store.clock.now() - SystemClock().now())
    text = f"{skew.total_seconds() * 1000:.0f} ms between this machine and the database"
    yield ok("clock", text) if skew < _SKEW else warning("clock", text, "let NTP set this machine's clock")
    drifts = await store.read(ledger.drifts)
    if drifts:
        names = ", ".join(drift.workspace_name for drift in drifts)
        yield failed("quota ledger", f"differs from the builds: {names}", "see: chattool quota check")
    else:
        yield ok("quota ledger", "is what the builds say")


def _journal(path: Path) -> Check:
    try:
        with path.open("rb") as file:
            versions = file.read(20)[18:]
    except OSError as error:
        return failed("write-ahead log", f"{path}: {error.strerror}")
    if versions == _WAL_VERSIONS:
        return ok("write-ahead log", "on")
    return warning("write-ahead log", "off", "is the file on a network drive? SQLite needs a local one")


def _nothing(conn: Connection) -> None:
    """A write transaction that only begins and commits."""
