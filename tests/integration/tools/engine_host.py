"""A host with chats on a real engine, whose provisioner can be held."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typing_extensions import override

from chattool.backend import Agent, Build, Chat, CreateBuild
from chattool.engine import Engine
from chattool.http_backend import Remote
from chattool.results import ToolResponse
from chattool.toolset import Toolset
from chattool.waiting import wait_for_build
from db import agents, builds, templates
from db.clock import SystemClock
from db.ids import BuildId, TemplateId
from db.records import Template
from db.states import AgentLifecycle, Transition
from provisioner.protocol import ApplyResult, Checkpoint, LogSink, Request, unsaved
from provisioner.provisioners.echo import EchoProvisioner


class HeldEcho(EchoProvisioner):
    """Echo, whose applies wait while ``gate`` is closed; ``reached`` says that one does."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    @override
    async def apply(
        self,
        source: Path,
        request: Request,
        log: LogSink,
        interrupt: asyncio.Event,
        *,
        checkpoint: Checkpoint = unsaved,
    ) -> ApplyResult:
        self.reached.set()
        waits = [asyncio.create_task(event.wait()) for event in (self.gate, interrupt)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return await super().apply(source, request, log, interrupt, checkpoint=checkpoint)


@dataclass
class EngineHost:
    """What calls tools of an engine, and hears of its chats."""

    engine: Engine
    echo: HeldEcho
    folder: Path
    tools: Engine | Remote
    """Where tools come from: the engine itself, or a server on it, over HTTP."""
    heard: list[Chat] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def template(self, name: str = "demo", **steps: object) -> Template:
        """A template of echo steps: ``start``, ``stop`` and ``delete`` complete as given."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        phases = ("parse", "start.apply", "stop.apply", "delete.apply")
        script: dict[str, object] = {phase: {} for phase in phases}
        script |= {phase.replace("_", "."): step for phase, step in steps.items()}
        for phase, step in script.items():
            (folder / f"0.{phase}.json").write_text(json.dumps({"complete": step}), encoding="utf-8")
        pushed = await self.tools.push_template(folder)
        return await self.engine.store.read(templates.template, TemplateId(pushed.id))

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, object] | None = None,
        *,
        chat: str = "default",
        call_id: str | None = None,
    ) -> ToolResponse:
        """The tool's answer, within a time guard."""
        toolset = await self.listening_toolset(chat)
        async with asyncio.timeout(20):
            return await toolset.dispatch(tool, arguments or {}, tool_call_id=call_id)

    async def listening_toolset(self, chat: str = "default") -> Toolset:
        """The tools of a chat whose changes this host hears of."""
        return await self.tools.toolset(chat, on_chat_updated=self._hear)

    async def create(self, template: Template, *, chat: str = "default", **given: object) -> dict[str, Any]:
        arguments = {"template_id": str(template.id), **given}
        return fields(await self.call("create_workspace", arguments, chat=chat))

    async def start(self, **given: object) -> dict[str, Any]:
        return fields(await self.call("start_workspace", given))

    async def stop(self, **given: object) -> dict[str, Any]:
        return fields(await self.call("stop_workspace", given))

    async def chat(self, key: str = "default") -> Chat:
        toolset = await self.tools.toolset(key)
        return await self.tools.chats.chat(toolset.context.chat_id)

    async def build(self) -> Build:
        """The build that the default chat is bound to."""
        build_id = (await self.chat()).build_id
        assert build_id is not None
        return await self.tools.backend.build(build_id)

    async def parameters(self) -> dict[str, str]:
        """The values that the build of the default chat was made with."""
        build = await self.engine.store.read(builds.build, BuildId((await self.build()).id))
        return dict(build.parameters)

    async def transition(self, transition: Transition) -> Build:
        """Another build of the default chat's workspace, made behind the tools' back."""
        workspace_id = (await self.chat()).workspace_id
        assert workspace_id is not None
        owner = await self.tools.backend.as_owner(self.engine.user.id)
        request = CreateBuild(workspace_id=workspace_id, transition=transition)
        return await self.tools.backend.create_build(owner, request)

    async def agent(self, name: str = "main") -> Agent:
        """The agent of that name of the default chat's build."""
        found = await self.tools.backend.agents((await self.build()).id)
        return next(agent for agent in found if agent.name == name)

    async def report(self, agent: Agent, state: AgentLifecycle) -> None:
        """Report as the agent would, its contact included."""
        await self.engine.store.write(agents.record_contact, agent.id)
        await self.engine.store.write(agents.record_lifecycle, agent.id, state)

    async def _hear(self, chat: Chat) -> None:
        async with self._news:
            self.heard.append(chat)
            self._news.notify_all()

    async def told(self, times: int) -> None:
        """Until the host has heard of its chats that often."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: len(self.heard) >= times)

    async def built(self) -> Build:
        """The build that the default chat is bound to, once it has succeeded."""
        return await wait_for_build(self.tools.backend, (await self.build()).id)


def fields(response: ToolResponse) -> dict[str, Any]:
    """The JSON object of a structured answer."""
    assert not response.is_error, response.content
    return response.data


def costing(credits_per_day: int, *agent_names: str) -> dict[str, Any]:
    """What a start completes with: one resource of that cost, with agents of these names."""
    named = [{"name": name} for name in agent_names]
    resource = {"type": "machine", "name": "dev", "daily_cost": credits_per_day, "agents": named}
    return {"resources": [resource]}
