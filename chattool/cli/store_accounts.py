"""Groups, users, tokens and keys in a database, as commands look after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.cli.lookup_texts import no_group
from db import provisioner_keys, tokens, users
from db.errors import Conflict, NotFound, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from db.ids import OrganizationId, TokenId
    from db.records import Group, Organization, ProvisionerKey, User
    from db.tokens import Token
    from db.transactions import Connection, Store


class StoreAccounts:
    """The part of ``Operations`` on a database that is about people and what they may do."""

    def __init__(self, store: Store, organization: Organization, user: User) -> None:
        self._store = store
        self._organization = organization
        self._organization_id = organization.id
        self._user = user

    async def groups(self) -> Sequence[Group]:
        return await self._store.read(users.list_groups, self._organization_id)

    async def set_allowance(self, group: str, credits_per_day: int) -> Group:
        return await self._store.write(_set_allowance, self._organization_id, group, credits_per_day)

    async def users(self) -> Sequence[User]:
        return await self._store.read(users.list_users, self._organization_id)

    async def add_user(self, name: str, roles: Sequence[str]) -> User:
        try:
            return await self._store.write(users.create_user, name, [self._organization_id], roles=roles)
        except Conflict as error:
            raise RequestError(409, f"user {name!r} exists already") from error

    async def create_token(self, name: str, *, scope: str, lifetime: timedelta | None) -> tuple[TokenId, str]:
        token, key = await self._store.write(
            tokens.create, self._user.id, name=name, scope=scope, lifetime=lifetime
        )
        return token.id, key

    async def tokens(self) -> Sequence[Token]:
        return await self._store.read(tokens.of_user, self._user.id)

    async def revoke_token(self, token_id: TokenId) -> None:
        await self._store.write(tokens.revoke, token_id)

    async def create_key(self, name: str, tags: Mapping[str, str]) -> tuple[ProvisionerKey, str]:
        return await self._store.write(provisioner_keys.create, self._organization_id, name, tags)

    async def keys(self) -> Sequence[tuple[ProvisionerKey, int]]:
        return await self._store.read(_keys, self._organization_id)

    async def revoke_key(self, name: str) -> None:
        if not await self._store.write(provisioner_keys.revoke, self._organization_id, name):
            raise NotFound(f"no valid key {name!r}; see: chattool keys list")


def _set_allowance(
    conn: Connection, organization_id: OrganizationId, name: str, credits_per_day: int
) -> Group:
    group = users.group_by_name(conn, organization_id, name)
    if group is None:
        raise no_group(name, [each.name for each in users.list_groups(conn, organization_id)])
    users.set_allowance(conn, group.id, credits_per_day)
    changed = users.group_by_name(conn, organization_id, name)
    assert changed is not None  # noqa: S101 - it was there a moment ago
    return changed


def _keys(conn: Connection, organization_id: OrganizationId) -> list[tuple[ProvisionerKey, int]]:
    daemons = provisioner_keys.daemons_per_key(conn, organization_id)
    return [(key, daemons.get(key.id, 0)) for key in provisioner_keys.listed(conn, organization_id)]
