"""A host with one chat on the fake backend."""

from uuid import uuid4

import pytest

from chattool.backend import Chat
from chattool.context import ToolContext
from db.ids import ChatId, OrganizationId, UserId
from tests.unit.chattool.fake_backend import FakeBackend, FakeChats
from tests.unit.chattool.host import Host


@pytest.fixture
def host() -> Host:
    backend = FakeBackend()
    owner_id, organization_id = UserId(uuid4()), OrganizationId(uuid4())
    chat = Chat(
        id=ChatId(uuid4()),
        owner_id=owner_id,
        organization_id=organization_id,
        workspace_id=None,
        build_id=None,
        agent_id=None,
    )
    chats = FakeChats(backend, chat)
    context = ToolContext(
        chat_id=chat.id,
        owner_id=owner_id,
        organization_id=organization_id,
        backend=backend,
        chats=chats,
    )
    host = Host(backend, chats, context, backend.add_template(organization_id))

    async def hear(chat: Chat) -> None:
        host.heard.append(chat)

    host.configure(on_chat_updated=hear)
    return host
