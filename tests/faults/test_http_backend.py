"""Tools over HTTP on a network that loses things, and with a token that ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chattool.backend import CreateWorkspace
from chattool.engine import Engine, open_engine
from chattool.http_backend import Remote, open_remote
from chattool.http_backend.problems import SignedOut
from chattool.workspace_calls import AgentCallLost
from db import tokens, workspaces
from db.errors import StoreUnavailable
from db.ids import TemplateId, TokenId
from provisioner.settings import ProvisionerSettings
from tests.integration.tools.engine_host import EngineHost, HeldEcho, costing, fields
from tests.proxy import Fault, Proxy, proxy_to
from tests.stores import database_url, sqlite_template
from tests.surfaces.http.api_host import api_host

__all__ = ["database_url", "sqlite_template"]


@dataclass(kw_only=True)
class Network:
    """Tools behind a proxy, and what is really there."""

    engine: Engine
    remote: Remote
    proxy: Proxy
    host: EngineHost
    token_id: TokenId

    async def workspaces(self) -> list[str]:
        return [each.name for each in await self.engine.store.read(workspaces.listed)]


@pytest.fixture
async def network(database_url: str, tmp_path: Path) -> AsyncIterator[Network]:
    echo = HeldEcho()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(database_url, user="ana", provisioners=[echo]))
        stack.callback(echo.gate.set)
        await engine.set_allowance("Everyone", 100)
        server = await stack.enter_async_context(api_host(engine.store, settings=ProvisionerSettings()))
        proxy = await stack.enter_async_context(proxy_to(server.root))
        token, key = await engine.store.write(
            tokens.create, engine.user.id, name="tools", scope="all", lifetime=None
        )
        remote = await stack.enter_async_context(open_remote(proxy.url, key))
        host = EngineHost(engine, echo, tmp_path, remote)
        yield Network(engine=engine, remote=remote, proxy=proxy, host=host, token_id=token.id)


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.CUT_ANSWER, Fault.CUT_REQUEST])
async def test_a_create_whose_answer_is_lost_makes_one_workspace(network: Network, fault: Fault) -> None:
    template = await network.host.template(start_apply=costing(20))
    happened = network.proxy.once(f"/users/{network.engine.user.id}/workspaces", fault)

    answer = await network.host.create(template, name="dev")

    assert happened.is_set()
    assert (answer["created"], answer["workspace_name"]) == (True, "ana/dev")
    assert await network.workspaces() == ["dev"]
    assert (await network.host.build()).build_number == 1


async def test_a_stop_whose_answer_is_lost_makes_one_build(network: Network) -> None:
    created = await network.host.create(await network.host.template())
    happened = network.proxy.once(f"/workspaces/{created['workspace_id']}/builds", Fault.LOSE_ANSWER)

    answer = await network.host.stop()

    assert happened.is_set()
    assert answer["stopped"] is True
    assert (await network.host.build()).build_number == 2


async def test_a_server_that_keeps_no_keys_is_not_asked_twice(network: Network) -> None:
    template = await network.host.template()
    network.remote.connection.is_chattool = False
    network.proxy.once(f"/users/{network.engine.user.id}/workspaces", Fault.CUT_REQUEST)
    backend = network.remote.backend
    request = CreateWorkspace(
        organization_id=network.remote.organization_id, template_id=TemplateId(template.id), name="dev"
    )

    with pytest.raises(StoreUnavailable):
        await backend.create_workspace(await network.engine.backend.as_owner(network.engine.user.id), request)

    assert await network.workspaces() == []


async def test_a_lost_answer_to_a_lease_is_the_same_holders_lease(network: Network) -> None:
    chat = await network.host.chat()
    happened = network.proxy.once("", Fault.LOSE_ANSWER)  # whatever comes next

    lease = await network.remote.chats.try_lease(chat.id, timedelta(seconds=30))
    other = await network.remote.chats.try_lease(chat.id, timedelta(seconds=30))

    assert happened.is_set()
    assert lease is not None
    assert other is None
    assert await lease.renew()


async def test_a_wait_goes_on_when_the_network_comes_back(network: Network) -> None:
    template = await network.host.template()
    network.host.echo.gate.clear()
    call = asyncio.create_task(network.host.create(template))
    await network.host.told(1)

    network.proxy.refuse()
    network.host.echo.gate.set()
    network.proxy.restore()

    answer = await call
    assert answer["created"] is True


async def test_a_token_that_is_revoked_meanwhile_ends_the_call_in_words(network: Network) -> None:
    template = await network.host.template()
    network.host.echo.gate.clear()
    toolset = await network.host.listening_toolset()
    arguments = {"template_id": str(template.id)}
    call = asyncio.create_task(toolset.dispatch("create_workspace", arguments))
    await network.host.told(1)

    await network.engine.store.write(tokens.revoke, network.token_id)
    async with asyncio.timeout(30):
        response = await call

    said: dict[str, Any] = fields(response)
    assert "does not accept the token" in said["error"]
    assert not response.ok
    with pytest.raises(SignedOut):
        await network.remote.backend.as_owner(network.engine.user.id)


async def test_a_lost_call_into_a_workspace_leaves_its_outcome_open(network: Network) -> None:
    await network.host.create(await network.host.template(start_apply=costing(5, "main")), wait_seconds=0)
    await network.host.built()
    agent = await network.host.agent()
    network.proxy.once(f"/workspaceagents/{agent.id}/calls", Fault.CUT_REQUEST)
    actor = await network.remote.backend.as_owner(network.engine.user.id)

    with pytest.raises(AgentCallLost):
        await network.remote.backend.agent_call(actor, agent.id, "run", {}, timeout=timedelta(seconds=1))
