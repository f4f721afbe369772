"""``open_engine``: everything that builds workspaces, in one process."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chattool.callers import BackendCaller
from chattool.engine.backend import EngineBackend
from chattool.engine.chats import StoreChats
from chattool.engine.templates import push_template
from chattool.settings import ToolSettings
from db import users
from db.engine import open_store
from db.errors import NotFound
from provisioner.settings import ProvisionerSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from chattool.context import ConnectAgent, OnChatUpdated, Progress
    from chattool.toolset import Toolset
    from db.clock import Clock
    from db.records import Organization, Template, User
    from db.states import ProvisionerType
    from db.transactions import Store
    from provisioner.protocol import Provisioner

_DRAIN_LIMIT = timedelta(seconds=30)


class Engine:
    """An open engine. Made by ``open_engine``."""

    def __init__(
        self,
        store: Store,
        organization: Organization,
        user: User,
        *,
        provisioner_settings: ProvisionerSettings,
        tool_settings: ToolSettings,
    ) -> None:
        self.store = store
        self.organization = organization
        self.user = user
        self.provisioner_settings = provisioner_settings
        self.tool_settings = tool_settings
        self.backend = EngineBackend(
            store, provisioner_settings, agent_inactive_timeout=tool_settings.agent_inactive_timeout
        )
        self.chats = StoreChats(store)

    async def toolset(
        self,
        chat: str = "default",
        *,
        on_chat_updated: OnChatUpdated | None = None,
        connect_agent: ConnectAgent | None = None,
        on_progress: Progress | None = None,
    ) -> Toolset:
        """The tools for one conversation, found by its key and made when it is new.

        Raises:
            ToolError: no chat can have that key.
        """
        caller = self.caller(default_chat=chat)
        return caller.toolset(
            await caller.make_chat(chat),
            on_chat_updated=on_chat_updated,
            connect_agent=connect_agent,
            on_progress=on_progress,
        )

    def caller(self, *, default_chat: str) -> BackendCaller:
        """The engine's user for a host that finds conversations by handles, such as an MCP server."""
        return BackendCaller(
            self.backend,
            self.chats,
            user_id=self.user.id,
            organization_id=self.organization.id,
            default_chat=default_chat,
            settings=self.tool_settings,
        )

    async def push_template(
        self,
        folder: Path | str,
        *,
        name: str | None = None,
        provisioner: ProvisionerType | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Template:
        """Upload a template's folder, wait for its import, and answer the template.

        ``name`` is by default the one in ``template.toml``, else the folder's. The version before stays
        active when the import fails. ``variables`` are values for the template's variables; those of the
        version before stay in force unless they are given anew.

        Raises:
            TemplateInvalid, ArchiveInvalid: the folder is no template.
            TemplateImportFailed: the template is not usable as it is; the text says why.
            RequestError: the name is bad.
        """
        return await push_template(
            self.store,
            Path(folder),
            organization_id=self.organization.id,
            initiator_id=self.user.id,
            name=name,
            provisioner=provisioner,
            variables=variables,
        )

    async def set_allowance(self, group: str, credits_per_day: int) -> None:
        """Set what a group adds to the budget of each of its members.

        Raises:
            NotFound: no such group.
            RequestError: no group may have that allowance.
        """
        found = await self.store.read(users.group_by_name, self.organization.id, group)
        if found is None:
            message = f"no group {group!r} in organization {self.organization.name!r}"
            raise NotFound(message)
        await self.store.write(users.set_allowance, found.id, credits_per_day)


@asynccontextmanager
async def open_engine(
    url: str,
    *,
    user: str = "me",
    workspaces: Path | None = None,
    provisioners: Iterable[Provisioner] | None = None,
    daemon_name: str | None = None,
    run_daemon: bool = True,
    clock: Clock | None = None,
    migrate: bool | None = None,
    drain_limit: timedelta = _DRAIN_LIMIT,
    provisioner_settings: ProvisionerSettings | None = None,
    tool_settings: ToolSettings | None = None,
) -> AsyncIterator[Engine]:
    """The engine on the database at ``url``: ``sqlite:///file.db`` or ``postgresql://user@host/name``.

    ``user`` is made in the default organization when it is new. ``workspaces`` is where local workspaces
    live, by default a folder beside the SQLite file. ``run_daemon`` false leaves the work to daemons
    elsewhere. At the end builds that run get ``drain_limit`` to finish; workspaces stay.

    Raises:
        ValueError: the URL is of no kind we know.
        StoreError: the database cannot be opened, or has another version.
    """
    settings = provisioner_settings or ProvisionerSettings()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(url, clock=clock, migrate=migrate))
        organization, owner = await store.write(users.ensure_owner, user)
        engine = Engine(
            store,
            organization,
            owner,
            provisioner_settings=settings,
            tool_settings=tool_settings or ToolSettings(),
        )
        if run_daemon:
            # Provisioners and all: those who leave the work to a daemon elsewhere need none of it.
            from chattool.engine.running_daemon import default_workspaces, running_daemon  # noqa: PLC0415

            running = running_daemon(
                store,
                organization.id,
                settings=replace(settings, drain_limit=drain_limit),
                workspaces=workspaces or default_workspaces(url),
                provisioners=provisioners,
                name=daemon_name,
            )
            await stack.enter_async_context(running)
        yield engine
