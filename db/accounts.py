"""Users as the HTTP API shows and changes them: with their organizations, by name or id."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, update

from db import ids, tokens
from db import users as user_writes
from db.errors import NotFound, RequestError
from db.records import User
from db.tables import group_members, organization_members, organizations, users

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from db.ids import OrganizationId, UserId
    from db.records import Organization
    from db.statements import Row
    from db.transactions import Connection

#: The role of those who may do everything.
OWNER = "owner"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user with the organizations it belongs to, and its roles there."""

    user: User
    created_at: datetime
    organizations: Mapping[OrganizationId, frozenset[str]]


@dataclass(frozen=True, kw_only=True)
class FirstAccount:
    """The owner of a new site."""

    user: User
    organization: Organization
    key: str = field(repr=False)
    """The text of a token."""


_COLUMNS = (*(users.c[name] for name in User.__dataclass_fields__), users.c.created_at)
_ACCOUNTS = select(
    *_COLUMNS,
    organization_members.c.organization_id,
    organization_members.c.roles.label("organization_roles"),
).outerjoin(organization_members, organization_members.c.user_id == users.c.id)
_BY_ID = _ACCOUNTS.where(users.c.id == bindparam("user"), ~users.c.deleted)
_BY_NAME = _ACCOUNTS.where(func.lower(users.c.username) == func.lower(bindparam("name")), ~users.c.deleted)
_FOUND = ~users.c.deleted & func.lower(users.c.username).contains(
    func.lower(bindparam("part")), autoescape=False
)
_PAGE = (
    select(users.c.id)
    .where(_FOUND)
    .order_by(users.c.username)
    .limit(bindparam("most"))
    .offset(bindparam("skipped"))
)
_LISTED = _ACCOUNTS.where(users.c.id.in_(_PAGE)).order_by(users.c.username)
_COUNT = select(func.count().label("users")).select_from(users).where(_FOUND)
_LIVING = select(users.c.id).where(~users.c.deleted).limit(1)
_SET_ROLES = update(users).where(users.c.id == bindparam("user")).values(roles=bindparam("new_roles"))
_DELETE = update(users).where(users.c.id == bindparam("user"), ~users.c.deleted).values(deleted=True)
_LEAVE_ORGANIZATIONS = delete(organization_members).where(organization_members.c.user_id == bindparam("user"))
_LEAVE_GROUPS = delete(group_members).where(group_members.c.user_id == bindparam("user"))
_LOCK = (
    update(organizations)
    .where(organizations.c.id == bindparam("organization"))
    .values(display_name=organizations.c.display_name)
)
_OWNERS = select(users.c.id, users.c.roles).where(~users.c.deleted, users.c.status == "active")


def account(conn: Connection, reference: str) -> Account:
    """The living user of that name, compared without case, or of that id.

    Raises:
        NotFound: there is none.
    """
    try:
        rows = conn.rows(_BY_ID, user=ids.UserId(UUID(reference)))
    except ValueError:
        rows = []
    # A name may look like an id.
    found = _accounts(rows or conn.rows(_BY_NAME, name=reference))
    if not found:
        raise NotFound
    return found[0]


def listed(conn: Connection, *, part: str, limit: int, offset: int) -> tuple[list[Account], int]:
    """Living users whose names contain ``part``, by name; and how many there are in all."""
    rows = conn.rows(_LISTED, part=part, most=limit, skipped=offset)
    return _accounts(rows), int(conn.scalar(_COUNT, part=part))


def any_user(conn: Connection) -> bool:
    """Whether the database has a living user at all."""
    return conn.first(_LIVING) is not None


def create_first(
    conn: Connection, username: str, *, email: str, scope: str, lifetime: timedelta | None
) -> FirstAccount:
    """The first user, owner of the site in the default organization, with a token.

    Raises:
        RequestError: 409, there are users.
    """
    # Two that come at once: the second waits for the name of the organization, or for SQLite's writer.
    organization = user_writes.ensure_organization(conn)
    conn.run(_LOCK, organization=organization.id)
    if any_user(conn):
        raise set_up_already()
    user = user_writes.create_user(conn, username, [organization.id], email=email, roles=[OWNER])
    _, key = tokens.create(conn, user.id, name="set-up", scope=scope, lifetime=lifetime)
    return FirstAccount(user=user, organization=organization, key=key)


def set_up_already() -> RequestError:
    """The refusal of a second first user."""
    return RequestError(409, "The server has been set up already.")


def set_roles(conn: Connection, user_id: UserId, roles: Sequence[str]) -> None:
    """Give a user other roles on the site.

    Raises:
        RequestError: 409, nobody would be an owner.
    """
    if OWNER not in roles:
        _keep_an_owner(conn, user_id)
    conn.run(_SET_ROLES, user=user_id, new_roles=sorted(set(roles)))


def suspend(conn: Connection, user_id: UserId) -> None:
    """Stop a user's tokens until it is active again.

    Raises:
        RequestError: 409, nobody would be an owner.
    """
    _keep_an_owner(conn, user_id)
    user_writes.set_user_status(conn, user_id, "suspended")


def delete_user(conn: Connection, user_id: UserId) -> None:
    """Remove a user for good: its name becomes free, its tokens end, its builds stay on record.

    Raises:
        NotFound: there is no such user.
        RequestError: 409, nobody would be an owner.
    """
    _keep_an_owner(conn, user_id)
    if not conn.run(_DELETE, user=user_id):
        raise NotFound
    conn.run(_LEAVE_GROUPS, user=user_id)
    conn.run(_LEAVE_ORGANIZATIONS, user=user_id)


def _keep_an_owner(conn: Connection, leaving: UserId) -> None:
    owners = {row.id for row in conn.rows(_OWNERS) if OWNER in row.roles}
    if owners == {leaving}:
        raise RequestError(409, "This is the only owner; make somebody else an owner first.")


def _accounts(rows: Sequence[Row]) -> list[Account]:
    found: dict[UserId, Account] = {}
    memberships: dict[UserId, dict[OrganizationId, frozenset[str]]] = {}
    for row in rows:
        own = memberships.setdefault(row.id, {})
        if row.organization_id is not None:
            own[row.organization_id] = frozenset(row.organization_roles)
        if row.id not in found:
            user = User(**{name: getattr(row, name) for name in User.__dataclass_fields__})
            found[row.id] = Account(user=user, created_at=row.created_at, organizations=own)
    return list(found.values())
