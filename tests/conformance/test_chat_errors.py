"""Why a chat's last turn failed: written, read whatever wrote it, forgotten."""

import logging
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select, text

from chattool.chat_errors import chat_error, clear_chat_error, record_chat_error
from chattool.chaterror import ClassifiedError, ProviderError, terminal_payload
from db import chats, tables, users
from db.clock import FakeClock
from db.engine import open_store
from db.errors import NotFound
from db.ids import ChatId, new_id
from db.transactions import Store
from tests.sql import asked

_UPDATED_AT = select(tables.chats.c.updated_at).where(tables.chats.c.id == bindparam("chat"))

_SPOIL_POSTGRES = text("UPDATE chats SET last_error = CAST(CAST(:stored AS text) AS jsonb)")
_SPOIL_SQLITE = text("UPDATE chats SET last_error = :stored")

LIMITED = ProviderError(
    "slow down",
    status_code=429,
    body={"error": {"code": "rate_limit_exceeded", "message": "a\x00b 余额"}},
    provider="openai",
)


UNREADABLE = ClassifiedError(message="The chat request failed unexpectedly.", kind="generic")


@pytest.fixture
async def chat_id(store: Store) -> ChatId:
    """A chat without an error."""
    organization, user = await store.write(users.ensure_owner, "ada")
    return (await store.write(chats.ensure, user.id, organization.id, "main")).id


async def test_a_new_chat_has_no_error(store: Store, chat_id: ChatId) -> None:
    assert await chat_error(store, chat_id) is None


async def test_a_recorded_error_is_read_as_it_was_shown(
    store: Store, other_store: Store, chat_id: ChatId
) -> None:
    shown = await record_chat_error(store, chat_id, LIMITED)
    read = await chat_error(other_store, chat_id)
    assert read is not None
    assert terminal_payload(read) == terminal_payload(shown)
    assert (read.kind, read.provider, read.detail) == ("rate_limit", "openai", "a\ufffdb 余额")


async def test_a_provider_that_the_host_knows_is_recorded(store: Store, chat_id: ChatId) -> None:
    await record_chat_error(store, chat_id, TimeoutError("read timed out"), provider="google")
    read = await chat_error(store, chat_id)
    assert read is not None
    assert (read.provider, read.message) == ("google", "Google is temporarily unavailable.")


async def test_an_error_that_says_nothing_is_recorded_as_a_failure(store: Store, chat_id: ChatId) -> None:
    await record_chat_error(store, chat_id, RuntimeError())
    assert await chat_error(store, chat_id) == UNREADABLE


async def test_a_later_error_replaces_the_first_and_a_cleared_one_is_gone(
    store: Store, chat_id: ChatId
) -> None:
    await record_chat_error(store, chat_id, LIMITED)
    await record_chat_error(store, chat_id, ProviderError("no", status_code=401))
    read = await chat_error(store, chat_id)
    assert read is not None
    assert read.kind == "auth"
    await clear_chat_error(store, chat_id)
    assert await chat_error(store, chat_id) is None


async def test_the_full_exception_is_logged(
    store: Store, chat_id: ChatId, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        await record_chat_error(store, chat_id, LIMITED)
    (record,) = (each for each in caplog.records if each.name == "chattool.chat_errors")
    facts = record.__dict__
    assert (facts["action"], facts["kind"], facts["evidence"]) == (
        "chat_error",
        "rate_limit",
        "E14:rate_limit_exceeded",
    )
    assert record.exc_info is not None
    assert record.exc_info[1] is LIMITED


async def test_an_unknown_chat_is_refused(store: Store) -> None:
    nobody = ChatId(new_id())
    for call in (
        record_chat_error(store, nobody, LIMITED),
        clear_chat_error(store, nobody),
        chat_error(store, nobody),
    ):
        with pytest.raises(NotFound):
            await call


async def test_the_chat_is_marked_as_changed(store: Store, chat_id: ChatId, clock: FakeClock) -> None:
    clock.advance(timedelta(minutes=1))
    await record_chat_error(store, chat_id, LIMITED)
    changed = await store.read(lambda conn: conn.scalar(_UPDATED_AT, chat=chat_id))
    assert changed == clock.now()


@pytest.mark.parametrize("stored", ["null", '"text"', "[1]", "7", '{"message": 7}', '{"kind": null}'])
async def test_anything_else_in_the_column_reads_as_a_generic_failure(
    store: Store, database_url: str, chat_id: ChatId, stored: str
) -> None:
    spoil = _SPOIL_SQLITE if database_url.startswith("sqlite") else _SPOIL_POSTGRES
    await asked(database_url, lambda connection: connection.execute(spoil, {"stored": stored}).rowcount)
    assert await chat_error(store, chat_id) == UNREADABLE
    assert (await store.read(chats.chat, chat_id)).key == "main"


@pytest.mark.parametrize("stored", ["", "{broken", "a text"])
async def test_broken_json_in_a_sqlite_file_reads_as_a_generic_failure(
    tmp_path: Path, sqlite_template: Path, stored: str
) -> None:
    path = shutil.copy(sqlite_template, tmp_path / "spoiled.db")
    async with open_store(f"sqlite:///{path}") as spoiled:
        organization, user = await spoiled.write(users.ensure_owner, "ada")
        chat = await spoiled.write(chats.ensure, user.id, organization.id, "main")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE chats SET last_error = ?", [stored])
        assert await chat_error(spoiled, chat.id) == UNREADABLE
