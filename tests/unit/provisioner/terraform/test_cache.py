"""The plugin cache is written by one at a time, and forgets what nobody uses."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest

from db.clock import FakeClock, SystemClock
from provisioner.provisioners.terraform.cache import PluginCache

AGE = timedelta(days=30)


def plugin(folder: Path, clock: FakeClock, days: int, name: str) -> Path:
    path = folder / "registry.example" / "acme" / name / "1.0.0" / "linux_amd64"
    path.mkdir(parents=True)
    moment = (clock.now() - timedelta(days=days)).timestamp()
    os.utime(path, (moment, moment))
    return path


async def enter(cache: PluginCache) -> None:
    async with cache.locked(asyncio.Event()):
        pass


async def test_two_do_not_hold_the_lock_at_once(tmp_path: Path) -> None:
    one, other = (PluginCache(tmp_path, SystemClock(), AGE) for _ in range(2))
    events: list[str] = []

    async def second() -> None:
        async with other.locked(asyncio.Event()) as got:
            events.append(f"second {got}")

    async with asyncio.timeout(20):
        async with one.locked(asyncio.Event()):
            waiting = asyncio.create_task(second())
            await SystemClock().wait(asyncio.Event(), timedelta(milliseconds=60))
            events.append("first")
        await waiting

    assert events == ["first", "second True"]


async def test_an_interrupt_ends_the_wait_for_the_lock(tmp_path: Path) -> None:
    cache, interrupt = PluginCache(tmp_path, SystemClock(), AGE), asyncio.Event()

    async with asyncio.timeout(20), cache.locked(asyncio.Event()):
        interrupt.set()
        async with cache.locked(interrupt) as got:
            assert not got


async def test_plugins_that_nobody_used_for_long_are_removed(tmp_path: Path) -> None:
    clock = FakeClock()
    old, new = plugin(tmp_path, clock, 31, "old"), plugin(tmp_path, clock, 29, "new")

    await enter(PluginCache(tmp_path, clock, AGE))

    assert (old.exists(), new.exists()) == (False, True)


async def test_they_are_looked_for_once_a_day(tmp_path: Path) -> None:
    clock = FakeClock()
    cache = PluginCache(tmp_path, clock, AGE)
    await enter(cache)
    old = plugin(tmp_path, clock, 31, "old")

    await enter(cache)
    kept = old.exists()
    clock.advance(timedelta(days=1, seconds=1))
    await enter(cache)

    assert (kept, old.exists()) == (True, False)


async def test_a_plugin_in_use_is_as_good_as_new(tmp_path: Path) -> None:
    clock = FakeClock()
    cache_folder, module = tmp_path / "cache", tmp_path / "module"
    old = plugin(cache_folder, clock, 31, "old")
    link = module / ".terraform" / "providers" / old.relative_to(cache_folder)
    link.parent.mkdir(parents=True)
    link.symlink_to(old)
    cache = PluginCache(cache_folder, clock, AGE)

    cache.record_use(module)
    await enter(cache)

    assert old.exists()


@pytest.mark.parametrize("own", [True, False])
async def test_the_configuration_is_the_operators_or_ours(tmp_path: Path, *, own: bool) -> None:
    operators = tmp_path / "operator.tfrc"
    cache = PluginCache(tmp_path / "cache", SystemClock(), AGE, None if own else operators)

    await enter(cache)

    assert cache.cli_config.exists() is own
