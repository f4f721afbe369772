"""Chats over HTTP, with the structured error of their last turn."""

from datetime import timedelta
from uuid import UUID

import pytest

from chattool.chaterror import encode_last_error
from chattool.chaterror.classified import ClassifiedError
from db import chats
from db.ids import ChatId, new_id
from tests.surfaces.http.api_host import Person
from tests.surfaces.http.resources.fleet import NOT_FOUND, Fleet


async def call(person: Person, method: str, path: str = "", body: object = None) -> tuple[int, object]:
    root = str(person.client.base_url).replace("/api/v2/", "/api/experimental/chats")
    answer = await person.client.request(method, f"{root}{path}", json=body)
    return answer.status_code, answer.json() if answer.content else None


async def test_a_chat_is_found_again_by_its_key(fleet: Fleet) -> None:
    made, chat = await call(fleet.ben, "POST", body={"key": "conversation 1"})
    again = await call(fleet.ben, "POST", body={"key": "conversation 1"})

    assert made == 201
    assert again == (200, chat)
    assert await call(fleet.ben, "GET") == (200, [chat])
    assert (await call(fleet.cleo, "POST", body={"key": "conversation 1"}))[0] == 201


async def test_a_chat_is_its_owners(fleet: Fleet) -> None:
    _, chat = await call(fleet.ben, "POST", body={})
    assert isinstance(chat, dict)

    assert await call(fleet.ben, "GET", f"/{chat['id']}") == (200, chat)
    assert await call(fleet.cleo, "GET", f"/{chat['id']}") == (404, NOT_FOUND)
    assert await call(fleet.cleo, "GET") == (200, [])
    assert "last_error" not in chat


async def test_the_last_error_of_a_chat_is_an_object(fleet: Fleet) -> None:
    _, chat = await call(fleet.ben, "POST", body={})
    assert isinstance(chat, dict)
    failure = ClassifiedError(
        message="Too many requests.", kind="rate_limit", provider="openai", retryable=True, status_code=429
    )
    await fleet.api.store.write(chats.set_last_error, ChatId(chat["id"]), encode_last_error(failure))

    _, shown = await call(fleet.ben, "GET", f"/{chat['id']}")

    assert isinstance(shown, dict)
    assert shown["last_error"] == {
        "message": "Too many requests.",
        "kind": "rate_limit",
        "provider": "openai",
        "retryable": True,
        "status_code": 429,
    }


async def test_a_key_has_to_be_storable(fleet: Fleet) -> None:
    for key in ("", "x" * 300, "nul\0"):
        status, body = await call(fleet.ben, "POST", body={"key": key})
        assert isinstance(body, dict)
        assert (status, body["validations"][0]["field"]) == (400, "key")


async def test_a_chat_is_found_by_its_key_by_its_owner_only(fleet: Fleet) -> None:
    _, made = await call(fleet.ben, "POST", body={"key": "thread-7"})
    await call(fleet.ben, "POST", body={"key": "thread-8"})

    assert await call(fleet.ben, "GET", "?key=thread-7") == (200, [made])
    assert await call(fleet.ben, "GET", "?key=thread") == (200, [])
    assert await call(fleet.cleo, "GET", "?key=thread-7") == (200, [])


async def new_chat(person: Person) -> str:
    _, chat = await call(person, "POST", body={})
    assert isinstance(chat, dict)
    return f"/{chat['id']}"


async def test_a_chat_is_bound_to_a_workspace_that_its_owner_may_use(fleet: Fleet) -> None:
    chat = await new_chat(fleet.ben)
    own = await fleet.create(fleet.ben, "own")
    foreign = await fleet.create(fleet.cleo, "foreign")
    own_build, foreign_build = (each["latest_build"]["id"] for each in (own, foreign))

    status, bound = await call(fleet.ben, "PATCH", chat, {"workspace_id": own["id"], "build_id": own_build})
    assert isinstance(bound, dict)
    assert (status, bound["workspace_id"], bound["build_id"]) == (200, own["id"], own_build)
    for body, field in (
        ({"workspace_id": foreign["id"]}, "workspace_id"),
        ({"workspace_id": str(new_id())}, "workspace_id"),
        ({"workspace_id": own["id"], "build_id": foreign_build}, "build_id"),
    ):
        status, refused = await call(fleet.ben, "PATCH", chat, body)
        assert isinstance(refused, dict)
        assert (status, refused["validations"][0]["field"]) == (400, field)
    assert await call(fleet.cleo, "PATCH", chat, {"workspace_id": foreign["id"]}) == (404, NOT_FOUND)


async def test_one_holder_at_a_time_has_a_chat(fleet: Fleet) -> None:
    chat = await new_chat(fleet.ben)
    one, two = (f"{chat}/leases/{new_id()}" for _ in range(2))
    lease = {"duration_ms": 30_000}
    renewal = {**lease, "renew": True}

    async def put(path: str, body: object) -> int:
        return (await call(fleet.ben, "PUT", path, body))[0]

    assert [await put(one, lease), await put(two, lease), await put(one, renewal)] == [204, 409, 204]
    fleet.scenario.store.clock.advance(timedelta(seconds=31))  # type: ignore[attr-defined]
    assert [await put(two, lease), await put(one, renewal)] == [204, 409]
    assert (await call(fleet.ben, "DELETE", one))[0] == 204
    assert await put(one, lease) == 409
    assert (await call(fleet.ben, "DELETE", two))[0] == 204
    assert [await put(two, renewal), await put(one, lease)] == [409, 204]
    assert await call(fleet.cleo, "PUT", one, lease) == (404, NOT_FOUND)


async def test_a_recorded_tool_call_is_found_and_replaced(fleet: Fleet) -> None:
    path = f"{await new_chat(fleet.ben)}/tool-calls/call_1"
    recorded: dict[str, object] = {"tool": "create_workspace", "request_hash": "abc"}

    assert await call(fleet.ben, "GET", path) == (404, NOT_FOUND)
    assert (await call(fleet.ben, "PUT", path, recorded))[0] == 204
    assert await call(fleet.ben, "GET", path) == (200, recorded)
    answered = {**recorded, "answer": {"created": True, "parts": [1, "two", None]}}
    assert (await call(fleet.ben, "PUT", path, answered))[0] == 204
    assert await call(fleet.ben, "GET", path) == (200, answered)
    assert await call(fleet.cleo, "GET", path) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    "answer",
    [
        r'{"a": ["\u0000"]}',
        r'{"\u0000": 1}',
        r'{"a": "\ud800"}',
        r'{"a": {"\ud800": 1}}',
        '{"a": NaN}',
        '{"a": [Infinity]}',
        '{"a": 1e400}',
    ],
)
async def test_an_answer_of_a_tool_that_no_database_can_store_is_refused(fleet: Fleet, answer: str) -> None:
    chat = await new_chat(fleet.ben)
    url = f"{fleet.api.root}/api/experimental/chats{chat}/tool-calls/call_1"
    body = f'{{"tool": "create_workspace", "request_hash": "abc", "answer": {answer}}}'

    refused = await fleet.ben.client.put(url, content=body, headers={"Content-Type": "application/json"})

    assert refused.status_code == 400
    assert (await call(fleet.ben, "GET", f"{chat}/tool-calls/call_1")) == (404, NOT_FOUND)


async def test_the_last_error_is_set_and_cleared_over_http(fleet: Fleet) -> None:
    chat = await new_chat(fleet.ben)
    error = {"message": "No.", "retryable": False, "kind": "auth", "reset_at": "2026-01-02T03:04:05Z"}

    assert (await call(fleet.ben, "PUT", f"{chat}/last-error", error))[0] == 204
    _, shown = await call(fleet.ben, "GET", chat)
    assert isinstance(shown, dict)
    assert shown["last_error"] == error
    beyond = {**error, "reset_at": "9999-12-31T23:59:59-14:00"}
    assert (await call(fleet.ben, "PUT", f"{chat}/last-error", beyond))[0] == 400
    assert (await call(fleet.ben, "DELETE", f"{chat}/last-error"))[0] == 204
    _, shown = await call(fleet.ben, "GET", chat)
    assert isinstance(shown, dict)
    assert "last_error" not in shown


async def test_long_texts_of_a_last_error_are_cut_whoever_wrote_them(fleet: Fleet) -> None:
    chat = await new_chat(fleet.ben)
    names = ("message", "detail", "kind", "provider", "code")
    sent = dict.fromkeys(names, "x" * (64 << 10)) | {"retryable": False}
    stored = ClassifiedError(message="x" * (64 << 10), code="y" * 1000)

    assert (await call(fleet.ben, "PUT", f"{chat}/last-error", sent))[0] == 204
    _, by_client = await call(fleet.ben, "GET", chat)
    await fleet.api.store.write(chats.set_last_error, ChatId(UUID(chat[1:])), encode_last_error(stored))
    _, by_host = await call(fleet.ben, "GET", chat)

    assert isinstance(by_client, dict)
    assert [len(by_client["last_error"][name]) for name in names] == [4096, 4096, 256, 256, 256]
    assert isinstance(by_host, dict)
    assert [len(by_host["last_error"][name]) for name in ("message", "code")] == [4096, 256]


async def test_a_list_of_chats_has_a_bound(fleet: Fleet) -> None:
    assert (await call(fleet.ben, "GET", "?limit=100"))[0] == 200
    status, refused = await call(fleet.ben, "GET", "?limit=101")
    assert isinstance(refused, dict)
    assert (status, refused["validations"][0]["field"]) == (400, "limit")


async def test_a_tool_call_names_only_a_workspace_and_a_build_that_its_owner_may_use(fleet: Fleet) -> None:
    path = f"{await new_chat(fleet.ben)}/tool-calls/call_1"
    own = await fleet.create(fleet.ben, "own")
    foreign = await fleet.create(fleet.cleo, "foreign")
    own_build, foreign_build = (each["latest_build"]["id"] for each in (own, foreign))
    call_made = {"tool": "create_workspace", "request_hash": "abc"}

    recorded = {**call_made, "workspace_id": own["id"], "build_id": own_build}
    assert (await call(fleet.ben, "PUT", path, recorded))[0] == 204
    for body, field in (
        ({"workspace_id": foreign["id"]}, "workspace_id"),
        ({"workspace_id": str(new_id())}, "workspace_id"),
        ({"workspace_id": own["id"], "build_id": foreign_build}, "build_id"),
        ({"build_id": own_build}, "build_id"),
    ):
        status, refused = await call(fleet.ben, "PUT", path, {**call_made, **body})
        assert isinstance(refused, dict)
        assert (status, refused["validations"][0]["field"]) == (400, field)
    assert await call(fleet.ben, "GET", path) == (200, recorded)


async def test_a_statement_names_what_holds_the_credits_and_who_grants_them(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben)
    await fleet.build_next(cost=3)
    path = "/organizations/default/members/ben/quota-statement"

    statement = await fleet.ben.get(path)

    assert statement.json() == {
        "credits_consumed": 3,
        "budget": 40,
        "charges": [{"workspace_id": workspace["id"], "workspace_name": "ben/mine", "credits": 3}],
        "groups": [{"name": "Everyone", "quota_allowance": 40}],
    }
    assert (await fleet.cleo.get(path)).json() == NOT_FOUND
    assert (await fleet.eve.get(path)).json() == NOT_FOUND
