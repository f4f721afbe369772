"""What an operation reads on PostgreSQL is bounded, however long the history."""

import asyncio
from collections.abc import Iterator

import pytest

from db import migrations
from db.engine import open_store
from db.postgres import PostgresStore
from tests.postgres import PostgresDatabases
from tests.scale import history
from tests.scale.operations import Operation, operations, place
from tests.scale.reading import reading


@pytest.fixture(scope="module")
def history_url(postgres_server: PostgresDatabases) -> Iterator[str]:
    """A database with a history that one test process after another may use."""

    async def prepared(url: str) -> None:
        await asyncio.to_thread(migrations.upgrade, url)
        await history.fill(url, history.SMALL)

    async def made() -> str:
        template = await postgres_server.template(f"chattool_history_{migrations.HEAD}", prepared)
        return await postgres_server.create_database(template=template)

    url = asyncio.run(made())
    yield url
    asyncio.run(postgres_server.drop_database(url))


async def _too_much(store: PostgresStore, operation: Operation) -> str:
    found = await reading(store, operation.run)
    if found.rows <= operation.most and not found.scanned:
        return ""
    return f"{operation.name}: at most {operation.most} rows, but read {found}"


@pytest.mark.requirement("P11")
@pytest.mark.timeout(180)
async def test_no_operation_reads_a_whole_table_or_more_rows_than_its_bound(history_url: str) -> None:
    async with open_store(history_url, migrate=False) as store:
        assert isinstance(store, PostgresStore)
        complaints = [await _too_much(store, each) for each in operations(await place(store))]

    assert "\n\n".join(filter(None, complaints)) == ""


async def test_a_missing_index_would_be_noticed(history_url: str) -> None:
    async with open_store(history_url, migrate=False) as store:
        assert isinstance(store, PostgresStore)
        claims = next(each for each in operations(await place(store)) if each.name == "claim")

        def without_index(conn: object) -> object:
            conn._wait(conn._driver.driver.execute("DROP INDEX ix_provisioner_jobs_pending"))  # type: ignore[attr-defined] # noqa: SLF001
            return claims.run(conn)  # type: ignore[arg-type]

        found = await reading(store, without_index)

    assert found.rows > claims.most
