"""Revision 0002: the text in ``chats.last_error`` becomes structured JSON, and back."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, Text, column, insert, table, text
from sqlalchemy.types import TypeEngine

from db import migrations
from db.types import Id, Json, Timestamp
from tests.sql import asked

if TYPE_CHECKING:
    from tests.postgres import PostgresDatabases

LEGACY = {
    "null": None,
    "empty": "",
    "blank": "  ",
    "a sentence": "OpenAI is rate limiting requests.",
    "looks like an object": '{"message": "inner", "kind": "auth"}',
    "looks like null": "null",
    "looks like a string": '"text"',
    "quotes and backslashes": "a 'b' \"c\" \\d \\u0041",
    "lines": "one\ntwo\ttabs",
    "outside ascii": "余额不足 ä",
    "long": "x" * 100_000,
}
WRITTEN_LATER = {
    "full": ({"message": "m", "kind": "rate_limit", "retryable": True, "status_code": 429}, "m"),
    "a message of blanks": ({"message": " "}, " "),
    "without a message": ({"kind": "auth"}, None),
    "a null message": ({"message": None}, None),
    "a message that is a number": ({"message": 7}, "7"),
    "no object": (["message"], None),
    "a string": ("message", None),
}


_ORGANIZATIONS = table(
    "organizations", column("id", Id), column("name", Text), column("created_at", Timestamp)
)
_USERS = table("users", column("id", Id), column("username", Text), column("created_at", Timestamp))


@pytest.fixture(params=["sqlite", "postgres"])
async def legacy_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database at the first revision."""
    server: PostgresDatabases | None = None
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'legacy.db'}"
    else:
        server = request.getfixturevalue("postgres_server")
        url = await server.create_database()
    await asyncio.to_thread(migrations.upgrade, url, "0001")
    yield url
    if server is not None:
        await server.drop_database(url)


async def test_every_text_is_wrapped_and_null_stays_null(legacy_url: str) -> None:
    await asked(legacy_url, lambda connection: _insert(connection, LEGACY, Text()))

    await asyncio.to_thread(migrations.upgrade, legacy_url)

    expected = {
        key: None if value is None else {"message": value, "kind": "generic"} for key, value in LEGACY.items()
    }
    stored = await asked(legacy_url, _stored)
    assert {key: None if value is None else json.loads(value) for key, value in stored.items()} == expected


async def test_up_and_down_leaves_every_text_as_it_was(legacy_url: str) -> None:
    await asked(legacy_url, lambda connection: _insert(connection, LEGACY, Text()))

    await asyncio.to_thread(migrations.upgrade, legacy_url)
    await asyncio.to_thread(migrations.downgrade, legacy_url, "0001")

    assert await asked(legacy_url, _stored) == LEGACY


async def test_down_keeps_the_message_alone(legacy_url: str) -> None:
    await asyncio.to_thread(migrations.upgrade, legacy_url)
    documents = {key: document for key, (document, _message) in WRITTEN_LATER.items()}
    await asked(legacy_url, lambda connection: _insert(connection, documents, Json()))

    await asyncio.to_thread(migrations.downgrade, legacy_url, "0001")

    messages = {key: message for key, (_document, message) in WRITTEN_LATER.items()}
    assert await asked(legacy_url, _stored) == messages


async def test_tool_calls_of_a_chat_survive_both_ways(legacy_url: str) -> None:
    await asked(legacy_url, lambda connection: _insert(connection, LEGACY, Text()))
    await asked(legacy_url, _insert_tool_calls)

    await asyncio.to_thread(migrations.upgrade, legacy_url)
    await asyncio.to_thread(migrations.downgrade, legacy_url, "0001")

    count = text("SELECT count(*) FROM chat_tool_calls")
    assert await asked(legacy_url, lambda connection: connection.execute(count).scalar()) == len(LEGACY)


def _insert(connection: Connection, errors: Mapping[str, object], kind: TypeEngine[Any]) -> None:
    """A chat with each of these errors, in a column of that type."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    organization, user = uuid.uuid4(), uuid.uuid4()
    connection.execute(insert(_ORGANIZATIONS).values(id=organization, name="acme", created_at=now))
    connection.execute(insert(_USERS).values(id=user, username="ada", created_at=now))
    ids = [column(name, Id) for name in ("id", "owner_id", "organization_id")]
    dates = [column(name, Timestamp) for name in ("created_at", "updated_at")]
    chats = table("chats", *ids, *dates, column("key", Text), column("last_error", kind))
    for key, error in errors.items():
        values = {"id": uuid.uuid4(), "owner_id": user, "organization_id": organization, "key": key}
        moments = {"created_at": now, "updated_at": now}
        connection.execute(insert(chats).values(**values, **moments, last_error=error))


def _insert_tool_calls(connection: Connection) -> None:
    connection.execute(
        text(
            "INSERT INTO chat_tool_calls (chat_id, tool_call_id, tool, request_hash, created_at) "
            "SELECT id, 'call', 'create_workspace', 'hash', created_at FROM chats"
        )
    )


def _stored(connection: Connection) -> dict[str, str | None]:
    rows = connection.execute(text("SELECT key, CAST(last_error AS text) AS last_error FROM chats")).all()
    return {row.key: row.last_error for row in rows}
