"""Chats over HTTP, with the structured error of their last turn."""

from chattool.chaterror import encode_last_error
from chattool.chaterror.classified import ClassifiedError
from db import chats
from db.ids import ChatId
from tests.surfaces.http.api_host import Person
from tests.surfaces.http.resources.fleet import NOT_FOUND, Fleet


async def call(person: Person, method: str, path: str = "", body: object = None) -> tuple[int, object]:
    root = str(person.client.base_url).replace("/api/v2/", "/api/experimental/chats")
    answer = await person.client.request(method, f"{root}{path}", json=body)
    return answer.status_code, answer.json()


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
