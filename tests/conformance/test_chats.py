"""Chats are found by id or key, and only by their owner."""

from uuid import UUID

from db import chats
from db.records import Chat
from db.transactions import Store
from tests.scenario import Scenario


async def made(scenario: Scenario, key: str) -> Chat:
    return await scenario.store.write(chats.ensure, scenario.user.id, scenario.organization_id, key)


async def test_a_chat_is_found_by_its_id_and_by_its_key(store: Store) -> None:
    scenario = await Scenario.on(store)
    chat = await made(scenario, "thread-7")

    for handle in ("thread-7", str(chat.id), str(chat.id).upper()):
        assert await store.read(chats.find, scenario.user.id, handle) == chat


async def test_a_key_that_looks_like_an_id_is_a_key(store: Store) -> None:
    scenario = await Scenario.on(store)
    key = str(UUID(int=7))

    chat = await made(scenario, key)

    assert await store.read(chats.find, scenario.user.id, key) == chat


async def test_a_chat_of_somebody_else_is_not_found(store: Store) -> None:
    scenario = await Scenario.on(store)
    other = await scenario.member("ben")
    chat = await made(scenario, "thread-7")

    for handle in ("thread-7", str(chat.id)):
        assert await store.read(chats.find, other.id, handle) is None
