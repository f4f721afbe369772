"""Groups, users, tokens and keys of a server, as commands look after them over HTTP."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from chattool.cli import http_records
from chattool.cli.command import WrongUsage
from chattool.cli.http_lookup import part
from chattool.cli.lookup_texts import NO_USER, no_group
from chattool.http_backend import shapes
from chattool.starter import DEFAULT_USER
from db import ids
from db.errors import NotFound, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.http_backend import Remote
    from db.ids import TokenId
    from db.records import Group, ProvisionerKey, User
    from db.tokens import Token

_PAGE = 1000
_MOST_PAGES = 100
_MICROSECOND = timedelta(microseconds=1)


class HttpAccounts:
    """The part of ``Operations`` on a server that is about people and what they may do."""

    def __init__(self, remote: Remote, user: str) -> None:
        self._remote = remote
        self._connection = remote.connection
        self._backend = remote.backend
        own = {DEFAULT_USER, remote.user.username.lower()}
        self._user = DEFAULT_USER if user.lower() in own else user
        self._organization = f"/organizations/{remote.organization.id}"

    @classmethod
    async def of(cls, remote: Remote, user: str) -> Self:
        """The operations, if the user is known.

        Raises:
            NotFound: there is no such user, or the token's user may not look at it.
        """
        made = cls(remote, user)
        if made._user != DEFAULT_USER:
            try:
                await remote.connection.get(shapes.User, f"/users/{part(user)}")
            except NotFound as error:
                raise NotFound(NO_USER.format(user)) from error
        return made

    async def groups(self) -> Sequence[Group]:
        found = await self._connection.get(list[shapes.Group], f"{self._organization}/groups")
        return [http_records.group(each) for each in found]

    async def set_allowance(self, group: str, credits_per_day: int) -> Group:
        known = await self.groups()
        for found in known:
            if found.name.lower() == group.lower():
                body = {"quota_allowance": credits_per_day}
                return http_records.group(
                    await self._connection.patch(shapes.Group, f"/groups/{found.id}", body)
                )
        raise no_group(group, [each.name for each in known])

    async def users(self) -> Sequence[User]:
        found: list[shapes.User] = []
        for _ in range(_MOST_PAGES):
            page = await self._connection.get(shapes.Users, "/users", limit=_PAGE, offset=len(found))
            found += page.users
            if not page.users or len(found) >= page.count:
                break
        return [http_records.user(each) for each in found]

    async def add_user(self, name: str, roles: Sequence[str]) -> User:
        body = {"username": name, "roles": list(roles)}
        try:
            return http_records.user(await self._connection.post(shapes.User, "/users", body))
        except RequestError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            raise RequestError(HTTPStatus.CONFLICT, f"user {name!r} exists already") from error

    async def create_token(self, name: str, *, scope: str, lifetime: timedelta | None) -> tuple[TokenId, str]:
        if lifetime is None:
            raise WrongUsage("a server makes no tokens without an end; give --days")
        body = {"token_name": name, "scope": scope, "lifetime": lifetime // _MICROSECOND * 1000}
        path = f"/users/{part(self._user)}/keys/tokens"
        made = await self._connection.post(shapes.NewToken, path, body)
        return ids.TokenId(made.id), made.key

    async def tokens(self) -> Sequence[Token]:
        path = f"/users/{part(self._user)}/keys/tokens"
        return [http_records.token(each) for each in await self._connection.get(list[shapes.Token], path)]

    async def revoke_token(self, token_id: TokenId) -> None:
        await self._connection.delete(f"/users/{part(self._user)}/keys/tokens/{token_id}")

    async def create_key(self, name: str, tags: Mapping[str, str]) -> tuple[ProvisionerKey, str]:
        path = f"{self._organization}/provisionerkeys"
        made = await self._connection.post(shapes.NewKey, path, {"name": name, "tags": dict(tags)})
        key = next(key for key, _ in await self.keys() if key.name == name and key.revoked_at is None)
        return key, made.key

    async def keys(self) -> Sequence[tuple[ProvisionerKey, int]]:
        found = await self._connection.get(
            list[shapes.ProvisionerKey], f"{self._organization}/provisionerkeys"
        )
        daemons = await self._connection.get(list[shapes.Daemon], f"{self._organization}/provisionerdaemons")
        holders = [daemon.key_id for daemon in daemons]
        organization_id = self._remote.organization_id
        return [(http_records.key(each, organization_id), holders.count(each.id)) for each in found]

    async def revoke_key(self, name: str) -> None:
        try:
            await self._connection.delete(f"{self._organization}/provisionerkeys/{part(name)}")
        except NotFound as error:
            raise NotFound(f"no valid key {name!r}; see: chattool keys list") from error
