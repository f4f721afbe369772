"""``open_remote``: the tools of a server somewhere else."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from chattool.callers import BackendCaller
from chattool.http_backend import shapes
from chattool.http_backend.backend import HttpBackend
from chattool.http_backend.chats import HttpChats
from chattool.http_backend.connection import ApiConnection
from chattool.http_backend.templates import push_template
from chattool.settings import ToolSettings
from db import allowances, ids
from db.clock import SystemClock
from db.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from chattool.context import ConnectAgent, OnChatUpdated, Progress
    from chattool.toolset import Toolset
    from db.clock import Clock
    from db.ids import OrganizationId, UserId
    from db.states import ProvisionerType


class Remote:
    """A server as one of its users sees it. Made by ``open_remote``."""

    def __init__(
        self,
        connection: ApiConnection,
        user: shapes.User,
        organization: shapes.Organization,
        *,
        tool_settings: ToolSettings,
    ) -> None:
        self.connection = connection
        self.user = user
        self.organization = organization
        self.tool_settings = tool_settings
        self.backend = HttpBackend(connection)
        self.chats = HttpChats(connection, self.backend.changes)

    @property
    def user_id(self) -> UserId:
        """Whose token it is."""
        return ids.UserId(self.user.id)

    @property
    def organization_id(self) -> OrganizationId:
        """Where chats and templates are made."""
        return ids.OrganizationId(self.organization.id)

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
        """The user for a host that finds conversations by handles, such as an MCP server."""
        # What the token may do, the server decides at each call.
        return BackendCaller(
            self.backend,
            self.chats,
            user_id=self.user_id,
            organization_id=self.organization_id,
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
    ) -> shapes.Template:
        """Upload a template's folder, wait for its import, and answer the template.

        As ``Engine.push_template``; for template administrators.

        Raises:
            TemplateInvalid, ArchiveInvalid: the folder is no template.
            TemplateImportFailed: the version is not usable; the text says why.
            RequestError: the name is bad, or the user may not push templates.
        """
        return await push_template(
            self.backend,
            self.organization_id,
            Path(folder),
            name=name,
            provisioner=provisioner,
            variables=variables,
        )

    async def set_allowance(self, group: str, credits_per_day: int) -> None:
        """Set what a group adds to the budget of each of its members. For administrators.

        Raises:
            NotFound: no such group.
            RequestError: the user may not, or no group may have that allowance.
        """
        allowances.checked(credits_per_day)
        path = f"/organizations/{self.organization.id}/groups"
        for found in await self.connection.get(list[shapes.Group], path):
            if found.name.lower() == group.lower():
                body = {"quota_allowance": credits_per_day}
                await self.connection.patch(shapes.Group, f"/groups/{found.id}", body)
                return
        message = f"no group {group!r} in organization {self.organization.name!r}"
        raise NotFound(message)


@asynccontextmanager
async def open_remote(
    url: str,
    token: str,
    *,
    clock: Clock | None = None,
    tool_settings: ToolSettings | None = None,
) -> AsyncIterator[Remote]:
    """The server at ``url``, ``https://…``, as the user of ``token`` sees it. The work is done there.

    Chats and templates are those of the default organization, or of the user's first one.

    Raises:
        ValueError: the URL is none.
        StoreUnavailable: the server does not answer.
        SignedOut: it does not accept the token.
    """
    connection = ApiConnection(url, token, clock or SystemClock())
    try:
        user = await connection.get(shapes.User, "/users/me")
        organization = await _home(connection)
        remote = Remote(connection, user, organization, tool_settings=tool_settings or ToolSettings())
        try:
            yield remote
        finally:
            await remote.backend.changes.ended()
    finally:
        await connection.close()


async def _home(connection: ApiConnection) -> shapes.Organization:
    try:
        return await connection.get(shapes.Organization, "/organizations/default")
    except NotFound:
        found = await connection.get(list[shapes.Organization], "/organizations")
    if not found:
        raise NotFound("the token's user belongs to no organization")
    return found[0]
