"""A backend and a chat store in memory, for what a real engine cannot be made to do on demand.

Unreadable rows, statuses of foreign servers, refusals, and moments of time. What the real engine can do
is tested on it, in tests/integration/tools.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from chattool.backend import (
    Actor,
    Agent,
    Build,
    Chat,
    CreateBuild,
    CreateWorkspace,
    Job,
    LeaseHandle,
    LogLine,
    Quota,
    Template,
    TemplateVersion,
    ToolCall,
    Workspace,
)
from db.clock import FakeClock
from db.errors import NotFound
from db.ids import (
    AgentId,
    BuildId,
    ChatId,
    JobId,
    OrganizationId,
    TemplateId,
    TemplateVersionId,
    UserId,
    WorkspaceId,
)
from db.states import AgentConnection, LogLevel, Transition
from db.wakeups import Subscription, Wakeups
from tests.unit.chattool.fake_inspection import FakeInspection

T = TypeVar("T")

SUCCEEDED: Mapping[str, Any] = {"status": "succeeded"}


class FakeBackend(FakeInspection):
    """New builds end at once as ``ends`` says; with ``ends = None`` they stay pending."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.wakeups = Wakeups(self.clock)
        self.can_create = self.can_start = self.can_stop = True
        self.can_read_quota = self.can_connect_agents = True
        self.ends: Mapping[str, Any] | None = SUCCEEDED
        self.workspaces: dict[WorkspaceId, Workspace] = {}
        self.builds: dict[BuildId, Build] = {}
        self.agents_of: dict[BuildId, list[Agent]] = {}
        self.agents_of_new_builds: list[Agent] = []
        self.templates: dict[TemplateId, Template] = {}
        self.versions: dict[TemplateVersionId, TemplateVersion] = {}
        self.active_version_required: TemplateVersionId | None = None
        self.log: list[LogLine] = []
        self.agent_calls: list[tuple[str, dict[str, object], timedelta]] = []
        self.agent_answers: dict[str, Mapping[str, object]] = {}
        self.credits = Quota(credits_consumed=0, budget=40)
        self.calls: list[str] = []
        self.requests: list[CreateWorkspace | CreateBuild] = []
        self.failures: defaultdict[str, list[Exception | None]] = defaultdict(list)
        self.hangs: dict[str, asyncio.Event] = {}
        self.returns_build_id = True

    async def _enter(self, name: str) -> None:
        self.calls.append(name)
        if name in self.hangs:
            await self.hangs[name].wait()
        failure = self.failures[name].pop(0) if self.failures[name] else None
        if failure is not None:
            raise failure

    async def as_owner(self, owner_id: UserId) -> Actor:
        await self._enter("as_owner")
        return Actor(user_id=owner_id)

    async def create_workspace(
        self, actor: Actor, request: CreateWorkspace
    ) -> tuple[Workspace, BuildId | None]:
        self.requests.append(request)
        await self._enter("create_workspace")
        template = self.templates[request.template_id]
        workspace = self.add_workspace(template, name=request.name, owner_id=actor.user_id)
        build = self.add_build(workspace, Transition.START)
        return self.workspaces[workspace.id], build.id if self.returns_build_id else None

    async def create_build(self, actor: Actor, request: CreateBuild) -> Build:
        self.requests.append(request)
        await self._enter("create_build")
        return self.add_build(
            self.workspaces[request.workspace_id],
            request.transition,
            version_id=self.active_version_required,
        )

    async def workspace(self, workspace_id: WorkspaceId) -> Workspace:
        await self._enter("workspace")
        return _found(self.workspaces.get(workspace_id))

    async def build(self, build_id: BuildId) -> Build:
        await self._enter("build")
        return _found(self.builds.get(build_id))

    async def builds_by_id(self, build_ids: Sequence[BuildId]) -> Mapping[BuildId, Build]:
        await self._enter("builds_by_id")
        return {build_id: self.builds[build_id] for build_id in build_ids if build_id in self.builds}

    async def build_log_tail(self, build_id: BuildId, *, limit: int) -> Sequence[LogLine]:
        await self._enter("build_log_tail")
        return self.log[-limit:]

    async def agents(self, build_id: BuildId) -> Sequence[Agent]:
        await self._enter("agents")
        return list(self.agents_of.get(build_id, []))

    async def template(self, actor: Actor, template_id: TemplateId) -> Template:
        await self._enter("template")
        return _found(self.templates.get(template_id))

    async def template_version(self, actor: Actor, version_id: TemplateVersionId) -> TemplateVersion:
        await self._enter("template_version")
        return _found(self.versions.get(version_id))

    async def quota(self, actor: Actor, owner_id: UserId, organization_id: OrganizationId) -> Quota:
        await self._enter("quota")
        return self.credits

    async def agent_call(
        self,
        actor: Actor,
        agent_id: AgentId,
        method: str,
        request: Mapping[str, object],
        *,
        timeout: timedelta,
    ) -> Mapping[str, object]:
        self.agent_calls.append((method, dict(request), timeout))
        await self._enter("agent_call")
        return self.agent_answers[method]

    def build_changes(self, build_id: BuildId) -> AbstractContextManager[Subscription]:
        self.calls.append("build_changes")
        return self.wakeups.subscribe(f"build:{build_id}")

    def agent_changes(self, agent_id: AgentId) -> AbstractContextManager[Subscription]:
        return self.wakeups.subscribe(f"agent:{agent_id}")

    def add_template(
        self,
        organization_id: OrganizationId,
        *,
        name: str = "python",
        version: Mapping[str, Any] | None = None,
        **fields: Any,  # noqa: ANN401 - fields of any type
    ) -> Template:
        template = Template(
            id=TemplateId(uuid4()),
            organization_id=organization_id,
            name=name,
            active_version_id=TemplateVersionId(uuid4()),
            **fields,
        )
        self.templates[template.id] = template
        self.versions[template.active_version_id] = TemplateVersion(
            id=template.active_version_id,
            has_external_agent=False,
            organization_id=organization_id,
            template_id=template.id,
            **version or {},
        )
        return template

    def add_workspace(self, template: Template, *, name: str = "dev", owner_id: UserId) -> Workspace:
        workspace = Workspace(
            id=WorkspaceId(uuid4()),
            name=name,
            owner_id=owner_id,
            owner_name="ana",
            organization_id=template.organization_id,
            template_id=template.id,
            template_name=template.name,
            deleted=False,
            latest_build_id=BuildId(uuid4()),
        )
        self.workspaces[workspace.id] = workspace
        return workspace

    def add_build(
        self,
        workspace: Workspace,
        transition: Transition,
        *,
        version_id: TemplateVersionId | None = None,
        job: Mapping[str, Any] | None = None,
    ) -> Build:
        earlier = [b for b in self.builds.values() if b.workspace_id == workspace.id]
        build = Build(
            id=BuildId(uuid4()),
            workspace_id=workspace.id,
            build_number=len(earlier) + 1,
            transition=transition,
            template_version_id=version_id or self.templates[workspace.template_id].active_version_id,
            planned_cost=None,
            job=Job(id=JobId(uuid4()), status="pending"),
        )
        self.builds[build.id] = build
        self.workspaces[workspace.id] = replace(workspace, latest_build_id=build.id)
        if transition is Transition.START:
            self.agents_of[build.id] = list(self.agents_of_new_builds)
        ends = self.ends if job is None else job
        return self.change(build.id, **ends) if ends is not None else build

    def change(self, build_id: BuildId, *, planned_cost: int | None = None, **job: Any) -> Build:  # noqa: ANN401 - fields of any type
        """Change the build's job and wake whoever follows the build."""
        build = self.builds[build_id]
        changed = replace(
            build,
            planned_cost=build.planned_cost if planned_cost is None else planned_cost,
            job=replace(build.job, **job),
        )
        self.builds[build_id] = changed
        self.wakeups.publish([(f"build:{build_id}", "")])
        return changed

    def change_agent(self, agent: Agent, **fields: Any) -> None:  # noqa: ANN401 - fields of any type
        """Change the agent wherever it is, and wake whoever waits for it."""
        for agents in self.agents_of.values():
            for at, each in enumerate(agents):
                if each.id == agent.id:
                    agents[at] = replace(each, **fields)
        self.wakeups.publish([(f"agent:{agent.id}", "")])


def an_agent(name: str = "main", **fields: Any) -> Agent:  # noqa: ANN401 - fields of any type
    agent = Agent(
        id=AgentId(uuid4()),
        name=name,
        parent_id=None,
        display_order=0,
        connection=AgentConnection.CONNECTED,
        lifecycle_state="ready",
    )
    return replace(agent, **fields)


def log_lines(outputs: Iterable[str], *, stage: str = "Starting workspace") -> list[LogLine]:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        LogLine(id=number, level=LogLevel.INFO, stage=stage, output=output, created_at=moment)
        for number, output in enumerate(outputs)
    ]


@dataclass
class FakeLease:
    """Held until it is released, or ``lost`` is set."""

    lost: bool = False
    renewals: int = 0

    async def renew(self) -> bool:
        self.renewals += 1
        return not self.lost


@dataclass
class FakeChats:
    """One chat."""

    backend: FakeBackend
    only: Chat
    holder: LeaseHandle | None = None
    leases: list[FakeLease] = field(default_factory=list)
    loses_leases: int = 0
    tool_calls: dict[str, ToolCall] = field(default_factory=dict)
    failures: defaultdict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))

    def _enter(self, name: str) -> None:
        self.backend.calls.append(name)
        if self.failures[name]:
            raise self.failures[name].pop(0)

    async def chat(self, chat_id: ChatId) -> Chat:
        self._enter("chat")
        return self.only

    async def bind(self, chat_id: ChatId, workspace_id: WorkspaceId, build_id: BuildId | None) -> Chat:
        self._enter("bind")
        self.only = replace(self.only, workspace_id=workspace_id, build_id=build_id, agent_id=None)
        return self.only

    async def try_lease(self, chat_id: ChatId, duration: timedelta) -> LeaseHandle | None:
        self._enter("try_lease")
        if self.holder is not None:
            return None
        lost = self.loses_leases > 0
        self.loses_leases -= lost
        lease = FakeLease(lost=lost)
        self.leases.append(lease)
        self.holder = lease
        return lease

    async def release(self, chat_id: ChatId, lease: LeaseHandle) -> None:
        self._enter("release")
        if self.holder is lease:
            self.holder = None
            self.backend.wakeups.publish([(f"chat:{chat_id}", "")])

    def lease_changes(self, chat_id: ChatId) -> AbstractContextManager[Subscription]:
        return self.backend.wakeups.subscribe(f"chat:{chat_id}")

    async def tool_call(self, chat_id: ChatId, tool_call_id: str) -> ToolCall | None:
        self._enter("tool_call")
        return self.tool_calls.get(tool_call_id)

    async def record_tool_call(self, chat_id: ChatId, tool_call_id: str, call: ToolCall) -> None:
        self._enter("record_tool_call")
        self.tool_calls[tool_call_id] = call


def _found(record: T | None) -> T:
    if record is None:
        raise NotFound
    return record


_READY_STEPS = 30


async def settle(clock: FakeClock) -> None:
    """Let everything run that does not wait for a later moment."""
    for _ in range(_READY_STEPS):
        await clock.sleep(timedelta())


async def pass_time(clock: FakeClock, duration: timedelta) -> None:
    """Let ``duration`` pass, with everything that happens meanwhile."""
    end = clock.monotonic() + duration
    await settle(clock)
    while (step := clock.next_moment_in) is not None and clock.monotonic() + step <= end:
        clock.advance(step)
        await settle(clock)
    clock.advance(end - clock.monotonic())
    await settle(clock)


async def in_time(clock: FakeClock, work: Awaitable[T]) -> T:
    """What ``work`` returns, however long it waits on the clock."""
    task = asyncio.ensure_future(work)
    async with asyncio.timeout(10):
        await settle(clock)
        while not task.done():
            clock.advance(clock.next_moment_in or timedelta())
            await settle(clock)
    return await task
