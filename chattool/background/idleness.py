"""Whether anything still needs the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.settings import ToolSettings
from db import agents, builds
from db.errors import ChattoolError
from db.states import AgentConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from chattool.background.lock import EngineLock
    from db.transactions import Connection, Store

_LONGEST_INTERVAL = timedelta(seconds=15)
_LOOKS_PER_IDLE_TIME = 4
_IN_CONTACT = frozenset({AgentConnection.CONNECTED, AgentConnection.CONNECTING})


class Idleness:
    """Looks for use of the engine: a call for it, a job that has not ended, an agent in contact."""

    def __init__(self, store: Store, lock: EngineLock, idle_timeout: timedelta) -> None:
        self._store = store
        self._lock = lock
        self._idle_timeout = idle_timeout
        self._interval = min(_LONGEST_INTERVAL, idle_timeout / _LOOKS_PER_IDLE_TIME)
        self._last_use = lock.last_use()

    async def reached(self, *, at_each_look: Callable[[], None]) -> None:
        """Wait until nothing has needed the engine for the idle time, or its directory was removed.

        Looks are counted, not time: a machine that was suspended has not been idle, and its agents need a
        moment to report again.
        """
        quiet = timedelta()
        while quiet < self._idle_timeout and self._lock.is_in_place():
            await self._store.clock.sleep(self._interval)
            at_each_look()
            quiet = timedelta() if await self.is_over() else quiet + self._interval

    async def is_over(self) -> bool:
        """Whether anything needs the engine now, or somebody asked for it since the last look."""
        if not self._lock.is_in_place():
            return False
        before, self._last_use = self._last_use, self._lock.last_use()
        if before != self._last_use:
            return True
        try:
            return await self._store.read(_is_needed)
        except ChattoolError:
            return True  # a busy database is in use


def _is_needed(conn: Connection) -> bool:
    if builds.has_unfinished_job(conn):
        return True
    inactive_timeout = ToolSettings().agent_inactive_timeout
    return any(agent.connection(conn.now, inactive_timeout) in _IN_CONTACT for agent in agents.expected(conn))
