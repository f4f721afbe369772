"""Databases that cannot be used: each a typed error that says what is wrong, and nothing lost."""

import os
import pwd
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import column, select, table

from db import users
from db.engine import open_store
from db.errors import ChattoolError, StoreBusy, StoreError, StoreReadOnly, StoreUnavailable
from db.postgres import PostgresStore
from db.states import JobStatus
from db.transactions import Connection
from tests.postgres import PostgresDatabases
from tests.scenario import Scenario


@contextmanager
def ordinary_user(*paths: Path) -> Iterator[None]:
    """Root may write everything, so the block runs as somebody who owns ``paths`` but is not root."""
    if os.geteuid() != 0:
        yield
        return
    nobody = pwd.getpwnam("nobody")
    for path in paths:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    os.seteuid(nobody.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)


def permit(path: Path, mode: int) -> None:
    path.chmod(mode)


@pytest.fixture
async def folder(sqlite_template: Path) -> AsyncIterator[Path]:
    """A folder with a migrated file, reachable by everybody."""
    with tempfile.TemporaryDirectory(prefix="chattool-test-") as name:
        path = Path(name)
        permit(path, 0o755)
        shutil.copy(sqlite_template, path / "chattool.db")
        async with open_store(f"sqlite:///{path / 'chattool.db'}") as store:
            await store.write(users.ensure_owner, "ana")
        yield path


async def test_a_read_only_file_says_so(folder: Path) -> None:
    path = folder / "chattool.db"
    permit(path, 0o444)

    with ordinary_user(folder, path), pytest.raises(StoreReadOnly) as refused:
        async with open_store(f"sqlite:///{path}") as store:
            await store.write(users.ensure_owner, "bob")

    assert (refused.value.code, refused.value.retryable) == ("STORE_READ_ONLY", False)
    assert str(path) in str(refused.value)


async def test_a_read_only_folder_says_so(folder: Path) -> None:
    permit(folder, 0o555)
    with ordinary_user(folder, folder / "chattool.db"), pytest.raises(StoreReadOnly):
        async with open_store(f"sqlite:///{folder / 'chattool.db'}"):
            pass
    permit(folder, 0o755)


async def test_a_folder_that_cannot_be_made_says_so(folder: Path) -> None:
    (folder / "file").touch()

    with pytest.raises(StoreReadOnly):
        async with open_store(f"sqlite:///{folder / 'file' / 'below' / 'chattool.db'}"):
            pass


async def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "chattool.db"
    path.write_text("this is a letter to my grandmother, not a database\n" * 100)

    with pytest.raises(StoreError) as refused:
        async with open_store(f"sqlite:///{path}"):
            pass

    assert refused.value.code == "STORE_ERROR"


@pytest.mark.parametrize("url", ["mysql://host/name", "chattool.db", "sqlite://", "sqlite:///:memory:"])
async def test_a_url_of_no_known_kind_is_a_mistake_of_the_caller(url: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///path/to/file\.db"):
        async with open_store(url):
            pass


def fill(conn: Connection, size: int) -> None:
    users.create_user(conn, f"u{size}", [], email="x" * size)


def limit_pages(conn: Connection) -> None:
    """A full disk, as SQLite sees one."""
    pages = conn.scalar(select(column("page_count")).select_from(table("pragma_page_count")))
    conn._driver.execute(f"PRAGMA max_page_count = {pages + 8}")  # type: ignore[attr-defined] # noqa: SLF001


async def test_a_full_disk_refuses_what_does_not_fit_and_keeps_the_rest(folder: Path) -> None:
    async with open_store(f"sqlite:///{folder / 'chattool.db'}") as store:
        scenario = await Scenario.on(store)
        build, run = await scenario.started(10)
        await store.write(limit_pages)

        with pytest.raises(StoreReadOnly) as refused:
            await store.write(fill, 10_000_000)
        await store.write(fill, 10)
        with pytest.raises(StoreReadOnly):
            await run.finish(state=b"x" * 10_000_000)
        assert (await scenario.job(build.job.id)).status is JobStatus.RUNNING
        assert await scenario.state(build.id) == b""
        await run.finish(state=b"small")

        assert refused.value.code == "STORE_READ_ONLY"
        assert await scenario.consumed() == 10
        assert await scenario.drifts() == []
    assert sqlite3.connect(folder / "chattool.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_postgresql_that_does_not_answer_is_unavailable() -> None:
    url = f"postgresql://chattool:sesame@127.0.0.1:{free_port()}/chattool"

    with pytest.raises(StoreUnavailable) as refused:
        async with open_store(url):
            pass

    assert refused.value.retryable
    assert "sesame" not in str(refused.value)


async def test_a_postgresql_that_accepts_and_stays_silent_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = PostgresStore(
            f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/x", timeout=timedelta(milliseconds=100)
        )
        with pytest.raises((StoreBusy, StoreUnavailable)):
            async with store:
                pass


@pytest.mark.parametrize(
    ("change", "code"),
    [(("/postgres", "/no_such_database"), "STORE_ERROR"), (("postgres:", "nobody:"), "STORE_ERROR")],
    ids=["no_such_database", "wrong_user"],
)
async def test_a_postgresql_that_refuses_the_login_says_so(
    postgres_server: PostgresDatabases, change: tuple[str, str], code: str
) -> None:
    url = postgres_server.url().replace(*change)

    with pytest.raises(ChattoolError) as refused:
        async with open_store(url):
            pass

    assert refused.value.code == code
    assert postgres_server.password not in str(refused.value)
