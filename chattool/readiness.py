"""Whether the agent of a running workspace can be used, and waiting until it can."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from chattool.agent_report import AWAY, AgentReport
from chattool.agent_selection import selected_agent
from chattool.errors import AgentSelectionError, ToolError
from chattool.progress import Phase
from chattool.results import AgentStatus, StartupScripts
from chattool.time_limit import within
from db.errors import ChattoolError
from db.states import AgentConnection, AgentLifecycle

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from chattool.backend import Agent
    from chattool.call import Call
    from db.ids import BuildId
    from db.wakeups import Subscription

    Attempt = Callable[[], Coroutine[object, object, None]]

log = logging.getLogger(__name__)

_ZERO = timedelta()


async def read_agents(call: Call, build_id: BuildId) -> Sequence[Agent]:
    """The agents that the build made.

    Raises:
        ToolError: they cannot be read.
    """
    return await call.read("load workspace agents", lambda: call.backend.agents(build_id))


async def agent_report(call: Call, build_id: BuildId, *, connecting: bool) -> AgentReport:
    """How the agent of the build turned out, after waiting for it as long as the call allows.

    ``connecting`` waits for contact first. Never raises for an agent that is not usable.
    """
    agent = await _agent(call, build_id)
    if isinstance(agent, AgentReport):
        return agent
    if not call.waits:
        return _from_record(agent)
    with call.backend.agent_changes(agent.id) as changes:
        wait = AgentWait(call, build_id, agent, changes)
        return (await wait.for_contact() if connecting else None) or await wait.for_startup()


async def recorded_report(call: Call, build_id: BuildId) -> AgentReport:
    """How the record shows the agent of the build, without waiting."""
    agent = await _agent(call, build_id)
    return agent if isinstance(agent, AgentReport) else _from_record(agent)


async def _agent(call: Call, build_id: BuildId) -> Agent | AgentReport:
    """The chat's agent, or why there is none."""
    try:
        agents = await read_agents(call, build_id)
    except ToolError as error:
        return AgentReport(agent_status=AgentStatus.NOT_READY, agent_error=str(error))
    if not agents:
        return AgentReport(agent_status=AgentStatus.NO_AGENT)
    try:
        return selected_agent(agents, call.settings.chat_agent_suffix)
    except AgentSelectionError as error:
        return AgentReport(agent_status=AgentStatus.SELECTION_ERROR, agent_error=str(error))


def _from_record(agent: Agent) -> AgentReport:
    match agent.connection:
        case AgentConnection.CONNECTED:
            return _started(agent, agent.lifecycle_state) or _report(agent, AgentStatus.STARTING)
        case AgentConnection.CONNECTING:
            status = AgentStatus.STARTING
        case AgentConnection.DISCONNECTED | AgentConnection.TIMEOUT:
            status = AgentStatus.NOT_READY
        case _:
            assert_never(agent.connection)
    return _report(agent, status)


def _started(agent: Agent, lifecycle: str) -> AgentReport | None:
    """What a connected agent is good for; ``None`` while its start-up scripts run."""
    match lifecycle:
        case AgentLifecycle.READY:
            return _report(agent, AgentStatus.READY)
        case AgentLifecycle.START_ERROR | AgentLifecycle.START_TIMEOUT:
            status = AgentStatus.READY  # the scripts failed, the agent can be used
        case (
            AgentLifecycle.SHUTTING_DOWN
            | AgentLifecycle.SHUTDOWN_TIMEOUT
            | AgentLifecycle.SHUTDOWN_ERROR
            | AgentLifecycle.OFF
        ):
            status = AgentStatus.NOT_READY
        case _:
            return None  # created, starting, or one that only a foreign server knows
    return _report(agent, status, startup_scripts=StartupScripts.FAILED, lifecycle_state=lifecycle)


def _report(
    agent: Agent,
    status: AgentStatus,
    *,
    agent_error: str | None = None,
    startup_scripts: StartupScripts | None = None,
    lifecycle_state: str | None = None,
) -> AgentReport:
    return AgentReport(
        agent_status=status,
        agent_error=agent_error,
        startup_scripts=startup_scripts,
        lifecycle_state=lifecycle_state,
        connection=agent.connection,
        agent_id=agent.id,
    )


class AgentWait:
    """Waits for one agent of one build, within the limits of the call."""

    def __init__(self, call: Call, build_id: BuildId, agent: Agent, changes: Subscription) -> None:
        self._call = call
        self._build_id = build_id
        self._agent = agent
        self._changes = changes

    async def for_contact(self) -> AgentReport | None:
        """``None`` once an attempt to connect has succeeded, else the report to answer."""
        attempt = self._attempt()
        if attempt is None:
            return None
        call, settings = self._call, self._call.settings
        await call.progress.phase(Phase.CONNECTING, "connecting to the agent")
        window_end = call.clock.monotonic() + settings.agent_connect_window
        while True:
            left = call.left(window_end - call.clock.monotonic())
            try:
                await within(call.clock, min(settings.agent_connect_attempt, left), attempt())
            except TimeoutError:
                failure = "the attempt to connect to the agent timed out"
            except Exception as error:  # noqa: BLE001 - connecting is the host's code
                failure = str(error) or type(error).__name__
            else:
                return None
            left = call.left(window_end - call.clock.monotonic())
            if left > _ZERO:
                await self._changes.wait(min(left, settings.agent_retry_interval))
            # One that was there before, or is late already, does not come because it is waited for longer.
            if call.is_over and self._agent.connection not in AWAY:
                return _report(self._agent, AgentStatus.STARTING)
            if call.is_over or call.clock.monotonic() >= window_end:
                return _report(self._agent, AgentStatus.NOT_READY, agent_error=self._advice() or failure)

    async def for_startup(self) -> AgentReport:
        """The report once the start-up scripts have ended, or waiting for them has."""
        call, settings = self._call, self._call.settings
        await call.progress.phase(Phase.STARTUP, "startup scripts")
        deadline = call.clock.monotonic() + settings.startup_limit
        seen = False
        while True:
            try:
                agent = await self._read()
            except ChattoolError:
                log.debug("cannot read an agent", exc_info=True, extra={"action": "readiness"})
            else:
                seen = True
                if report := _started(self._agent, agent.lifecycle_state):
                    return report
            left = call.left(deadline - call.clock.monotonic())
            if call.is_over:
                return _report(self._agent, AgentStatus.STARTING)
            if left <= _ZERO:
                scripts = StartupScripts.TIMEOUT if seen else StartupScripts.UNKNOWN
                return _report(self._agent, AgentStatus.STARTING, startup_scripts=scripts)
            await self._changes.wait(min(left, settings.lifecycle_poll_interval))

    def _attempt(self) -> Attempt | None:
        if self._call.context.connect_agent is not None:
            return self._connect
        return self._look if self._call.backend.can_connect_agents else None

    async def _connect(self) -> None:
        connect = self._call.context.connect_agent
        assert connect is not None  # noqa: S101 - see _attempt
        async with connect(self._agent.id):
            pass

    async def _look(self) -> None:
        agent = await self._read()
        if agent.connection is not AgentConnection.CONNECTED:
            raise ToolError(f"agent {agent.name!r} is not connected: {agent.connection}")

    async def _read(self) -> Agent:
        agents = await self._call.backend.agents(self._build_id)
        for agent in agents:
            if agent.id == self._agent.id:
                return agent
        raise ToolError(f"agent {self._agent.name!r} is gone")

    def _advice(self) -> str:
        if not self._agent.external:
            return ""
        if self._agent.ever_connected:
            return "the workspace's external agent is not connected; ask the user to reconnect it"
        return "the workspace's external agent has not connected yet; ask the user to start it"
