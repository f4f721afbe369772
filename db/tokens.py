"""Tokens of the HTTP API. A token is shown once; only the hash of its secret is kept."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, or_, select, update

from db import ids
from db.bearer_secrets import digest, new_secret
from db.errors import NotFound, RequestError, Validation
from db.records import User
from db.tables import api_tokens, organization_members, users
from db.transactions import single_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from db.ids import OrganizationId, TokenId, UserId
    from db.transactions import Connection

PREFIX = "chattool_"
#: How many valid tokens a user may have at once.
MOST_PER_USER = 100
NAME_LIMIT = 64

_USE_IS_NOTED_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Token:
    """What is known of a token, without its secret."""

    id: TokenId
    user_id: UserId
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who presented a valid token."""

    user: User
    roles: Mapping[OrganizationId, frozenset[str]]
    """Roles in each organization whose member the user is."""
    token_id: TokenId
    scope: str
    use_is_noted: bool
    """Whether the token's last use has been written down lately."""


_tokens = api_tokens.c
_TOKEN = select(*(_tokens[name] for name in Token.__dataclass_fields__))
_VALID = _tokens.revoked_at.is_(None) & or_(
    _tokens.expires_at.is_(None), _tokens.expires_at > bindparam("now", type_=_tokens.expires_at.type)
)
_OF_USER = (
    _TOKEN.where(_tokens.user_id == bindparam("user"), _VALID)
    .order_by(_tokens.created_at, _tokens.id)
    .limit(MOST_PER_USER)
)
_BY_ID = _TOKEN.where(_tokens.id == bindparam("token"), _VALID)
_INSERT = insert(api_tokens).values(
    {c: bindparam(c) for c in ("id", "user_id", "name", "digest", "scope", "created_at", "expires_at")}
)
_REVOKE = (
    update(api_tokens)
    .where(_tokens.id == bindparam("token"), _tokens.revoked_at.is_(None))
    .values(revoked_at=bindparam("now"))
)
_USED = update(api_tokens).where(_tokens.id == bindparam("token")).values(last_used_at=bindparam("now"))
_HOLDER = (
    select(
        _tokens.digest,
        _tokens.scope,
        _tokens.last_used_at,
        users.c.id,
        users.c.username,
        users.c.email,
        users.c.status,
        users.c.roles,
        users.c.deleted,
        organization_members.c.organization_id,
        organization_members.c.roles.label("organization_roles"),
    )
    .join(users, users.c.id == _tokens.user_id)
    .outerjoin(organization_members, organization_members.c.user_id == users.c.id)
    .where(_tokens.id == bindparam("token"), _VALID, users.c.status == "active", ~users.c.deleted)
)

_PRUNE = delete(api_tokens).where(
    _tokens.id.in_(
        select(_tokens.id)
        .where(or_(_tokens.expires_at < bindparam("before"), _tokens.revoked_at < bindparam("before")))
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )
)


def create(
    conn: Connection, user_id: UserId, *, name: str, scope: str, lifetime: timedelta | None
) -> tuple[Token, str]:
    """A new token, and the text that proves it, which cannot be had again. ``lifetime`` none: no end.

    Raises:
        RequestError: 400 for a bad name or lifetime, 409 when the user has too many tokens.
    """
    name = name.strip()
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        rule = Validation(field="token_name", detail=f"A name has 1 to {NAME_LIMIT} printable characters.")
        raise RequestError(400, "Invalid token name.", validations=[rule])
    if lifetime is not None and lifetime <= timedelta():
        rule = Validation(field="lifetime", detail="A lifetime is longer than 0.")
        raise RequestError(400, "Invalid token lifetime.", validations=[rule])
    if len(of_user(conn, user_id)) >= MOST_PER_USER:
        raise RequestError(409, f"A user has at most {MOST_PER_USER} tokens; revoke one first.")
    token_id = ids.TokenId(ids.new_id())
    secret = new_secret()
    token = Token(
        id=token_id,
        user_id=user_id,
        name=name,
        scope=scope,
        created_at=conn.now,
        expires_at=None if lifetime is None else conn.now + lifetime,
        last_used_at=None,
    )
    conn.run(
        _INSERT,
        id=token.id,
        user_id=user_id,
        name=name,
        digest=digest(secret),
        scope=scope,
        created_at=token.created_at,
        expires_at=token.expires_at,
    )
    return token, f"{PREFIX}{token_id.hex}_{secret}"


def of_user(conn: Connection, user_id: UserId) -> list[Token]:
    """The user's valid tokens, oldest first."""
    return conn.records(Token, _OF_USER, user=user_id, now=conn.now)


def token(conn: Connection, token_id: TokenId) -> Token:
    """A valid token.

    Raises:
        NotFound: there is none, or it has ended.
    """
    found = conn.record(Token, _BY_ID, token=token_id, now=conn.now)
    if found is None:
        raise NotFound
    return found


@single_write
def revoke(conn: Connection, token_id: TokenId) -> None:
    """End a token at once.

    Raises:
        NotFound: there is none, or it was revoked before.
    """
    if not conn.run(_REVOKE, token=token_id, now=conn.now):
        raise NotFound


def holder(conn: Connection, text: str) -> Holder | None:
    """Whose token ``text`` is; ``None`` when it is no valid token of an active user."""
    token_id, _, secret = text.removeprefix(PREFIX).partition("_")
    if not text.startswith(PREFIX) or len(token_id) != len(UUID(int=0).hex) or not secret:
        return None
    try:
        wanted = ids.TokenId(UUID(hex=token_id))
    except ValueError:
        return None
    rows = conn.rows(_HOLDER, token=wanted, now=conn.now)
    if not rows or not hmac.compare_digest(rows[0].digest, digest(secret)):
        return None
    row = rows[0]
    return Holder(
        user=User(**{name: getattr(row, name) for name in User.__dataclass_fields__}),
        roles={
            each.organization_id: frozenset(each.organization_roles)
            for each in rows
            if each.organization_id is not None
        },
        token_id=wanted,
        scope=row.scope,
        use_is_noted=row.last_used_at is not None and row.last_used_at > conn.now - _USE_IS_NOTED_EVERY,
    )


@single_write
def note_use(conn: Connection, token_id: TokenId) -> None:
    """Write down that a token was used just now."""
    conn.run(_USED, token=token_id, now=conn.now)


def prune(conn: Connection, before: datetime, most: int) -> int:
    """Forget tokens that ended before a moment, so many at most; how many there were."""
    return conn.run(_PRUNE, before=before, most=most)
