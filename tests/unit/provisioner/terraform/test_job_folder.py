"""A job's folder holds a copy of the template, and the newest state that can be read."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from db.clock import FakeClock
from provisioner.provisioners.terraform.job_folder import JobFolder, StateFile, has_resources

EMPTY = b'{"version": 4, "resources": []}'
ONE = b'{"version": 4, "resources": [{"type": "x"}]}'


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(tmp_path / "job")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "modules" / "a").mkdir(parents=True)
    (source / "modules" / "a" / "main.tf").write_text("# a")
    for name in ("main.tf", "terraform.tfstate", "x.auto.tfvars", ".terraform.lock.hcl"):
        (source / name).write_text("{}")
    return source


def test_the_template_is_copied_without_state_and_values_of_its_own(folder: JobFolder, source: Path) -> None:
    folder.prepare(source, b"")

    names = {str(path.relative_to(folder.module)) for path in folder.module.rglob("*") if path.is_file()}
    assert names == {"main.tf", "modules/a/main.tf", ".terraform.lock.hcl", "chattool_backend_override.tf"}


def test_state_and_values_are_for_our_eyes_only(folder: JobFolder, source: Path) -> None:
    folder.prepare(source, ONE)
    folder.write_values({"key": "hunter22"})

    paths = (folder.module / "terraform.tfstate", folder.values)
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]


def test_a_second_plan_of_a_job_replaces_the_first(folder: JobFolder, source: Path) -> None:
    folder.prepare(source, ONE)
    folder.plan.write_text("plan")
    planned = folder.planned

    folder.prepare(source, b"")

    assert (planned, folder.planned) == (True, False)
    assert not (folder.module / "terraform.tfstate").exists()


@pytest.mark.parametrize(
    ("state", "expected"), [(b"", False), (b" \n", False), (EMPTY, False), (ONE, True), (b"{", True)]
)
def test_what_cannot_be_read_may_name_resources(state: bytes, *, expected: bool) -> None:
    assert has_resources(state) is expected


class StateOnDisk:
    """A state file and the program that writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = StateFile(path)
        self._writes = 0

    def write(self, content: bytes) -> None:
        self.path.write_bytes(content)
        self._writes += 1
        os.utime(self.path, ns=(self._writes, self._writes))


@pytest.fixture
def disk(tmp_path: Path) -> StateOnDisk:
    disk = StateOnDisk(tmp_path / "terraform.tfstate")
    disk.file.write(ONE)
    return disk


def test_the_state_that_was_put_there_is_no_news(disk: StateOnDisk) -> None:
    assert disk.file.newest() is None


def test_half_a_state_does_not_replace_a_whole_one(disk: StateOnDisk) -> None:
    disk.write(EMPTY)
    whole = disk.file.newest()

    disk.write(b'{"version": 4, "reso')

    assert (whole, disk.file.newest()) == (EMPTY, EMPTY)


async def test_every_new_state_is_kept_once(disk: StateOnDisk) -> None:
    clock, ended = FakeClock(), asyncio.Event()
    kept: asyncio.Queue[bytes] = asyncio.Queue()
    keeping = asyncio.create_task(disk.file.keep(kept.put, clock, ended))

    async def next_look() -> None:
        async with asyncio.timeout(20):
            while clock.sleepers == 0:
                await clock.sleep(timedelta())
        clock.advance(timedelta(seconds=1))

    disk.write(EMPTY)
    await next_look()
    async with asyncio.timeout(20):
        first = await kept.get()
    await next_look()
    await next_look()
    ended.set()
    async with asyncio.timeout(20):
        await keeping

    assert first == EMPTY
    assert kept.empty()
