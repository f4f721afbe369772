"""Users and organizations named in a path, as far as the caller may see them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Path, Query

from chattool.api.access import Action, Kind, Target, check
from chattool.api.models.wire import storable
from chattool.api.services import Services
from chattool.identity import Caller
from db import accounts, organizations
from db.accounts import Account
from db.errors import NotFound
from db.records import Organization

_REFERENCE_LIMIT = 64

UserName = Annotated[str, Path(max_length=_REFERENCE_LIMIT, description="`me`, a name or an id.")]
OrganizationName = Annotated[
    str, Path(max_length=_REFERENCE_LIMIT, description="`default`, a name or an id.")
]
Limit = Annotated[int, Query(ge=0, le=1000, description="At most so many; 0 for the default.")]
Offset = Annotated[int, Query(ge=0, le=1 << 31, description="Leave out so many at the beginning.")]
DEFAULT_LIMIT = 100


async def user_of(services: Services, caller: Caller, reference: str) -> Account:
    """The user that the caller named. It may be anybody: check what is to be done with it.

    Raises:
        NotFound: there is no such user.
    """
    if not storable(reference):
        raise NotFound
    return await services.store.read(
        accounts.account, str(caller.user.id) if reference == "me" else reference
    )


async def organization_of(services: Services, caller: Caller, reference: str) -> Organization:
    """The organization that the caller named, and may look into.

    Raises:
        NotFound: there is none, or the caller is no member.
    """
    if not storable(reference):
        raise NotFound
    organization = await services.store.read(organizations.organization, reference)
    check(caller, Action.READ, Target(kind=Kind.ORGANIZATION, organization_id=organization.id))
    return organization


def id_of(text: str) -> UUID:
    """An id in a path; what is none names nothing.

    Raises:
        NotFound: it is no id.
    """
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
