"""The private PostgreSQL server that tests and benchmarks use."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import asyncpg
import pytest

from tests.postgres import (
    Installation,
    PostgresDatabases,
    PostgresServer,
    PostgresUnavailable,
)


def dsn(url: str) -> str:
    return url.replace("postgresql+asyncpg", "postgresql")


async def create_marker(url: str) -> None:
    connection = await asyncpg.connect(dsn(url))
    await connection.execute("CREATE TABLE marker ()")
    await connection.close()


async def has_marker(url: str) -> bool:
    connection = await asyncpg.connect(dsn(url))
    try:
        return await connection.fetchval("SELECT to_regclass('marker')") is not None
    finally:
        await connection.close()


async def test_a_new_database_is_empty_and_takes_connections(
    postgres_server: PostgresDatabases,
) -> None:
    first = await postgres_server.create_database()
    second = await postgres_server.create_database()

    await create_marker(first)

    assert await has_marker(first)
    assert not await has_marker(second)


async def test_a_dropped_database_is_gone_with_its_connections(
    postgres_server: PostgresDatabases,
) -> None:
    url = await postgres_server.create_database()
    connection = await asyncpg.connect(dsn(url))

    await postgres_server.drop_database(url)

    with pytest.raises(asyncpg.InterfaceError):
        await connection.execute("SELECT 1")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(dsn(url))


async def test_a_template_is_prepared_once_for_concurrent_callers(
    postgres_server: PostgresDatabases,
) -> None:
    prepared: list[str] = []

    async def prepare(url: str) -> None:
        await create_marker(url)
        prepared.append(url)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(postgres_server.template("template_once", prepare))
    copy = await postgres_server.create_database(template="template_once")

    assert len(prepared) == 1
    assert await has_marker(copy)


async def test_a_template_whose_preparation_failed_is_prepared_again(
    postgres_server: PostgresDatabases,
) -> None:
    async def fail(url: str) -> None:
        await create_marker(url)
        raise LookupError

    with pytest.raises(LookupError):
        await postgres_server.template("template_retried", fail)
    await postgres_server.template("template_retried", create_marker)

    assert await has_marker(postgres_server.url("template_retried"))


async def test_a_committed_row_survives_a_crash_of_the_server(
    postgres_server: PostgresDatabases,
) -> None:
    server = PostgresServer()
    with server as databases:
        url = await databases.create_database()
        await create_marker(url)

        server.stop("immediate")
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, both by the system
            await asyncpg.connect(dsn(url))
        server.start()

        assert await has_marker(url)


def test_a_closed_server_leaves_nothing_behind(postgres_server: PostgresDatabases) -> None:
    server = PostgresServer()
    with server:
        assert server.directory.is_dir()

    assert not server.directory.exists()


async def test_the_server_ends_when_its_owner_is_killed(postgres_server: PostgresDatabases) -> None:
    program = """
import sys
from tests.postgres import PostgresServer
with PostgresServer() as databases:
    print(databases.url(), flush=True)
    sys.stdin.read()
"""
    ended = asyncio.Event()
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=PIPE, stdout=PIPE)
    assert owner.stdout is not None
    url = await owner.stdout.readline()
    connection = await asyncpg.connect(dsn(url.decode().strip()))
    connection.add_termination_listener(lambda _: ended.set())

    owner.kill()

    async with asyncio.timeout(10):
        await owner.wait()
        await ended.wait()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    programs = tmp_path / "installation" / "bin"
    programs.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        program = programs / name
        program.write_text("#!/bin/sh\necho the disk is on fire >&2; exit 1\n", encoding="ascii")
        program.chmod(0o755)

    with (
        pytest.raises(PostgresUnavailable, match="the disk is on fire"),
        PostgresServer(Installation.at(programs)),
    ):
        pytest.fail("started")
