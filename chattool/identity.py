"""Who calls: a token becomes a ``Caller``. Used by the HTTP API and by MCP over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from db import tokens
from db.errors import ChattoolError
from provisioner.build_requests import ADMINISTRATOR, AUDITOR, TEMPLATE_ADMINISTRATOR, Initiator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.ids import OrganizationId, TokenId
    from db.records import User
    from db.transactions import Store

#: Roles in one organization, and what they amount to there. Their names are Coder's.
ORGANIZATION_ROLES: Mapping[str, str] = {
    "organization-admin": ADMINISTRATOR,
    "organization-template-admin": TEMPLATE_ADMINISTRATOR,
    "organization-auditor": AUDITOR,
}
#: Roles that hold in every organization.
SITE_ROLES = (ADMINISTRATOR, TEMPLATE_ADMINISTRATOR, AUDITOR)

#: Longer than any token of ours, and short enough to be hashed for anybody.
TOKEN_LIMIT = 256
#: How long the token is valid that comes with a new server's first user.
FIRST_TOKEN_LIFETIME = timedelta(days=30)


class Scope(StrEnum):
    """What a token may be used for."""

    ALL = "all"
    READ = "read"


class Unauthenticated(ChattoolError):
    """No token was given, or it is unknown, has ended, or belongs to a suspended user: one text for all."""

    code = "UNAUTHENTICATED"
    default_message = "You are not signed in, or your token is no longer valid."


@dataclass(frozen=True, kw_only=True)
class Caller:
    """An active user with a valid token, and the rights of both."""

    user: User
    organization_roles: Mapping[OrganizationId, frozenset[str]]
    """Roles of ``ORGANIZATION_ROLES`` in each organization whose member the user is."""
    token_id: TokenId
    scope: Scope

    @property
    def is_owner(self) -> bool:
        """Whether the user may do everything everywhere."""
        return ADMINISTRATOR in self.user.roles

    def is_member(self, organization_id: OrganizationId | None) -> bool:
        """Whether the user belongs to the organization."""
        return organization_id in self.organization_roles

    def roles_in(self, organization_id: OrganizationId | None) -> frozenset[str]:
        """``SITE_ROLES`` that the user has in an organization, by the site or by the organization."""
        own = self.organization_roles.get(organization_id, frozenset()) if organization_id else frozenset()
        return frozenset(self.user.roles) | {
            ORGANIZATION_ROLES[role] for role in own & ORGANIZATION_ROLES.keys()
        }

    def initiator(self, organization_id: OrganizationId) -> Initiator:
        """The caller as who asks for a build in an organization."""
        return Initiator(id=self.user.id, roles=tuple(sorted(self.roles_in(organization_id))))


async def caller_of(store: Store, token: str) -> Caller | None:
    """Whose token it is; ``None`` for one that is unknown, ended, revoked or of a user who is not active.

    Raises:
        StoreBusy, StoreUnavailable: nobody can tell now.
    """
    holder = await store.read(tokens.holder, token)
    # A scope that only a newer server knows grants nothing here.
    if holder is None or holder.scope not in set(Scope):
        return None
    if not holder.use_is_noted:
        await store.write(tokens.note_use, holder.token_id)
    return Caller(
        user=holder.user,
        organization_roles=holder.roles,
        token_id=holder.token_id,
        scope=Scope(holder.scope),
    )
