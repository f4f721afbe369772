"""Tokens: who holds one, and until when. On both stores."""

import asyncio
from datetime import timedelta

import pytest

from chattool.identity import Scope, caller_of
from db import accounts, organizations, tokens, users
from db.clock import FakeClock
from db.errors import NotFound, RequestError
from db.records import User
from db.tables import api_tokens
from db.transactions import Connection, Store


@pytest.fixture
async def user(store: Store) -> User:
    return (await store.write(users.ensure_owner, "ana"))[1]


async def made(store: Store, user: User, **options: object) -> tuple[tokens.Token, str]:
    values = {"name": "test", "scope": "all", "lifetime": None, **options}
    return await store.write(tokens.create, user.id, **values)  # type: ignore[arg-type]


async def test_a_token_tells_its_user_with_the_roles_of_each_organization(store: Store, user: User) -> None:
    other = await store.write(organizations.create_with_member, "other", user.id)
    _, key = await made(store, user, scope="read")

    caller = await caller_of(store, key)

    assert caller is not None
    assert (caller.user, caller.scope) == (user, Scope.READ)
    assert caller.organization_roles[other.id] == {"organization-admin"}
    assert len(caller.organization_roles) == 2


async def test_only_a_hash_of_the_secret_is_stored(store: Store, user: User) -> None:
    _, key = await made(store, user)
    secret = key.split("_", 2)[2]

    def stored(conn: Connection) -> str:
        return str(conn.rows(api_tokens.select()))

    assert secret not in await store.read(stored)


@pytest.mark.parametrize("change", ["x", "", "\0", "é"])
async def test_a_key_with_a_changed_end_is_nobodys(store: Store, user: User, change: str) -> None:
    _, key = await made(store, user)

    assert await caller_of(store, key[:-1] + change) is None


async def test_a_token_is_valid_until_its_last_moment(store: Store, user: User, clock: FakeClock) -> None:
    _, key = await made(store, user, lifetime=timedelta(hours=1))
    clock.advance(timedelta(hours=1) - timedelta(microseconds=1))

    assert await caller_of(store, key) is not None
    clock.advance(timedelta(microseconds=1))
    assert await caller_of(store, key) is None
    assert await store.read(tokens.of_user, user.id) == []


async def test_a_revoked_token_is_nobodys_and_cannot_be_revoked_again(store: Store, user: User) -> None:
    token, key = await made(store, user)

    await store.write(tokens.revoke, token.id)

    assert await caller_of(store, key) is None
    with pytest.raises(NotFound):
        await store.write(tokens.revoke, token.id)


async def test_a_suspension_stops_tokens_until_it_ends(store: Store, user: User) -> None:
    bob = await store.write(users.create_user, "bob", [])
    _, key = await made(store, bob)

    await store.write(accounts.suspend, bob.id)
    assert await caller_of(store, key) is None
    await store.write(users.set_user_status, bob.id, "active")
    assert await caller_of(store, key) is not None


async def test_a_deleted_user_has_no_valid_token_and_its_name_is_free(store: Store, user: User) -> None:
    bob = await store.write(users.create_user, "bob", [])
    _, key = await made(store, bob)

    await store.write(accounts.delete_user, bob.id)

    assert await caller_of(store, key) is None
    assert (await store.write(users.create_user, "bob", [])).id != bob.id


async def test_the_last_use_is_noted_now_and_then(store: Store, user: User, clock: FakeClock) -> None:
    token, key = await made(store, user)
    first = clock.now()
    await caller_of(store, key)
    clock.advance(timedelta(minutes=5))
    await caller_of(store, key)

    assert (await store.read(tokens.token, token.id)).last_used_at == first
    clock.advance(timedelta(minutes=5))
    await caller_of(store, key)
    assert (await store.read(tokens.token, token.id)).last_used_at == clock.now()


async def test_a_user_has_a_bounded_number_of_tokens(store: Store, user: User) -> None:
    for _ in range(tokens.MOST_PER_USER):
        await made(store, user)

    with pytest.raises(RequestError) as caught:
        await made(store, user)
    assert caught.value.status_code == 409


async def test_two_who_set_up_a_server_at_once_make_one_owner(store: Store, other_store: Store) -> None:
    await store.write(users.ensure_organization)

    async def first(where: Store, name: str) -> int:
        try:
            await where.write(accounts.create_first, name, email="", scope="all", lifetime=None)
        except RequestError as error:
            return error.status_code
        return 201

    here, there = [first(store, f"a{n}") for n in range(5)], [first(other_store, f"b{n}") for n in range(5)]
    statuses = await asyncio.gather(*here, *there)

    assert sorted(statuses) == [201] + [409] * 9
    assert (await store.read(accounts.listed, part="", limit=10, offset=0))[1] == 1


async def test_tokens_that_ended_long_ago_are_forgotten_and_no_others(
    store: Store, user: User, clock: FakeClock
) -> None:
    lasting, _ = await made(store, user)
    await made(store, user, lifetime=timedelta(days=1))
    revoked, _ = await made(store, user)
    await store.write(tokens.revoke, revoked.id)
    clock.advance(timedelta(days=60))
    lately, _ = await made(store, user)
    await store.write(tokens.revoke, lately.id)

    def stored(conn: Connection) -> set[object]:
        return {row.id for row in conn.rows(api_tokens.select())}

    before = clock.now() - timedelta(days=30)
    assert await store.write(tokens.prune, before, 1) == 1
    assert await store.write(tokens.prune, before, 10) == 1
    assert await store.read(stored) == {lasting.id, lately.id}
