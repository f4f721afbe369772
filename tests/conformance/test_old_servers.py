"""A server of the version before goes on working while the database is already that of this version."""

import asyncio
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from db import migrations
from db.engine import open_store
from provisioner import reaper
from provisioner.settings import ProvisionerSettings
from quota.check import drifts
from tests.sql import asked

#: The last commit whose schema is that of the version before; set it anew with every new revision.
BEFORE = "a35e46c33286416cbad6d0c3e40c5581d7c74b9a"
REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("db", "quota", "provisioner", "chattool", "tests")
LIMIT_SECONDS = 120

# Runs with the packages of the version before, which must not be asked for the version: it would refuse.
OLD_SERVER = """
import asyncio, sys
from contextlib import asynccontextmanager
from datetime import timedelta
import db.engine
from db.clock import FakeClock

async def unchecked(*_args, **_options):
    pass

async def main(url):
    db.engine._ensure_version = unchecked
    clock = FakeClock()
    async with db.engine.open_store(url, clock=clock, migrate=False) as store:
        from tests.scenario import Scenario
        scenario = await Scenario.on(store)
        running = await scenario.running(10)
        assert await scenario.apply(running, "stop", 2)
        build, run = await scenario.started(5)
        await run.log("at it")
        await run.heartbeat(b"a checkpoint")
        clock.advance(scenario.lost)
        assert await scenario.reap() == 1
        waiting = await scenario.create()
        await scenario.cancel(waiting.job.id)
        refused = await scenario.create()
        run = await scenario.claimed(refused.job.id)
        assert not (await run.commit_quota(1000)).ok
        await run.refuse()
        assert await scenario.drifts() == []
        assert await scenario.consumed() == 7
        print("served")

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture(scope="session")
def packages_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of the version before; skips where the history is not at hand."""
    found = subprocess.run(
        ["git", "archive", BEFORE, *PACKAGES],  # noqa: S607
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    if found.returncode != 0:
        pytest.skip(f"the history of this clone does not reach back to {BEFORE[:7]}")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def served(packages: Path, url: str) -> str:
    """What a server of the version before says when it has done everything that servers do."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", OLD_SERVER, url],
        cwd=packages,
        env={**os.environ, "PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_server_of_the_version_before_works_on_the_schema_of_this_one(
    database_url: str, packages_before: Path
) -> None:
    assert f'HEAD = "{migrations.HEAD}"' not in (packages_before / "db/migrations/__init__.py").read_text()

    assert await asyncio.to_thread(served, packages_before, database_url) == "served\n"

    async with open_store(database_url, migrate=False) as store:
        assert await store.read(drifts) == []
        assert await reaper.reap(store, ProvisionerSettings()) == 0


async def test_what_a_server_of_the_version_before_has_written_is_migrated(
    database_url: str, packages_before: Path
) -> None:
    await asyncio.to_thread(migrations.downgrade, database_url, migrations.revisions()[-2])
    await asyncio.to_thread(served, packages_before, database_url)

    await asyncio.to_thread(migrations.upgrade, database_url)

    async with open_store(database_url, migrate=False) as store:
        assert await store.read(drifts) == []
    assert await asked(database_url, migrations.current) == migrations.HEAD
