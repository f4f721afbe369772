"""Making a workspace from a template, or building one again whose build had failed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from chattool import names
from chattool.backend import CreateBuild, CreateWorkspace
from chattool.build_request import refusal, requested_build
from chattool.choices import Made, Make
from chattool.errors import ToolError
from chattool.results import AgentStatus, CreateWorkspaceResult, ResultStatus
from chattool.workspace_ttl import workspace_ttl
from db.errors import ChattoolError, NotFound, RequestError
from db.states import Transition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.backend import Actor, Template, Workspace
    from chattool.call import Call
    from chattool.choices import Refused
    from chattool.results import ReplacedWorkspace
    from db.ids import BuildId, PresetId, TemplateId

_NOT_ALLOWED = "template not available for chat workspaces; call list_templates for those that are"
_FOREIGN = "the template belongs to a different organization than this chat; call list_templates"
_EXTERNAL = (
    "this template has external agents, which this tool cannot create workspaces with; "
    "the user can create the workspace by hand and start its agent as the template says"
)
_FOUND = "This call found the workspace, which is of template {template}, and did not apply its own {words}."
_REBUILT = "the earlier build of this workspace had failed; it was built again"


@dataclass(frozen=True, kw_only=True)
class CreationRequest:
    """The checked arguments of a creation."""

    template_id: TemplateId
    name: str
    parameters: Mapping[str, str]
    preset_id: PresetId | None

    def left_out(self, workspace: Workspace) -> str | None:
        """What of the request an answer with a ``workspace`` that was there leaves out, as a sentence."""
        left_out = {
            "template": self.template_id != workspace.template_id,
            "name": bool(self.name) and self.name.lower() != workspace.name.lower(),
            "parameters": bool(self.parameters),
            "preset": self.preset_id is not None,
        }
        words = ", ".join(word for word, is_left_out in left_out.items() if is_left_out)
        return _FOUND.format(template=workspace.template_name, words=words) if words else None


class Creation:
    """Makes what one call asks for, on behalf of the chat's owner."""

    def __init__(self, call: Call, request: CreationRequest, idempotency_key: str | None) -> None:
        self._call = call
        self._request = request
        self._idempotency_key = idempotency_key

    async def new(self, replaced: ReplacedWorkspace | None = None) -> Make:
        """A new workspace, ready to be asked for.

        Raises:
            ToolError: the owner may not, or the template cannot be used here.
        """
        actor = await self._call.owner()
        template = await self._template(actor)
        request = CreateWorkspace(
            organization_id=self._call.context.organization_id,
            template_id=template.id,
            name=names.workspace_name(self._request.name, template.name),
            parameters=self._request.parameters,
            preset_id=self._request.preset_id,
            ttl=await workspace_ttl(self._call.settings),
            idempotency_key=self._idempotency_key,
        )
        seed = self._request.name or template.name
        return Make(call=lambda: self._create(actor, request, seed, replaced))

    async def rebuild(self, workspace: Workspace) -> Make:
        """Another start of ``workspace`` on the template's active version, ready to be asked for.

        Raises:
            ToolError: the owner may not, or the template cannot be used here.
        """
        actor = await self._call.owner()
        await self._template(actor)
        return Make(call=lambda: self._build_again(actor, workspace))

    async def _template(self, actor: Actor) -> Template:
        context, template_id = self._call.context, self._request.template_id
        if context.allowed_template_ids and template_id not in context.allowed_template_ids:
            raise ToolError(_NOT_ALLOWED)
        template = await self._call.read(
            "look up template", lambda: self._call.backend.template(actor, template_id)
        )
        if template.organization_id != context.organization_id:
            raise ToolError(_FOREIGN)
        if await self._has_external_agent(actor, template):
            raise ToolError(_EXTERNAL)
        return template

    async def _has_external_agent(self, actor: Actor, template: Template) -> bool:
        try:
            version = await self._call.read(
                "look up template version",
                lambda: self._call.backend.template_version(actor, template.active_version_id),
            )
        except ToolError as error:
            if isinstance(error.__cause__, NotFound):
                return False
            raise
        return version.has_external_agent

    async def _create(
        self,
        actor: Actor,
        request: CreateWorkspace,
        seed: str,
        replaced: ReplacedWorkspace | None,
    ) -> Made | Refused:
        try:
            try:
                made = await self._call.backend.create_workspace(actor, request)
            except RequestError as error:
                if not _is_name_taken(error):
                    raise
                again = replace(request, name=names.generated(seed))
                made = await self._call.backend.create_workspace(actor, again)
        except ChattoolError as error:
            return refusal(error)
        workspace, build_id = made
        draft = _draft(workspace, build_id, replaced)
        return Made(workspace=workspace, build_id=build_id, draft=draft)

    async def _build_again(self, actor: Actor, workspace: Workspace) -> Made | Refused | None:
        return await requested_build(
            self._call.backend,
            actor,
            CreateBuild(
                workspace_id=workspace.id,
                transition=Transition.START,
                parameters=self._request.parameters,
                preset_id=self._request.preset_id,
                use_active_version=True,
                idempotency_key=self._idempotency_key,
            ),
            workspace=workspace,
            draft=lambda build: CreateWorkspaceResult(
                created=False,
                workspace_id=workspace.id,
                workspace_name=workspace.full_name,
                build_id=build.id,
                status=ResultStatus.REBUILT,
                message=_REBUILT,
                agent_status=AgentStatus.STARTING,
            ),
        )


def _draft(
    workspace: Workspace, build_id: BuildId | None, replaced: ReplacedWorkspace | None
) -> CreateWorkspaceResult:
    return CreateWorkspaceResult(
        created=True,
        workspace_id=workspace.id,
        workspace_name=workspace.full_name,
        build_id=build_id,
        agent_status=AgentStatus.STARTING,
        replaced_workspace=replaced,
    )


def _is_name_taken(error: RequestError) -> bool:
    on_name = any(validation.field == "name" for validation in error.validations)
    return error.status_code == HTTPStatus.CONFLICT and on_name
