"""Transactions: all or nothing, bounded in time, and with errors of our own."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, literal, select, text
from sqlalchemy.util import await_only

from db import users
from db.errors import ChattoolError, Conflict, StoreBusy, StoreError, StoreUnavailable
from db.ids import OrganizationId, UserId, new_id
from db.tables import chats as chat_table
from db.tables import organization_members, organizations, workspace_charges
from db.tables import users as user_table
from db.transactions import Connection, Store
from tests.held import held
from tests.scenario import Scenario

NAMES = select(user_table.c.username).order_by(user_table.c.username)


def names(conn: Connection) -> list[str]:
    return [row.username for row in conn.rows(NAMES)]


def create(conn: Connection, name: str) -> None:
    users.create_user(conn, name, [])


def create_and_fail(conn: Connection, name: str) -> None:
    users.create_user(conn, name, [])
    raise LookupError(name)


async def test_a_function_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(LookupError):
        await store.write(create_and_fail, "ana")

    assert await store.read(names) == []


async def test_of_functions_committed_together_the_failing_one_takes_none_with_it(store: Store) -> None:
    async with held(store, names) if store.dialect == "sqlite" else asyncio.timeout(20):
        # On SQLite these wait together while the one above is busy, and share one commit.
        writes = [
            asyncio.create_task(store.write(create_and_fail if number == 5 else create, f"u{number}"))
            for number in range(10)
        ]
        duplicate = asyncio.create_task(store.write(create, "U1"))
        await asyncio.wait([duplicate], timeout=0)

    answers = await asyncio.gather(*writes, duplicate, return_exceptions=True)

    assert [type(answer) for answer in answers if answer is not None] in (
        [LookupError, Conflict],
        [Conflict, LookupError],
    )
    assert len(await store.read(names)) == 9


async def test_what_was_written_is_read_by_the_next_read_of_any_connection(
    store: Store, other_store: Store
) -> None:
    for number in range(20):
        await store.write(create, f"u{number}")
        assert len(await other_store.read(names)) == number + 1


async def test_a_transaction_sees_its_own_writes(store: Store) -> None:
    def create_and_look(conn: Connection) -> list[str]:
        create(conn, "ana")
        return names(conn)

    assert await store.write(create_and_look) == ["ana"]


# Time


def block(conn: Connection, released: threading.Event) -> None:
    if conn.dialect == "postgresql":
        await_only(asyncio.Event().wait())
    released.wait(20)


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_a_call_that_takes_too_long_is_a_typed_error(store: Store, kind: str) -> None:
    released = threading.Event()
    limited = store.limited(timedelta(milliseconds=50))

    try:
        with pytest.raises(StoreError) as late:
            await (limited.read if kind == "read" else limited.write)(block, released)
    finally:
        released.set()

    assert late.value.retryable
    await store.write(create, "ana")
    assert await store.read(names) == ["ana"]


async def test_a_write_that_never_got_its_turn_is_busy_and_never_happens(
    store: Store, other_store: Store
) -> None:
    organization, user = await store.write(users.ensure_owner, "ana")

    def lock(conn: Connection) -> None:
        conn.run(organizations.update().values(display_name="locked"))

    def rename(conn: Connection) -> None:
        conn.run(organizations.update().values(display_name="late"))

    async with held(other_store, lock):
        with pytest.raises(StoreBusy):
            await store.limited(timedelta(milliseconds=50)).write(rename)

    await store.write(create, "bob")
    found = await store.read(users.organization_by_name, organization.name)
    assert found is not None
    assert found.display_name == "locked"
    assert user.active


async def test_a_cancelled_caller_leaves_the_store_sound(store: Store) -> None:
    for number in range(25):
        released = threading.Event()
        task = asyncio.create_task(store.write(block, released))
        if number % 2:
            await store.read(names)
        task.cancel()
        released.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    await asyncio.gather(*(store.write(create, f"u{number}") for number in range(20)))
    assert len(await store.read(names)) == 20


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_caller_cancelled_inside_a_statement_does_not_poison_the_pool(store: Store) -> None:
    sleeping = asyncio.Event()

    def slow(conn: Connection) -> None:
        create(conn, "never")
        sleeping.set()
        conn.scalar(select(func.pg_sleep(literal(30))))

    for _ in range(15):
        sleeping.clear()
        task = asyncio.create_task(store.write(slow))
        async with asyncio.timeout(20):
            await sleeping.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async with asyncio.timeout(20):
        await asyncio.gather(*(store.write(create, f"u{number}") for number in range(20)))
    assert "never" not in await store.read(names)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_commit_that_is_not_answered_in_time_is_of_unknown_outcome(store: Store) -> None:
    def slow_commits(conn: Connection) -> None:
        conn.run(
            text(
                "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql"
                " AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$"
            )
        )
        conn.run(
            text(
                "CREATE CONSTRAINT TRIGGER dawdle AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION dawdle()"
            )
        )

    await store.write(slow_commits)

    with pytest.raises(StoreUnavailable):
        await store.limited(timedelta(milliseconds=200)).write(create, "ana")


async def test_heartbeats_have_connections_of_their_own(store: Store) -> None:
    if store.dialect == "sqlite":
        return  # one writer thread serves all; what it does is short
    released = threading.Event()
    crowd = [asyncio.create_task(store.write(block, released)) for _ in range(12)]
    try:
        async with asyncio.timeout(4):
            assert await store.reserved.read(names) == []
    finally:
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


async def test_a_closed_store_is_unavailable(store: Store) -> None:
    await store.close()

    with pytest.raises(StoreUnavailable):
        await store.write(create, "ana")


# Conflicts


def twice_organization(conn: Connection, scenario: Scenario) -> None:
    users.create_organization(conn, users.DEFAULT_ORGANIZATION)


def twice_user(conn: Connection, scenario: Scenario) -> None:
    users.create_user(conn, "ANA", [])


def twice_member(conn: Connection, scenario: Scenario) -> None:
    conn.run(
        organization_members.insert().values(
            organization_id=scenario.organization_id, user_id=scenario.user.id
        )
    )


def twice_group(conn: Connection, scenario: Scenario) -> None:
    users.create_group(conn, scenario.organization_id, users.EVERYONE)


def unknown_organization(conn: Connection, scenario: Scenario) -> None:
    users.create_group(conn, OrganizationId(new_id()), "group")


def negative_charge(conn: Connection, scenario: Scenario) -> None:
    conn.run(workspace_charges.update().values(confirmed=-1))


def twice_id(conn: Connection, scenario: Scenario) -> None:
    conn.run(user_table.insert().values(id=scenario.user.id, username="other", created_at=conn.now))


def twice_chat(conn: Connection, scenario: Scenario) -> None:
    for _ in range(2):
        conn.run(
            chat_table.insert().values(
                id=new_id(),
                owner_id=scenario.user.id,
                organization_id=scenario.organization_id,
                key="key",
                created_at=conn.now,
                updated_at=conn.now,
            )
        )


@pytest.mark.parametrize(
    ("function", "constraint"),
    [
        (twice_organization, "uq_organizations_name"),
        (twice_user, "uq_users_username"),
        (twice_group, "uq_groups_organization_id_name"),
        (twice_chat, "uq_chats_owner_id_key"),
        (twice_member, "pk_organization_members"),
        (twice_id, "pk_users"),
        (negative_charge, "ck_workspace_charges_confirmed"),
    ],
)
async def test_a_conflict_names_the_same_constraint_on_both_stores(
    scenario: Scenario, function: Callable[[Connection, Scenario], None], constraint: str
) -> None:
    await scenario.create()

    with pytest.raises(Conflict) as refused:
        await scenario.store.write(function, scenario)

    assert (refused.value.constraint, refused.value.code) == (constraint, "CONFLICT")


async def test_a_reference_to_nothing_is_a_conflict(scenario: Scenario) -> None:
    with pytest.raises(Conflict):
        await scenario.store.write(unknown_organization, scenario)


async def test_a_mistake_in_a_statement_is_a_typed_error_and_keeps_its_cause(store: Store) -> None:
    with pytest.raises(ChattoolError) as broken:
        await store.write(lambda conn: conn.scalar(select(func.no_such_function().label("answer"))))

    assert isinstance(broken.value, StoreError)
    assert broken.value.__cause__ is not None


# Values


async def test_values_come_back_as_they_went_in(scenario: Scenario) -> None:
    odd = "naïve \N{SNOWMAN} 'quoted\" \\ \n"
    user = await scenario.member("bob", roles=[odd])

    assert await scenario.store.read(users.user, UserId(user.id)) == user
    build = await scenario.create()
    assert build.created_at == scenario.store.clock.now()
    assert build.created_at.utcoffset() == timedelta()


async def test_bytes_of_any_value_are_kept(scenario: Scenario) -> None:
    build, run = await scenario.started()
    state = bytes(range(256)) * 1000

    await run.finish(state=state)

    assert await scenario.state(build.id) == state
