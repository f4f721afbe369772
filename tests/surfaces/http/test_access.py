"""Who is let in: every operation against every kind of wrong token, and against strangers."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from chattool.api.app import MCP_PATH
from chattool.api.failures import FailureLimit
from db import accounts, agents, chats, provisioner_keys, tokens
from db.clock import FakeClock
from db.ids import new_id
from db.states import Transition
from db.transactions import Store
from provisioner.protocol import Agent, Resource
from tests.scenario import Scenario
from tests.surfaces.http.api_host import ApiHost, Person, api_host
from tests.surfaces.http.operations import (
    AGENTS,
    DAEMONS,
    MCP,
    PUBLIC,
    WEBSOCKET,
    Operation,
    anything,
    for_users,
    operations,
    routes,
)

# Whose token it is, is tested on both stores in tests/conformance; here it is the routes' turn.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

AGENT_TOKEN = "an-agent-of-ana"  # noqa: S105 - a test's


@pytest.fixture
async def open_api(store: Store) -> AsyncIterator[ApiHost]:
    """A server that never tires of wrong tokens."""
    async with api_host(store, failures=FailureLimit(most=100_000)) as host:
        yield host


async def answered(
    client: httpx.AsyncClient, operation: Operation, values: Mapping[str, str]
) -> httpx.Response:
    path = operation.path({**anything(operation.names), **values})
    headers = {}
    if operation.key == MCP:
        headers = {"Accept": "application/json, text/event-stream"}
        if token := client.headers.get("Coder-Session-Token"):
            headers["Authorization"] = f"Bearer {token}"
    return await client.request(
        operation.method.upper(),
        client.base_url.copy_with(path=path),
        headers=headers,
        json=operation.filled_body({**anything(["file", "version", "template", "workspace"]), **values}),
    )


async def outcomes(
    host: ApiHost, client: httpx.AsyncClient, wanted: int, values: Mapping[str, str] | None = None
) -> list[tuple[str, str, int, str]]:
    """The operations for users that answered otherwise than with ``wanted``."""
    answers = [(each, await answered(client, each, values or {})) for each in for_users(host.app)]
    return [
        (each.method, each.pattern, answer.status_code, answer.text)
        for each, answer in answers
        if answer.status_code != wanted
    ]


async def test_no_operation_reads_the_body_of_who_is_not_signed_in(open_api: ApiHost) -> None:
    nobody = await open_api.client("wrong")
    taking = [each for each in for_users(open_api.app) if each.body is not None]
    answers = [
        await nobody.request(
            each.method.upper(),
            nobody.base_url.copy_with(path=each.path(anything(each.names))),
            content=b"{",  # whoever reads it answers 400
            headers={"Content-Type": "application/json"},
        )
        for each in taking
    ]

    assert {answer.status_code for answer in answers} == {401}


async def test_nothing_but_the_known_few_answers_without_a_token(open_api: ApiHost) -> None:
    nobody = await open_api.client()

    assert await outcomes(open_api, nobody, 401) == []
    public = [each for each in operations(open_api.app) if each.key in PUBLIC]
    assert {each.key for each in public} == PUBLIC
    for each in public:
        assert (await answered(nobody, each, {})).status_code != 401


async def test_an_unknown_token_opens_nothing(open_api: ApiHost) -> None:
    unknown = await open_api.client(f"chattool_{'0' * 32}_{'a' * 43}")

    assert await outcomes(open_api, unknown, 401) == []


@pytest.mark.parametrize(
    "token",
    ["wrong", "chattool_", "x" * 5000, f"chattool_{'f' * 32}_", "chattool_{id}_", "\u00e9", "' OR 1=1 --"],
    ids=["wrong", "prefix", "long", "no secret", "template", "not ascii", "sql"],
)
async def test_what_is_no_token_opens_nothing(open_api: ApiHost, token: str) -> None:
    client = await open_api.client()

    answer = await client.get("/users/me", headers=[(b"Coder-Session-Token", token.encode("latin-1"))])

    assert answer.status_code == 401


async def test_a_token_with_the_secret_of_another_opens_nothing(open_api: ApiHost) -> None:
    ana = await open_api.person("ana", roles=["owner"])
    bob = await open_api.person("bob")
    mixed = "_".join([*bob.key.split("_")[:2], ana.key.split("_", 2)[2]])

    assert await outcomes(open_api, await open_api.client(mixed), 401) == []


async def test_a_token_works_until_it_expires(open_api: ApiHost, clock: FakeClock) -> None:
    ana = await open_api.person("ana", roles=["owner"], lifetime=timedelta(minutes=5))

    assert (await ana.get("/users/me")).status_code == 200
    clock.advance(timedelta(minutes=5))
    assert await outcomes(open_api, ana.client, 401) == []


async def test_a_revoked_token_opens_nothing(open_api: ApiHost) -> None:
    ana = await open_api.person("ana", roles=["owner"])

    assert (await ana.delete(f"/users/me/keys/tokens/{ana.token_id}")).status_code == 204
    assert await outcomes(open_api, ana.client, 401) == []


@pytest.mark.parametrize("end", [accounts.suspend, accounts.delete_user], ids=["suspended", "deleted"])
async def test_the_tokens_of_a_user_who_is_gone_open_nothing(open_api: ApiHost, end: object) -> None:
    await open_api.person("ana", roles=["owner"])
    bob = await open_api.person("bob", roles=["owner"])

    await open_api.store.write(end, bob.user.id)  # type: ignore[arg-type]

    assert await outcomes(open_api, bob.client, 401) == []


async def test_a_token_is_taken_from_the_two_headers_only(open_api: ApiHost) -> None:
    ana = await open_api.person("ana", roles=["owner"])
    bearer = await open_api.client(headers={"Authorization": f"bEaReR {ana.key}"})
    basic = await open_api.client(headers={"Authorization": f"Basic {ana.key}"})
    cookie = await open_api.client(headers={"Cookie": f"coder_session_token={ana.key}"})
    plain = await open_api.client()

    assert (await bearer.get("/users/me")).status_code == 200
    assert (await basic.get("/users/me")).status_code == 401
    assert (await cookie.get("/users/me")).status_code == 401
    assert (await plain.get("/users/me", params={"coder_session_token": ana.key})).status_code == 401


async def test_a_token_that_may_only_read_changes_nothing(open_api: ApiHost) -> None:
    ana = await open_api.person("ana", roles=["owner"], scope="read")
    # Over /mcp that is an answer of the tool, not of the route.
    writing = [each for each in for_users(open_api.app) if not each.reads and each.key != MCP]

    statuses = {each.key: (await answered(ana.client, each, {})).status_code for each in writing}

    assert set(statuses.values()) == {403}
    assert (await ana.get("/users/me")).status_code == 200


async def world(scenario: Scenario) -> dict[str, str]:
    """A real value for every parameter of a path; all of it is Ana's."""
    build, run = await scenario.started()
    await run.finish(
        state=b"{}",
        resources=[Resource(type="t", name="r", agents=(Agent(name="main", token=AGENT_TOKEN),))],
    )
    await scenario.request(build.workspace_id, Transition.STOP)
    chat = await scenario.store.write(chats.ensure, scenario.user.id, scenario.organization_id, "a chat")
    agent = (await scenario.store.read(agents.of_build, build.id))[0]
    token, _ = await scenario.store.write(
        tokens.create, scenario.user.id, name="hers", scope="all", lifetime=None
    )
    await scenario.store.write(provisioner_keys.create, scenario.organization_id, "hers", {})
    workspace = await scenario.workspace(build.workspace_id)
    return {
        "user": "ana",
        "organization": "default",
        "group": str(scenario.organization_id),
        "token": str(token.id),
        "file": str(build.job.file_id),
        "template": str(scenario.template_id),
        "version": str(build.template_version_id),
        "workspace": str(build.workspace_id),
        "name": workspace.name,
        "number": "1",
        "build": str(build.id),
        "job": str(build.job.id),
        "agent": str(agent.id),
        "chat": str(chat.id),
        "key": "hers",
        "call_id": str(new_id()),
        "holder": str(new_id()),
        "tool_call": "call-1",
    }


async def test_an_administrator_of_another_organization_sees_nothing_here(
    open_api: ApiHost, store: Store
) -> None:
    values = await world(await Scenario.on(store))
    elsewhere = await open_api.organization("elsewhere")
    eve = await open_api.person(
        "eve", organization_id=elsewhere, organization_roles=["organization-admin", "organization-auditor"]
    )
    named = [each for each in for_users(open_api.app) if each.names]

    assert {name for each in named for name in each.names} <= values.keys()
    answers = {each.key: await answered(eve.client, each, values) for each in named}
    # A template in a body is a field like others; one that is hidden and one that is missing read the same.
    with_template = answers.pop(("post", "/api/v2/users/{user}/workspaces"))
    missing = await eve.post("/users/ana/workspaces", {"name": "eves", "template_id": values["group"]})
    assert (with_template.status_code, with_template.text) == (missing.status_code, missing.text)
    assert with_template.status_code == 400
    assert {key: each.text for key, each in answers.items() if each.status_code != 404} == {}
    assert len({each.json()["message"] for each in answers.values()}) == 1


async def test_a_plain_member_changes_nothing_of_others(open_api: ApiHost, store: Store) -> None:
    values = await world(await Scenario.on(store))
    bob = await open_api.person("bob")
    changing = [each for each in for_users(open_api.app) if each.names and not each.reads]

    statuses = {each.key: (await answered(bob.client, each, values)).status_code for each in changing}

    assert {key: status for key, status in statuses.items() if status not in {403, 404}} == {}


async def test_the_token_of_an_agent_reports_for_it_and_does_nothing_else(
    open_api: ApiHost, store: Store
) -> None:
    values = await world(await Scenario.on(store))
    agent = await open_api.client(AGENT_TOKEN)

    assert await outcomes(open_api, agent, 401, values) == []
    own = [each for each in operations(open_api.app) if each.pattern.startswith(AGENTS)]
    assert own
    statuses = {each.key: (await answered(agent, each, values)).status_code for each in own}
    assert {key: status for key, status in statuses.items() if status not in {200, 204}} == {}


async def test_the_token_of_a_user_is_none_of_an_agent(open_api: ApiHost) -> None:
    ana = await open_api.person("ana", roles=["owner"])
    own = [each for each in operations(open_api.app) if each.pattern.startswith(AGENTS)]

    statuses = {each.key: (await answered(ana.client, each, {})).status_code for each in own}
    assert {key: status for key, status in statuses.items() if status != 401} == {}


def family(route: Operation) -> str:
    """Whose credentials a route takes."""
    if route.pattern.startswith(DAEMONS):
        return "daemon"
    return "agent" if route.pattern.startswith(AGENTS) else "user"


async def refused_status(host: ApiHost, client: httpx.AsyncClient, route: Operation) -> int:
    if route.method != WEBSOCKET:
        return (await answered(client, route, {})).status_code
    url = f"{host.root.replace('http', 'ws', 1)}{route.path(anything(route.names))}"
    given = {
        name: client.headers[name]
        for name in ("authorization", "coder-session-token")
        if name in client.headers
    }
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, additional_headers=given):
            pass
    return refused.value.response.status_code


async def credentials(host: ApiHost, clock: FakeClock) -> dict[str, dict[str, str]]:
    """Everything that somebody might show, by whose it is: ``nobody``'s opens nothing anywhere."""
    zoe = await host.person("zoe", roles=["owner"])
    expired = await host.person("bob", roles=["owner"], lifetime=timedelta(minutes=5))
    revoked = await host.person("cleo", roles=["owner"])
    suspended = await host.person("dan", roles=["owner"])
    await revoked.delete(f"/users/me/keys/tokens/{revoked.token_id}")
    await host.store.write(accounts.suspend, suspended.user.id)
    _, key = await host.store.write(provisioner_keys.create, host.organization_id, "valid", {})
    _, ended = await host.store.write(provisioner_keys.create, host.organization_id, "ended", {})
    await host.store.write(provisioner_keys.revoke, host.organization_id, "ended")
    clock.advance(timedelta(minutes=5))
    return {
        "user": {"a user's": zoe.key},
        "daemon": {"a daemon's": key},
        "agent": {"an agent's": AGENT_TOKEN},
        "nobody": {
            "none": "",
            "unknown": f"chattool_{'0' * 32}_{'a' * 43}",
            "long": "x" * 5000,
            "expired": expired.key,
            "revoked": revoked.key,
            "of a suspended user": suspended.key,
            "a revoked daemon's": ended,
        },
    }


async def test_every_route_refuses_every_credential_that_is_not_for_it(
    open_api: ApiHost, store: Store, clock: FakeClock
) -> None:
    await world(await Scenario.on(store))
    every = routes(open_api.app)
    kinds = {each.method for each in every if each.method == WEBSOCKET} | {family(each) for each in every}
    assert kinds == {WEBSOCKET, "user", "daemon", "agent"}
    assert MCP in {each.key for each in every}

    let_in = []
    for owner, shown in (await credentials(open_api, clock)).items():
        for name, secret in shown.items():
            headers = {"Authorization": f"Bearer {secret}"} if secret else {}
            client = await open_api.client(headers=headers)
            let_in += [
                (name, route.key, status)
                for route in every
                if family(route) != owner and (status := await refused_status(open_api, client, route)) != 401
            ]

    assert let_in == []


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/v2/users/me", 10),
        (f"{DAEMONS}seen", 10),
        (MCP_PATH, 10),
        (f"{AGENTS}heartbeat", 100),
    ],
    ids=["users", "daemons", "mcp", "agents"],
)
async def test_wrong_credentials_of_every_kind_are_counted(api: ApiHost, path: str, limit: int) -> None:
    stranger = await api.client(headers={"Authorization": "Bearer wrong"})
    method = "GET" if path.endswith("/users/me") else "POST"

    statuses = [
        (await stranger.request(method, f"{api.root}{path}", json={})).status_code for _ in range(limit + 1)
    ]

    assert statuses == [401] * limit + [429]


async def test_an_address_cannot_be_feigned_to_go_on_guessing(api: ApiHost) -> None:
    stranger = await api.client("wrong")
    feigned = ("X-Forwarded-For", "Forwarded", "X-Real-IP")

    statuses = [
        (await stranger.get("/users/me", headers=dict.fromkeys(feigned, f"10.0.0.{number}"))).status_code
        for number in range(11)
    ]

    assert statuses == [401] * 10 + [429]


async def test_who_keeps_failing_has_to_wait_while_others_go_on(api: ApiHost, owner: Person) -> None:
    stranger = await api.client("wrong")

    statuses = [(await stranger.get("/users/me")).status_code for _ in range(11)]
    refused = await stranger.get("/users/me")

    assert statuses == [401] * 10 + [429]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["code"] == "TOO_MANY_FAILURES"
    assert (await owner.get("/users/me")).status_code == 200


async def test_after_the_window_a_new_attempt_is_heard(api: ApiHost, clock: FakeClock) -> None:
    stranger = await api.client("wrong")
    for _ in range(11):
        await stranger.get("/users/me")

    clock.advance(timedelta(minutes=1))

    assert (await stranger.get("/users/me")).status_code == 401


async def test_the_set_up_code_cannot_be_guessed_at_will(api: ApiHost) -> None:
    nobody = await api.client()
    guesses = [
        await nobody.post("/users/first", json={"username": "eve", "setup_code": f"guess-{number}"})
        for number in range(10)
    ]

    right = await nobody.post("/users/first", json={"username": "eve", "setup_code": "the-code-of-this-test"})

    assert {each.status_code for each in guesses} == {403}
    assert right.status_code == 429
