"""The processes of a workspace: found by what cannot get lost all at once, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from db.clock import Clock
    from provisioner.provisioners.local_state import AgentProcess

WORKSPACE_VARIABLE = "CHATTOOL_WORKSPACE_ID"
"""Environment variable that marks every process of a workspace, whoever its parent is."""

_SLICE = timedelta(milliseconds=100)
_START_TOLERANCE_SECONDS = 0.05
_AFTER_KILL = timedelta(seconds=10)
_KILL_ROUNDS = 3  # a process that is killed may just have started another


def started_at(pid: int) -> float:
    """When the process began, in seconds since the epoch; 0 when it is already gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def find_processes(workspace_id: str, agents: Iterable[AgentProcess] = ()) -> list[psutil.Process]:
    """All living processes of the workspace.

    A process belongs to it when its environment is marked, when it is a known agent, or when it
    descends from one of these or is in a session that one of these leads. Never this process or
    what started it, nor a process that is marked for another workspace.
    """
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    known = {agent.pid: agent.started for agent in agents}
    facts = {
        found.process.pid: found
        for process in psutil.process_iter()
        if process.pid not in spared and (found := _facts(process)) and found.mark in {None, workspace_id}
    }
    belonging = {pid for pid, found in facts.items() if found.mark == workspace_id or found.is_agent(known)}
    while added := {
        pid
        for pid, found in facts.items()
        if pid not in belonging and (found.parent in belonging or found.session in belonging)
    }:
        belonging |= added
    return [facts[pid].process for pid in belonging]


async def end_processes(
    workspace_id: str,
    agents: Iterable[AgentProcess],
    *,
    clock: Clock,
    exit_timeout: timedelta,
    interrupt: asyncio.Event,
) -> bool:
    """Whether all processes of the workspace ended: politely, or killed after ``exit_timeout``.

    An interrupt while they are asked politely leaves them to it and answers false.
    """
    agents = tuple(agents)
    deadline = clock.monotonic() + exit_timeout
    asked: set[psutil.Process] = set()
    while processes := await asyncio.to_thread(find_processes, workspace_id, agents):
        now = clock.monotonic()
        if now >= deadline + _AFTER_KILL:
            return False
        if now >= deadline:
            _signal(processes, signal.SIGKILL)
        elif interrupt.is_set():
            return False
        else:
            # A suspended process hears nothing but SIGCONT. Those that appear later are asked too.
            _signal(set(processes) - asked, signal.SIGTERM, signal.SIGCONT)
            asked.update(processes)
        await asyncio.to_thread(psutil.wait_procs, processes, _SLICE.total_seconds())
    return True


def kill_processes(workspace_id: str) -> None:
    """Kill all processes of the workspace, without waiting for their end."""
    for _ in range(_KILL_ROUNDS):
        _signal(find_processes(workspace_id), signal.SIGKILL)


def _signal(processes: Iterable[psutil.Process], *signals: signal.Signals) -> None:
    for process in processes:
        for number in signals:
            # psutil signals nothing when the id belongs to another process by now.
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)


@dataclass(frozen=True, kw_only=True)
class _Facts:
    process: psutil.Process
    parent: int
    session: int
    mark: str | None
    """The workspace that the process is marked for; ``None`` also where we may not look."""

    def is_agent(self, known: Mapping[int, float]) -> bool:
        started = known.get(self.process.pid)
        return started is not None and abs(self.process.create_time() - started) < _START_TOLERANCE_SECONDS


def _facts(process: psutil.Process) -> _Facts | None:
    """What decides about a process; ``None`` when it is gone, or only waits to be collected."""
    try:
        if process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
            return None
        parent, session = process.ppid(), os.getsid(process.pid)
    except (psutil.Error, OSError):
        return None
    try:
        mark = process.environ().get(WORKSPACE_VARIABLE)
    except (psutil.Error, OSError):
        mark = None
    return _Facts(process=process, parent=parent, session=session, mark=mark)
