"""The plugin cache that all builds of a machine share."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime
    from pathlib import Path

    from db.clock import Clock

_POLL = timedelta(milliseconds=25)
_PRUNE_INTERVAL = timedelta(days=1)
_PLUGIN_DEPTH = "*/*/*/*/*"  # host, namespace, name, version, platform
# Without the second line a template that brings no lock file downloads its plugins for every build.
_CLI_CONFIG = "disable_checkpoint = true\nplugin_cache_may_break_dependency_lock_file = true\n"


class PluginCache:
    """Plugins below ``directory``; those that no build used for ``age`` are removed.

    ``cli_config`` is Terraform's own configuration file; by default one that is made here.
    Terraform does not guard its cache, so whoever may write to it holds a file lock, across processes.
    """

    def __init__(self, directory: Path, clock: Clock, age: timedelta, cli_config: Path | None = None) -> None:
        self.directory = directory
        self._own_config = directory / "chattool.tfrc"
        self.cli_config = cli_config or self._own_config
        self._clock = clock
        self._age = age

    @asynccontextmanager
    async def locked(self, interrupt: asyncio.Event) -> AsyncIterator[bool]:
        """Whether the lock was got before the interrupt came. Released when this process dies."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.directory / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not (got := _try_lock(descriptor)) and not interrupt.is_set():
                await self._clock.wait(interrupt, _POLL)
            if got:
                self._prepare()
            yield got
        finally:
            os.close(descriptor)

    def record_use(self, module: Path) -> None:
        """Remember that the plugins of an initialised module were used now."""
        moment = self._clock.now().timestamp()
        for link in module.glob(f".terraform/providers/{_PLUGIN_DEPTH}"):
            plugin = link.resolve()
            if plugin.is_relative_to(self.directory.resolve()):
                with suppress(OSError):
                    os.utime(plugin, (moment, moment))

    def _prepare(self) -> None:
        if not self._own_config.exists():
            # Only under the lock: a command that reads half of it would fail.
            self._own_config.write_text(_CLI_CONFIG, encoding="utf-8")
        now = self._clock.now()
        pruned = self.directory / ".pruned"
        if _used_before(pruned, now - _PRUNE_INTERVAL):
            pruned.touch()
            os.utime(pruned, (now.timestamp(), now.timestamp()))
            for plugin in self._unused(now):
                shutil.rmtree(plugin, ignore_errors=True)

    def _unused(self, now: datetime) -> Iterator[Path]:
        for plugin in self.directory.glob(_PLUGIN_DEPTH):
            if plugin.is_dir() and _used_before(plugin, now - self._age):
                yield plugin


def _used_before(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except OSError:
        return True


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
