"""``/mcp`` of the server: whose requests it answers, and which it refuses before anything reads them."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chattool.api.app import LARGER_BODIES, MCP_PATH
from db import chats, users
from db.clock import FakeClock
from db.ids import UserId
from db.transactions import Store
from tests.scenario import Scenario
from tests.surfaces.http.api_host import ApiHost, Person
from tests.surfaces.http.operations import LIST_TOOLS

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ACCEPT = {"Accept": "application/json, text/event-stream"}


async def asked(
    api: ApiHost, key: str, body: object = LIST_TOOLS, *, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """What a request with the token is answered."""
    client = await api.client(headers={**ACCEPT, "Authorization": f"Bearer {key}", **(headers or {})})
    return await client.post(f"{api.root}{MCP_PATH}", json=body)


async def called(api: ApiHost, key: str, tool: str, *, chat: str = "", **arguments: object) -> dict[str, Any]:
    """The structured answer of a tool."""
    params = {"name": tool, "arguments": arguments}
    headers = {"Chattool-Chat-Id": chat} if chat else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await asked(api, key, body, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(message(answer)["result"]["structuredContent"])


def message(answer: httpx.Response) -> dict[str, Any]:
    """The one message of an answer, which may come as an event."""
    if answer.headers["Content-Type"].startswith("application/json"):
        return dict(answer.json())
    (data,) = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return dict(httpx.Response(200, content=data.encode()).json())


async def has_chat(api: ApiHost, user_id: UserId, key: str) -> bool:
    return await api.store.read(chats.find, user_id, key) is not None


async def test_a_wrong_token_is_told_so_by_the_header_that_clients_read(api: ApiHost) -> None:
    answer = await asked(api, "wrong")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


async def test_wrong_tokens_count_here_and_everywhere(api: ApiHost, owner: Person, clock: FakeClock) -> None:
    statuses = [(await asked(api, f"wrong-{number}")).status_code for number in range(11)]
    elsewhere = await (await api.client("wrong")).get("/users/me")

    assert statuses == [401] * 10 + [429]
    assert elsewhere.status_code == 429
    refused = await asked(api, "wrong")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert (await asked(api, owner.key)).status_code == 200
    clock.advance(timedelta(minutes=1))
    assert (await asked(api, "wrong")).status_code == 401


async def test_a_request_without_a_token_counts_as_no_attempt(api: ApiHost) -> None:
    nobody = await api.client(headers=ACCEPT)

    statuses = {(await nobody.post(f"{api.root}{MCP_PATH}", json=LIST_TOOLS)).status_code for _ in range(12)}

    assert statuses == {401}


async def test_a_token_that_may_only_read_reads_and_makes_nothing_not_even_a_chat(
    api: ApiHost, store: Store
) -> None:
    scenario = await Scenario.on(store)
    ana = await api.signed_in(scenario.user, scope="read")
    template = str(scenario.template_id)

    listed = await called(api, ana.key, "list_templates")
    created = await called(api, ana.key, "create_workspace", chat="mine", template_id=template)
    executed = await called(api, ana.key, "execute", command="touch x")

    assert listed["ok"] is True
    for tool, answer in (("create_workspace", created), ("execute", executed)):
        assert answer["ok"] is False
        assert f"may only read, so {tool} was not called" in answer["error"]
    assert not await has_chat(api, ana.user.id, "mine")


async def test_each_token_has_a_chat_of_its_own_and_strangers_find_neither(
    api: ApiHost, store: Store
) -> None:
    scenario = await Scenario.on(store)
    one, two = [await api.signed_in(scenario.user) for _ in range(2)]
    bob = await api.person("bob")
    given: dict[str, Any] = {"template_id": str(scenario.template_id), "wait_seconds": 0}

    first, again, other = [
        await called(api, person.key, "create_workspace", **given) for person in (one, one, two)
    ]
    foreign = await called(api, bob.key, "stop_workspace", chat_id=first["chat_id"])
    own = await called(api, two.key, "wait_for_workspace", chat_id=first["chat_id"], wait_seconds=0)

    assert first["workspace_id"] == again["workspace_id"] != other["workspace_id"]
    assert await has_chat(api, scenario.user.id, f"token:{one.token_id}")
    assert foreign == {"ok": False, "error": "unknown chat_id; leave it out to use the default chat"}
    assert own["workspace_id"] == first["workspace_id"]


async def test_a_user_works_in_the_default_organization_else_in_an_own_one(api: ApiHost) -> None:
    elsewhere = await api.organization("elsewhere")
    stranger = await api.person("eve", organization_id=elsewhere)
    homeless = await api.signed_in(await api.store.write(users.create_user, "hanna", []))

    quota = await called(api, stranger.key, "get_workspace_quota")
    refused = await asked(api, homeless.key)

    assert quota["ok"] is True
    assert refused.status_code == 403
    assert "no organization" in refused.json()["message"]


async def test_a_body_over_the_limit_is_refused_whether_it_is_announced_or_not(
    api: ApiHost, owner: Person
) -> None:
    size = LARGER_BODIES[MCP_PATH] + 1

    async def streamed() -> AsyncIterator[bytes]:
        for _ in range(size // (1 << 16) + 1):
            yield b" " * (1 << 16)

    client = await api.client(headers={**ACCEPT, "Authorization": f"Bearer {owner.key}"})
    for content in (b" " * size, streamed()):
        answer = await client.post(
            f"{api.root}{MCP_PATH}", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413
        assert "larger than" in answer.json()["message"]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_only_requests_are_answered_and_no_stream_is_kept_open(
    api: ApiHost, owner: Person, method: str
) -> None:
    client = await api.client(headers={**ACCEPT, "Authorization": f"Bearer {owner.key}"})

    answer = await client.request(method, f"{api.root}{MCP_PATH}")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_a_page_of_another_site_reaches_nothing(api: ApiHost, owner: Person) -> None:
    by_host = await asked(api, owner.key, headers={"Host": "evil.example"})
    by_origin = await asked(api, owner.key, headers={"Origin": "https://evil.example"})
    external = await asked(api, owner.key, headers={"Host": "chattool.example"})

    assert (by_host.status_code, by_origin.status_code, external.status_code) == (421, 403, 200)
