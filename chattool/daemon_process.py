"""A process that is a daemon: the database, a daemon at work, and the signals that end it.

One without a database is ``chattool.remote_daemon``.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chattool.end_signals import EndSignals
from chattool.engine.running_daemon import default_workspaces, running_daemon
from chattool.engine.secret_key import check_key, warn_of_key
from db import users
from db.engine import open_store
from provisioner import reaper, tags
from provisioner.settings import ProvisionerSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from chattool.engine.running_daemon import RunningDaemon
    from db.transactions import Store

log = logging.getLogger(__name__)


class DaemonProcess:
    """What runs in a daemon's process."""

    def __init__(self, store: Store, running: RunningDaemon, signals: EndSignals) -> None:
        self.store = store
        self._running = running
        self._signals = signals

    @property
    def ending(self) -> bool:
        """Whether it was told to end."""
        return self._signals.ending.is_set()

    @property
    def agents_url(self) -> Callable[[], Awaitable[str]] | None:
        """See ``RunningDaemon``."""
        return self._running.agents_url

    @property
    def facts(self) -> Mapping[str, object]:
        """Who its daemon is, for logs."""
        return {**self._running.daemon.facts, "daemon_id": str(self._running.daemon_id)}

    async def told_to_end(self) -> None:
        """Wait for a signal, or for the daemon to break down, which raises its error."""
        await self._signals.told(self._running.ended)


@asynccontextmanager
async def daemon_process(
    url: str,
    *,
    workspaces: Path | None,
    name: str | None,
    daemon_tags: Mapping[str, str],
    settings: ProvisionerSettings,
    signals: EndSignals,
    only_one: bool = False,
    allowance: int = 0,
) -> AsyncIterator[DaemonProcess]:
    """The daemon at work, listening to signals until it has drained.

    ``only_one`` says that no other process works under ``name`` now, so what one left is repaired first.
    ``allowance`` is that of the default organization's members, where this makes the organization.

    Raises:
        ValueError: the URL is of no kind we know.
        KeyInvalid: what is given as the key of stored secrets is none.
        StoreError: the database cannot be opened, or has another version.
    """
    check_key(url)
    with signals.handled():
        async with open_store(url) as store:
            await warn_of_key(store, url)
            organization = await store.write(users.ensure_organization, allowance=allowance)
            if only_one and name is not None:
                await reaper.reap_daemon(store, settings, organization.id, name)
            async with running_daemon(
                store,
                organization.id,
                settings=settings,
                workspaces=workspaces or default_workspaces(url),
                name=name,
                daemon_tags=daemon_tags,
            ) as running:
                signals.reach(running.daemon)
                yield DaemonProcess(store, running, signals)


async def run_daemon(
    url: str,
    *,
    workspaces: Path | None = None,
    name: str | None = None,
    daemon_tags: Mapping[str, str] = tags.UNTAGGED,
    settings: ProvisionerSettings | None = None,
) -> int:
    """Work on the database at ``url`` until a signal ends it; the exit code.

    SIGTERM: take no more jobs, finish those that run within ``settings.drain_limit``. SIGINT, or SIGTERM once
    more: interrupt them. The code is 0, or 1 when jobs were interrupted. It only logs
    (``chattool.event_log``). How many jobs run at once is ``settings.daemon_slots``.

    Raises as ``daemon_process``.
    """
    signals = EndSignals()
    async with daemon_process(
        url,
        workspaces=workspaces,
        name=name,
        daemon_tags=daemon_tags,
        settings=settings or ProvisionerSettings(),
        signals=signals,
    ) as process:
        log.info("the daemon is ready", extra={"action": "ready", **process.facts})
        await process.told_to_end()
    log.info("the daemon has ended", extra={"action": "end", "interrupted": signals.interrupted})
    return 1 if signals.interrupted else 0
