"""A host with one chat on the fake backend, for tests."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from jsonschema import Draft202012Validator

from chattool.backend import Agent, Build, Chat, Template, Workspace
from chattool.context import ToolContext
from chattool.results import ToolResponse
from chattool.schemas import output_schema
from chattool.tools import TOOLS
from chattool.toolset import Toolset
from db.states import Transition
from tests.unit.chattool.fake_backend import FakeBackend, FakeChats, in_time

_SCHEMAS = {tool.name: Draft202012Validator(output_schema(tool)) for tool in TOOLS}


@dataclass
class Host:
    """What calls tools, and hears of its chat."""

    backend: FakeBackend
    chats: FakeChats
    context: ToolContext
    template: Template
    heard: list[Chat] = field(default_factory=list)

    async def call(self, tool: str, **arguments: object) -> ToolResponse:
        """The answer, however long the clock has to run for it; what a model gets of it fits its schema."""
        toolset = Toolset(self.context)
        response = await in_time(self.backend.clock, toolset.dispatch(tool, arguments))
        _SCHEMAS[tool].validate(toolset.envelope(tool, response).document)
        return response

    def begin(self, tool: str, **arguments: object) -> asyncio.Task[ToolResponse]:
        """A call in the background; the clock stands still."""
        return asyncio.create_task(Toolset(self.context).dispatch(tool, arguments))

    async def create(self, **arguments: object) -> ToolResponse:
        given = {"template_id": str(self.template.id), **arguments}
        return await self.call("create_workspace", **given)

    async def start(self, **arguments: object) -> ToolResponse:
        return await self.call("start_workspace", **arguments)

    async def stop(self, **arguments: object) -> ToolResponse:
        return await self.call("stop_workspace", **arguments)

    def configure(self, **fields: Any) -> None:  # noqa: ANN401 - fields of any type
        """Change the context."""
        self.context = replace(self.context, **fields)

    def has(
        self,
        transition: Transition = Transition.START,
        *,
        agents: list[Agent] | None = None,
        **job: Any,  # noqa: ANN401 - fields of any type
    ) -> tuple[Workspace, Build]:
        """Bind the chat to a workspace whose latest build is as given; without ``job`` it succeeded."""
        workspace = self.backend.add_workspace(self.template, owner_id=self.context.owner_id)
        build = self.backend.add_build(workspace, transition, job=job or {"status": "succeeded"})
        self.backend.agents_of[build.id] = list(agents or [])
        self.chats.only = replace(self.chats.only, workspace_id=workspace.id, build_id=build.id)
        return self.backend.workspaces[workspace.id], build

    @property
    def calls(self) -> list[str]:
        return self.backend.calls

    @property
    def latest(self) -> Build:
        """The build that was made last."""
        return list(self.backend.builds.values())[-1]


def fields(response: ToolResponse) -> dict[str, Any]:
    """The JSON object of a structured answer."""
    assert not response.is_error, response.content
    return response.data


QUOTA: dict[str, Any] = {
    "status": "failed",
    "error": "insufficient quota",
    "error_code": "INSUFFICIENT_QUOTA",
    "planned_cost": 20,
}
BROKEN: dict[str, Any] = {"status": "failed", "error": "no such image"}
