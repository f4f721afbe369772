"""The real application behind a real web server on loopback, and the people who use it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx
from fastapi import FastAPI

from chattool.api.app import create_app
from chattool.api.failures import FailureLimit
from chattool.api.listener import UNREAD_LIMIT, bound
from chattool.api.patience import Patience
from chattool.api.services import Services
from chattool.api.serving import serving
from chattool.engine.agents import StoreAgents
from chattool.engine.backend import EngineBackend
from chattool.engine.chats import StoreChats
from chattool.metrics import Metrics
from chattool.observed_store import ObservedStore
from chattool.server_mcp import mcp_of
from chattool.settings import ToolSettings
from chattool.setup_code import SetupCode
from db import organizations, tokens, users
from db.ids import OrganizationId, TokenId
from db.records import User
from db.transactions import Store
from provisioner.remote_daemons import RemoteDaemons
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreClient

SETUP_CODE = "the-code-of-this-test"
_TOOL_SETTINGS = ToolSettings()
_PATIENCE = Patience()


@dataclass(kw_only=True)
class Person:
    """A user with a token and a connection."""

    user: User
    key: str
    token_id: TokenId
    client: httpx.AsyncClient

    async def get(self, path: str, *, params: Mapping[str, str | int] | None = None) -> httpx.Response:
        return await self.client.get(path, params=params)

    async def post(
        self, path: str, body: object = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        return await self.client.post(path, json=body, headers=headers)

    async def put(self, path: str, body: object = None) -> httpx.Response:
        return await self.client.put(path, json=body)

    async def patch(self, path: str, body: object = None) -> httpx.Response:
        return await self.client.patch(path, json=body)

    async def delete(self, path: str) -> httpx.Response:
        return await self.client.delete(path)


@dataclass(kw_only=True)
class ApiHost:
    """A server on loopback. Paths given to clients begin below ``/api/v2``."""

    app: FastAPI
    services: Services
    root: str
    organization_id: OrganizationId
    _stack: AsyncExitStack = field(repr=False)

    @property
    def store(self) -> Store:
        return self.services.store

    async def client(self, token: str = "", *, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        """A connection, signed in with ``token``."""
        own = {"Coder-Session-Token": token} if token else {}
        return await self._stack.enter_async_context(
            httpx.AsyncClient(base_url=f"{self.root}/api/v2", headers={**own, **(headers or {})}, timeout=30)
        )

    async def person(
        self,
        name: str,
        *,
        roles: Sequence[str] = (),
        organization_id: OrganizationId | None = None,
        organization_roles: Sequence[str] = (),
        scope: str = "all",
        lifetime: timedelta | None = None,
    ) -> Person:
        """A new user of an organization, by default the default one, signed in."""
        home = organization_id or self.organization_id
        user = await self.store.write(users.create_user, name, [home], roles=roles)
        if organization_roles:
            await self.store.write(organizations.set_member_roles, home, user.id, organization_roles)
        return await self.signed_in(user, scope=scope, lifetime=lifetime)

    async def signed_in(self, user: User, *, scope: str = "all", lifetime: timedelta | None = None) -> Person:
        """The user with a new token."""
        token, key = await self.store.write(
            tokens.create, user.id, name="test", scope=scope, lifetime=lifetime
        )
        return Person(user=user, key=key, token_id=token.id, client=await self.client(key))

    async def organization(self, name: str) -> OrganizationId:
        """Another organization."""
        return (await self.store.write(users.create_organization, name)).id


@asynccontextmanager
async def api_host(
    store: Store,
    *,
    settings: ProvisionerSettings | None = None,
    tool_settings: ToolSettings = _TOOL_SETTINGS,
    failures: FailureLimit | None = None,
    close_limit: timedelta = timedelta(seconds=5),
    metrics_token: str = "",
    patience: Patience = _PATIENCE,
    unread_limit: timedelta = UNREAD_LIMIT,
) -> AsyncIterator[ApiHost]:
    """The application on ``store`` while the context lasts; the default organization is made."""
    provisioner_settings = settings or ProvisionerSettings()
    metrics = Metrics()
    observed = ObservedStore(store, metrics)
    organization = await store.write(users.ensure_organization)
    stopping = asyncio.Event()
    backend = EngineBackend(
        observed, provisioner_settings, agent_inactive_timeout=tool_settings.agent_inactive_timeout
    )
    services = Services(
        store=observed,
        backend=backend,
        chats=StoreChats(observed),
        agents=StoreAgents(observed),
        remote_daemons=RemoteDaemons(StoreClient(observed, provisioner_settings), stopping=stopping),
        stopping=stopping,
        provisioner_settings=provisioner_settings,
        tool_settings=tool_settings,
        external_url="https://chattool.example",
        setup_code=SetupCode(SETUP_CODE),
        metrics=metrics,
        metrics_token=metrics_token,
        unread_limit=unread_limit,
    )
    if failures is not None:
        services = replace(services, failures=failures)
    mcp = mcp_of(services, backend, organization.id)
    assert mcp is not None, "the extra mcp is not installed"
    app = create_app(services, mcp=mcp)
    listener = bound("127.0.0.1", 0)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(mcp)
        stack.callback(listener.close)
        await stack.enter_async_context(serving(app, listener, close_limit=close_limit, patience=patience))
        root = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with AsyncExitStack() as clients:
            yield ApiHost(
                app=app, services=services, root=root, organization_id=organization.id, _stack=clients
            )
            services.stopping.set()
