"""The failure of a chat's last turn, kept in ``chats.last_error`` until the next turn begins."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chattool.chaterror import classify, decode_last_error, encode_last_error
from db import chats

if TYPE_CHECKING:
    from chattool.chaterror import ClassifiedError
    from db.ids import ChatId
    from db.transactions import Store

log = logging.getLogger(__name__)


async def record_chat_error(
    store: Store, chat_id: ChatId, error: BaseException, *, provider: str | None = None
) -> ClassifiedError:
    """The classification of ``error``, which is logged in full and kept as the chat's last failure.

    Raises:
        NotFound: no such chat.
    """
    found = classify(error, provider=provider)
    keys = {
        "action": "chat_error",
        "chat_id": chat_id,
        "kind": found.kind,
        "retryable": found.retryable,
        "evidence": found.evidence,
    }
    log.error("a model call failed", exc_info=error, extra=keys)
    document = encode_last_error(error if found.is_empty else found)
    await store.write(chats.set_last_error, chat_id, document)
    return found


async def clear_chat_error(store: Store, chat_id: ChatId) -> None:
    """Forget the chat's last failure.

    Raises:
        NotFound: no such chat.
    """
    await store.write(chats.set_last_error, chat_id, None)


async def chat_error(store: Store, chat_id: ChatId) -> ClassifiedError | None:
    """The chat's last failure, whatever wrote it; ``None`` without one.

    Raises:
        NotFound: no such chat.
    """
    found = await store.read(chats.chat, chat_id)
    return decode_last_error(found.last_error)
