"""The tool ``create_workspace``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, assert_never

from chattool import arguments as tool_arguments
from chattool.agent_report import AgentReport, sentences
from chattool.agent_selection import root_agents, selected_agent
from chattool.build_failure import FailurePath
from chattool.build_state import BuildState
from chattool.call import Call
from chattool.choices import Answer, Join, Made
from chattool.creation import Creation, CreationRequest
from chattool.decision import respond
from chattool.errors import AgentSelectionError, ToolError
from chattool.quota_error import Verb
from chattool.readiness import agent_report, read_agents
from chattool.replay import Replay
from chattool.results import (
    AgentStatus,
    CreateWorkspaceResult,
    ReplacedWorkspace,
    ReplacementReason,
    ResultStatus,
    ToolResponse,
)
from chattool.situation import Existing
from db.errors import ToolInputError
from db.ids import PresetId, TemplateId
from db.states import AgentConnection, Transition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chattool.arguments import CreateWorkspaceArgs
    from chattool.backend import Agent, Build, Workspace
    from chattool.choices import Building, Choice
    from chattool.context import ToolContext
    from chattool.results import Result
    from chattool.situation import Situation
    from db.ids import BuildId

TITLE = "Create workspace"
DESCRIPTION = (
    "Create a new workspace from a template only when workspace-backed work is needed or the "
    "user explicitly asks for a workspace. Do not use this as a default first step. Get the "
    "template_id from list_templates. It takes 1 to 10 minutes and costs the owner's workspace quota. "
    "Safe to repeat: a chat has one workspace, and a call that finds it answers with it. When waiting "
    'ends early the answer has status "building": the build goes on by itself, and its build_id stays '
    "valid."
)

_JOINED = "workspace build completed"
_CONNECTED = "workspace is already running and recently connected"
_CONNECTING = "workspace exists and the agent is still connecting"
_STOPPED = "the chat's workspace is stopped; call start_workspace to start it"

_LOST = {
    AgentConnection.DISCONNECTED: ReplacementReason.AGENT_DISCONNECTED,
    AgentConnection.TIMEOUT: ReplacementReason.AGENT_TIMEOUT,
}


async def create_workspace(context: ToolContext, arguments: CreateWorkspaceArgs) -> ToolResponse:
    """Give the chat a running workspace; a failure of the domain is an answer, never raised."""
    if not context.backend.can_create:
        return ToolResponse.text_error("workspace creator is not configured")
    try:
        request = _request(arguments)
    except ToolInputError as error:
        return ToolResponse.text_error(str(error))
    call = Call(context, wait=tool_arguments.wait_bound(arguments.wait_seconds))
    replay = Replay(call, "create_workspace", arguments)
    creation = Creation(call, request, replay.idempotency_key)
    return await respond(call, WorkspaceCreation(call, request, creation), replay)


def _request(arguments: CreateWorkspaceArgs) -> CreationRequest:
    template_id = tool_arguments.required_uuid("template_id", arguments.template_id)
    preset_id = arguments.preset_id and tool_arguments.uuid_of("preset_id", arguments.preset_id)
    return CreationRequest(
        template_id=TemplateId(template_id),
        name=arguments.name,
        parameters=dict(sorted(arguments.parameters.items())),
        preset_id=PresetId(preset_id) if preset_id else None,
    )


@dataclass(frozen=True)
class WorkspaceCreation:
    """What a create adds to the common course of a decision."""

    call: Call
    request: CreationRequest
    creation: Creation
    reports_joined_failures: ClassVar[bool] = True

    async def choose(self, situation: Situation, joined: Build | None) -> Choice:
        if not isinstance(situation, Existing):
            return await self.creation.new()
        match situation.state:
            case BuildState.IN_PROGRESS:
                return Join(workspace=situation.workspace, build=situation.build)
            case BuildState.RUNNING if joined is not None:
                return self._waited_for(situation, joined)
            case BuildState.RUNNING:
                return await self._running(situation)
            case BuildState.STOPPED:
                return Answer(finish=lambda: self._stopped(situation.workspace, joined))
            case BuildState.BROKEN:
                return await self._broken(situation)
            case _:
                assert_never(situation.state)

    def _waited_for(self, found: Existing, joined: Build) -> Answer:
        async def finish() -> Result:
            report = await agent_report(self.call, found.build.id, connecting=True)
            return self._already_exists(found.workspace, report, _JOINED, build_id=joined.id)

        return Answer(finish=finish)

    async def _running(self, found: Existing) -> Choice:
        try:
            agents = await read_agents(self.call, found.build.id)
        except ToolError as error:
            unreadable = AgentReport(agent_status=AgentStatus.NOT_READY, agent_error=str(error))
            return self._answer(found.workspace, unreadable)
        if not agents:
            return self._answer(found.workspace, AgentReport(agent_status=AgentStatus.NO_AGENT))
        try:
            agent = selected_agent(agents, self.call.settings.chat_agent_suffix)
        except AgentSelectionError as error:
            return await self._ambiguous(found, agents, error)
        match agent.connection:
            case AgentConnection.CONNECTED:
                return self._usable(found, _CONNECTED, connecting=False)
            case AgentConnection.CONNECTING:
                return self._usable(found, _CONNECTING, connecting=True)
            case AgentConnection.DISCONNECTED | AgentConnection.TIMEOUT:
                return await self.creation.new(_replaced(found, _LOST[agent.connection]))
            case _:
                assert_never(agent.connection)

    def _usable(self, found: Existing, message: str, *, connecting: bool) -> Answer:
        async def finish() -> Result:
            report = await agent_report(self.call, found.build.id, connecting=connecting)
            return self._already_exists(found.workspace, report, message)

        return Answer(finish=finish)

    async def _ambiguous(
        self, found: Existing, agents: Sequence[Agent], error: AgentSelectionError
    ) -> Choice:
        connections = {agent.connection for agent in root_agents(agents)}
        if connections & {AgentConnection.CONNECTED, AgentConnection.CONNECTING}:
            report = AgentReport(agent_status=AgentStatus.SELECTION_ERROR, agent_error=str(error))
            return self._answer(found.workspace, report)
        never_came = connections == {AgentConnection.TIMEOUT}
        lost = AgentConnection.TIMEOUT if never_came else AgentConnection.DISCONNECTED
        return await self.creation.new(_replaced(found, _LOST[lost]))

    def _answer(self, workspace: Workspace, report: AgentReport) -> Answer:
        async def finish() -> Result:
            return self._already_exists(workspace, report)

        return Answer(finish=finish)

    def _already_exists(
        self,
        workspace: Workspace,
        report: AgentReport,
        message: str | None = None,
        *,
        build_id: BuildId | None = None,
    ) -> CreateWorkspaceResult:
        return report.completed(
            CreateWorkspaceResult(
                created=False,
                workspace_id=workspace.id,
                workspace_name=workspace.full_name,
                build_id=build_id,
                status=ResultStatus.ALREADY_EXISTS,
                message=sentences(message, self.request.left_out(workspace)),
                agent_status=report.agent_status,
            )
        )

    async def _stopped(self, workspace: Workspace, joined: Build | None) -> Result:
        return CreateWorkspaceResult(
            created=False,
            workspace_id=workspace.id,
            workspace_name=workspace.full_name,
            build_id=None if joined is None else joined.id,
            status=ResultStatus.STOPPED,
            message=sentences(_STOPPED, self.request.left_out(workspace)),
            agent_status=AgentStatus.NO_AGENT,
        )

    async def _broken(self, found: Existing) -> Choice:
        workspace, name = found.workspace, self.request.name
        if found.build.transition is Transition.DELETE:
            reason = ReplacementReason.DELETE_FAILED
        elif self.request.template_id != workspace.template_id:
            reason = ReplacementReason.TEMPLATE_DIFFERS
        elif name and name.lower() != workspace.name.lower():
            reason = ReplacementReason.NAME_DIFFERS
        else:
            return await self.creation.rebuild(workspace)
        return await self.creation.new(_replaced(found, reason))

    def own_failure(self, workspace: Workspace) -> FailurePath:  # noqa: ARG002 - the chat's own
        return FailurePath(
            prefix="workspace build failed: ",
            retry="create_workspace",
            verb=Verb.CREATE,
            quota_organization=self.call.context.organization_id,
        )

    def joined_failure(self, workspace: Workspace, build: Build) -> FailurePath:  # noqa: ARG002 - the chat's own
        return FailurePath(
            prefix="existing workspace build failed: ",
            retry="create_workspace",
            verb=Verb.START if build.transition is Transition.START else Verb.CREATE,
            quota_organization=self.call.context.organization_id,
        )

    async def finished(self, made: Made) -> Result:
        build_id = made.build_id or made.workspace.latest_build_id
        report = await agent_report(self.call, build_id, connecting=True)
        return report.completed(made.draft)

    def building(self, building: Building) -> Result:
        draft = building.draft
        own = draft if isinstance(draft, CreateWorkspaceResult) else None
        return CreateWorkspaceResult(
            created=own is not None and own.created,
            workspace_id=building.workspace.id,
            workspace_name=building.workspace.full_name,
            build_id=building.build_id,
            status=ResultStatus.BUILDING,
            transition=building.transition,
            message=building.message,
            agent_status=AgentStatus.STARTING,
            replaced_workspace=None if own is None else own.replaced_workspace,
        )


def _replaced(found: Existing, reason: ReplacementReason) -> ReplacedWorkspace:
    return ReplacedWorkspace(
        workspace_id=found.workspace.id,
        workspace_name=found.workspace.full_name,
        reason=reason,
    )
