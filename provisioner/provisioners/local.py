"""Makes real workspaces on this machine: a directory, and workspace agents that run in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from db.states import LogLevel, ProvisionerType, Transition
from provisioner.errors import ProvisionerError
from provisioner.protocol import ApplyResult, ParseResult, PlanResult, unsaved
from provisioner.provisioners.agent_processes import ServerAddress, agent_environment, start_agent
from provisioner.provisioners.local_failures import refusal
from provisioner.provisioners.local_plan import planned_start, planned_stop
from provisioner.provisioners.local_state import LocalState, read_state
from provisioner.provisioners.processes import end_processes, kill_processes
from provisioner.provisioners.workspace_directory import confined, fill, new_directory, remove
from provisioner.template_toml import read_readme, read_template

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from db.clock import Clock
    from provisioner.protocol import Checkpoint, LogSink, Request, WorkspaceMetadata

CANCELED = "canceled"
_STILL_RUNNING = "not all processes of the workspace could be ended"


class LocalProvisioner:
    """Workspaces below ``root``, as ``<owner>/<workspace>-<id>``.

    ``endpoint`` answers where agents report, for requests that do not say so. ``server_url_file``
    tells agents where to look when that address stops answering, ``server_ca_file`` whom to trust there.
    Processes get ``exit_timeout``
    to end before they are killed.
    """

    type = ProvisionerType.LOCAL

    def __init__(
        self,
        root: Path,
        clock: Clock,
        endpoint: Callable[[], Awaitable[str]],
        *,
        exit_timeout: timedelta = timedelta(minutes=3),
        server_url_file: Path | None = None,
        server_ca_file: Path | None = None,
    ) -> None:
        self._root = root
        self._clock = clock
        self._endpoint = endpoint
        self._exit_timeout = exit_timeout
        self._server_url_file = server_url_file
        self._server_ca_file = server_ca_file

    async def parse(self, source: Path, log: LogSink) -> ParseResult:  # noqa: ARG002 - nothing to say
        """What ``template.toml`` says.

        Raises:
            TemplateInvalid: it is missing or broken; the text names file, line and key.
        """
        template = await asyncio.to_thread(read_template, source)
        return template.parse_result(await asyncio.to_thread(read_readme, source))

    async def plan(
        self,
        source: Path,
        request: Request,
        log: LogSink,  # noqa: ARG002 - nothing to say
        interrupt: asyncio.Event,  # noqa: ARG002 - over at once
    ) -> PlanResult:
        """The cost, after a look at the parameters.

        Raises:
            TerminalError: a parameter has a value that the template does not allow.
            MissingParameter: a required parameter has no value.
            TemplateInvalid: the template is broken.
        """
        if request.transition is Transition.DELETE:
            # Without a look at the template: a broken one must not keep a workspace alive.
            return PlanResult()
        template = await asyncio.to_thread(read_template, source)
        if request.transition is Transition.STOP:
            resource = planned_stop(template)
        else:
            resource = planned_start(template, request).resource()
        return PlanResult(
            cost=resource.daily_cost,
            resources=(resource,),
            parameters=template.parameters,
            presets=template.presets,
        )

    async def apply(
        self,
        source: Path,
        request: Request,
        log: LogSink,
        interrupt: asyncio.Event,
        *,
        checkpoint: Checkpoint = unsaved,
    ) -> ApplyResult:
        """Start, stop or delete; each may be repeated.

        Raises:
            TerminalError: this machine has refused for good (``local_failures``).
            DirectoryOutside: the state names a path that is not this workspace's.
            StateInvalid: the state cannot be read.
            TemplateInvalid: the template is broken.
        """
        workspace = _workspace(request)
        state = read_state(request.state)
        if state is not None:
            state = replace(state, directory=confined(self._root, state.directory, workspace))
        try:
            match request.transition:
                case Transition.START:
                    return await self._start(source, request, state, _Run(log, interrupt, checkpoint))
                case Transition.STOP:
                    return await self._stop(workspace, state, interrupt)
                case Transition.DELETE:
                    return await self._delete(workspace, state, interrupt)
        except asyncio.CancelledError:
            kill_processes(str(workspace.workspace_id))
            raise

    async def _start(
        self,
        source: Path,
        request: Request,
        state: LocalState | None,
        run: _Run,
    ) -> ApplyResult:
        workspace = _workspace(request)
        plan = planned_start(await asyncio.to_thread(read_template, source), request)
        url = request.server_url or await self._endpoint()
        if state is None:
            state = LocalState(directory=new_directory(self._root, workspace))
        # Tokens change with every build, so agents of an earlier start are of no use any more.
        if not await self._end(workspace, state, run.interrupt):
            return _unfinished(state, run.interrupt)
        environment = agent_environment(
            request,
            workspace,
            directory=state.directory,
            server=ServerAddress(url=url, url_file=self._server_url_file, ca_file=self._server_ca_file),
            plan=plan,
        )
        state = LocalState(directory=state.directory)
        # From here on there is something that a delete has to know of, whatever becomes of this daemon.
        await run.checkpoint(state.encoded())
        try:
            for name in await asyncio.to_thread(fill, state.directory, source):
                run.log(LogLevel.WARN, f"{name} was not copied: its folder was replaced")
            for agent in plan.template.agents:
                if run.interrupt.is_set():
                    return ApplyResult(state=state.encoded(), error=CANCELED)
                log_file = self._private(workspace) / f"{agent.name}.log"
                process = await start_agent(
                    agent.name, directory=state.directory, log_file=log_file, environment=environment
                )
                state = replace(state, agents=(*state.agents, process))
                run.log(LogLevel.INFO, f'Started agent "{agent.name}" in {state.directory}')
        except (OSError, ProvisionerError) as error:
            text = f"cannot start the workspace: {_text(error)}"
            if (refused := refusal(error, text)) is None:
                return ApplyResult(state=state.encoded(), error=text)
            await run.checkpoint(state.encoded())
            raise refused from error
        return ApplyResult(state=state.encoded(), resources=(plan.resource(state.directory),))

    async def _stop(
        self, workspace: WorkspaceMetadata, state: LocalState | None, interrupt: asyncio.Event
    ) -> ApplyResult:
        if not await self._end(workspace, state, interrupt):
            return _unfinished(state, interrupt)
        if state is None:
            return ApplyResult()
        return ApplyResult(state=LocalState(directory=state.directory).encoded())

    async def _delete(
        self, workspace: WorkspaceMetadata, state: LocalState | None, interrupt: asyncio.Event
    ) -> ApplyResult:
        if state is None:
            return ApplyResult()
        if not await self._end(workspace, state, interrupt):
            return _unfinished(state, interrupt)
        try:
            await asyncio.to_thread(remove, state.directory)
            await asyncio.to_thread(remove, self._private(workspace))
        except OSError as error:
            text = f"cannot remove the workspace: {_text(error)}"
            if refused := refusal(error, text):
                raise refused from error
            return ApplyResult(state=LocalState(directory=state.directory).encoded(), error=text)
        return ApplyResult(state=b"")

    async def _end(
        self, workspace: WorkspaceMetadata, state: LocalState | None, interrupt: asyncio.Event
    ) -> bool:
        return await end_processes(
            str(workspace.workspace_id),
            () if state is None else state.agents,
            clock=self._clock,
            exit_timeout=self._exit_timeout,
            interrupt=interrupt,
        )

    def _private(self, workspace: WorkspaceMetadata) -> Path:
        return self._root / ".agents" / str(workspace.workspace_id)


@dataclass(frozen=True)
class _Run:
    """What the runner lends to one apply."""

    log: LogSink
    interrupt: asyncio.Event
    checkpoint: Checkpoint


def _workspace(request: Request) -> WorkspaceMetadata:
    if request.workspace is None:
        raise ValueError("an apply needs a workspace")
    return request.workspace


def _unfinished(state: LocalState | None, interrupt: asyncio.Event) -> ApplyResult:
    return ApplyResult(
        state=None if state is None else state.encoded(),
        error=CANCELED if interrupt.is_set() else _STILL_RUNNING,
    )


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)
