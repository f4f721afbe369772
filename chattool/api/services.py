"""What the routes work with. One object, made where the server is put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from chattool.api.failures import FailureLimit
from chattool.api.listener import UNREAD_LIMIT
from chattool.settings import ToolSettings
from chattool.setup_code import SetupCode
from provisioner.settings import ProvisionerSettings

if TYPE_CHECKING:
    import asyncio

    from chattool.agent_service import AgentService
    from chattool.backend import WorkspaceBackend
    from chattool.callers import HostChats
    from chattool.metrics import Metrics
    from db.clock import Clock
    from db.transactions import Store
    from provisioner.remote_daemons import RemoteDaemons


@dataclass(frozen=True, kw_only=True)
class Services:
    """An open store and what is built on it."""

    store: Store
    backend: WorkspaceBackend
    chats: HostChats
    agents: AgentService
    remote_daemons: RemoteDaemons
    stopping: asyncio.Event
    """Set when the server ends: who follows something then says goodbye."""
    provisioner_settings: ProvisionerSettings = field(default_factory=ProvisionerSettings)
    tool_settings: ToolSettings = field(default_factory=ToolSettings)
    external_url: str = ""
    """Where users and agents reach the server."""
    setup_code: SetupCode = field(default_factory=SetupCode)
    failures: FailureLimit = field(default_factory=FailureLimit)
    """Of wrong tokens, keys and codes."""
    agent_failures: FailureLimit = field(default_factory=lambda: FailureLimit(most=100))
    """Of agents' tokens: more, as many agents may begin behind one address before the server knows them."""
    metrics: Metrics | None = None
    metrics_token: str = field(default="", repr=False)
    """What scrapers show; empty: only those on this host may scrape."""
    unread_limit: timedelta = UNREAD_LIMIT
    """How long a stream waits until its reader has taken the next piece."""

    @property
    def clock(self) -> Clock:
        """The database's clock."""
        return self.store.clock


def _services(connection: HTTPConnection) -> Services:
    found: Services = connection.app.state.services
    return found


#: A parameter of this type gets the services; in WebSocket routes too.
ServicesOf = Annotated[Services, Depends(_services)]
