"""Users, organizations, groups, quota and tokens on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from chattool.api.models.wire import Absent, Wanted, Wire
from chattool.identity import Scope
from db import names, tokens

_MAX_ALLOWANCE = 1 << 52  # JSON numbers are exact up to here everywhere
_Name = Annotated[str, Field(max_length=names.MAX_LENGTH, description=names.RULE)]
#: A name or an id.
_Reference = Annotated[str, Field(max_length=64)]
_Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]


class Role(Wire):
    """A role of a user."""

    name: str
    display_name: str


class MinimalUser(Wire):
    """A user, in the list of a group's members."""

    id: UUID
    username: str


class User(Wire):
    """A person or a service."""

    id: UUID
    username: str
    name: str
    """The full name; empty when not known."""
    email: str
    created_at: datetime
    status: str
    """`active` or `suspended`."""
    organization_ids: Sequence[UUID]
    roles: Sequence[Role]
    """Roles on the whole site: `owner`, `template-admin`, `auditor`."""


class Users(Wire):
    """A page of users."""

    users: Sequence[User]
    count: int
    """How many there are in all."""


class CreateUser(Wanted):
    """Who is to be added."""

    username: _Name
    email: _Text = ""
    organization_ids: Annotated[Sequence[UUID], Field(max_length=100)] = ()
    """Which organizations they join; by default the default one."""
    roles: Annotated[Sequence[str], Field(max_length=10)] = ()


class CreateFirstUser(Wanted):
    """Who becomes the owner of a new server."""

    username: _Name
    email: _Text = ""
    setup_code: Annotated[str, Field(max_length=tokens.NAME_LIMIT * 4)]
    """What the server printed on its log when it found no users, or `CHATTOOL_SETUP_CODE`."""


class FirstUser(Wire):
    """The owner of a new server and the token to go on with."""

    user_id: UUID
    organization_id: UUID
    key: str
    """Shown once."""


class RolesWanted(Wanted):
    """Roles instead of those of before."""

    roles: Annotated[Sequence[str], Field(max_length=10)]


class CreateToken(Wanted):
    """A token to be made."""

    token_name: Annotated[str, Field(max_length=tokens.NAME_LIMIT)] = "token"  # noqa: S105 - a name
    lifetime: Annotated[
        int, Field(gt=0, le=timedelta(days=365 * 100) // timedelta(microseconds=1) * 1000)
    ] = timedelta(days=30) // timedelta(microseconds=1) * 1000
    """In nanoseconds, as in Coder; by default 30 days."""
    scope: Scope = Scope.ALL
    """`read` makes a token that changes nothing."""


class Token(Wire):
    """A token without its secret."""

    id: UUID
    user_id: UUID
    token_name: str
    scope: Scope
    created_at: datetime
    expires_at: Absent[datetime] = None
    """Absent: it does not end by itself."""
    last_used: Absent[datetime] = None
    """To within ten minutes."""


class NewToken(Wire):
    """A token, shown once."""

    key: str
    id: UUID


class Organization(Wire):
    """A tenant: users, groups, templates and daemons belong to it."""

    id: UUID
    name: str
    display_name: str
    is_default: bool


class CreateOrganization(Wanted):
    """An organization to be made."""

    name: _Name
    display_name: _Text = ""


class Member(Wire):
    """A user in an organization."""

    user_id: UUID
    username: str
    organization_id: UUID
    roles: Sequence[Role]
    """`organization-admin`, `organization-template-admin`, `organization-auditor`."""


class Group(Wire):
    """A group of an organization; its allowance counts for each of its members."""

    id: UUID
    """The group Everyone has the id of its organization."""
    organization_id: UUID
    name: str
    display_name: str
    quota_allowance: int
    """Credits a day."""
    members: Sequence[MinimalUser]
    """Only where one group is asked for; see `total_member_count`."""
    total_member_count: int


class CreateGroup(Wanted):
    """A group to be made."""

    name: _Name
    display_name: _Text = ""
    quota_allowance: Annotated[int, Field(ge=0, le=_MAX_ALLOWANCE)] = 0


class ChangeGroup(Wanted):
    """What is to be changed about a group."""

    name: _Name | None = None
    display_name: _Text | None = None
    quota_allowance: Annotated[int | None, Field(ge=0, le=_MAX_ALLOWANCE)] = None
    add_users: Annotated[Sequence[_Reference], Field(max_length=1000)] = ()
    """Names or ids."""
    remove_users: Annotated[Sequence[_Reference], Field(max_length=1000)] = ()
    """Names or ids."""


class WorkspaceQuota(Wire):
    """Credits per day of one user in one organization."""

    credits_consumed: int
    budget: int
    """The sum of the allowances of the user's groups; -1 when no quota is enforced."""
