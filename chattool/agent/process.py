"""The agent from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.agent.calls import Calls
from chattool.agent.commands import Commands
from chattool.agent.descendants import Children, adopt_orphans, end_descendants
from chattool.agent.methods import Methods
from chattool.agent.script_output import ScriptOutput
from chattool.agent.server import CallRefused, Server, ServerAway, TokenRefused
from chattool.agent.settings import AgentMisconfigured, AgentSettings, hide_token, settings_from
from chattool.agent.startup_script import run_script
from db.clock import SystemClock
from db.states import AgentLifecycle

if TYPE_CHECKING:
    from db.clock import Clock

HEARTBEAT_INTERVAL = timedelta(seconds=10)
_LAST_WORDS_LIMIT_SECONDS = 2
_THREADS = 64

_logger = logging.getLogger(__name__)


def run_agent() -> int:
    """Run the agent that the environment describes; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        settings = settings_from(os.environ)
    except AgentMisconfigured as error:
        sys.stderr.write(f"chattool agent: {error}\n")
        return 2
    hide_token(settings)
    with contextlib.suppress(PermissionError):  # it leads a session already
        os.setsid()
    adopt_orphans()
    return asyncio.run(Agent(settings, SystemClock()).run())


class Agent:
    """One run of an agent."""

    def __init__(self, settings: AgentSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._closing = asyncio.Event()
        self._server = Server(settings, clock, self._closing)
        self._output = ScriptOutput(self._server, clock)
        self._children = Children()
        methods = Methods(settings.directory, Commands(self._children, clock), clock)
        self._calls = Calls(self._server, methods, clock)

    async def run(self) -> int:
        """The exit code: 0 when told to end, 1 when the server does not know the agent."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(max_workers=_THREADS))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._closing.set)
        tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._closing.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        if self._closing.is_set():
            await self._end()
            return 0
        _logger.error("the agent ends: %s", results[0])
        await asyncio.to_thread(end_descendants)  # nobody could end them without the agent
        return 1

    async def _work(self) -> None:
        """Never ends by itself, but by an error or a cancellation."""
        manifest = await self._server.deliver("GET", "manifest")
        _logger.info("connected as agent %s", self._settings.name)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_heartbeats())
                group.create_task(self._output.send())
                group.create_task(self._calls.answer(group))
                group.create_task(self._start(str(manifest.get("startup_script") or "")))
        except ExceptionGroup as group_error:
            raise group_error.exceptions[0] from group_error

    async def _send_heartbeats(self) -> None:
        while True:
            await self._server.deliver("POST", "heartbeat")
            self._children.collect_orphans()
            await self._clock.wait(self._closing, HEARTBEAT_INTERVAL)

    async def _start(self, script: str) -> None:
        await self._report(AgentLifecycle.STARTING)
        state = AgentLifecycle.READY
        if script.strip() and (failure := await self._failure_of(script)):
            await self._output.conclude(failure)
            state = AgentLifecycle.START_ERROR
        await self._output.flush()  # who sees the agent ready finds what its script said
        await self._report(state)

    async def _failure_of(self, script: str) -> str:
        """How the script failed; empty when it succeeded."""
        try:
            code = await run_script(script, self._settings.directory, self._output, self._children)
        except OSError as error:
            _logger.error("the start-up script did not start: %s", error)  # noqa: TRY400 - no traceback
            return f"the start-up script did not start: {error}"
        _logger.info("the start-up script ended with code %d", code)
        if code < 0:
            return f"the start-up script was ended by signal {-code}"
        return f"the start-up script ended with exit code {code}" if code else ""

    async def _report(self, state: AgentLifecycle) -> None:
        with contextlib.suppress(CallRefused):
            await self._server.deliver("POST", "report-lifecycle", {"state": state.value})

    async def _end(self) -> None:
        _logger.info("the agent was told to end")
        await self._last_words(AgentLifecycle.SHUTTING_DOWN)
        await asyncio.to_thread(end_descendants)
        await self._last_words(AgentLifecycle.OFF)

    async def _last_words(self, state: AgentLifecycle) -> None:
        # The server may be gone as well; nobody waits for it now.
        with contextlib.suppress(TokenRefused, ServerAway, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_LIMIT_SECONDS):
                await self._output.flush()
                await self._report(state)
