"""Keys of remote daemons: ``/organizations/{organization}/provisionerkeys``. For administrators."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from chattool.api import audit, errors, people
from chattool.api.access import Action, Kind, Target, check
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import OrganizationName, organization_of
from chattool.api.services import Services, ServicesOf
from chattool.identity import Caller
from db import provisioner_keys
from db.errors import Conflict, NotFound
from db.ids import OrganizationId
from db.records import ProvisionerKey
from provisioner import wire

router = APIRouter(
    prefix="/organizations/{organization}/provisionerkeys", tags=["Provisioners"], route_class=SignedInFirst
)


class NewKey(BaseModel):
    """What a key is to be."""

    model_config = ConfigDict(extra="forbid")

    name: str
    tags: wire.Tags = Field(default_factory=dict)


class CreatedKey(BaseModel):
    """A new key, shown this once."""

    key: str


class KeyInfo(BaseModel):
    """A key as it may be seen later."""

    id: str
    name: str
    tags: dict[str, str]
    created_at: datetime
    revoked_at: datetime | None = None


@router.post("", status_code=201, responses=errors.responses(409))
async def create_provisioner_key(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, wanted: NewKey
) -> CreatedKey:
    """A new key, shown this once."""
    organization_id = await _ruled(services, caller, organization, Action.CREATE)
    people.check_name(wanted.name, "key")
    try:
        _, secret = await services.store.write(
            provisioner_keys.create, organization_id, wanted.name, wanted.tags
        )
    except Conflict as conflict:
        raise people.name_taken(wanted.name, "Key") from conflict
    audit.note(caller, "provisioner key created", key=wanted.name)
    return CreatedKey(key=secret)


@router.get("")
async def list_provisioner_keys(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName
) -> list[KeyInfo]:
    """The keys of an organization, revoked ones included, without their secrets."""
    organization_id = await _ruled(services, caller, organization, Action.READ)
    return [_info(key) for key in await services.store.read(provisioner_keys.listed, organization_id)]


@router.delete("/{key}", status_code=204)
async def revoke_provisioner_key(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, key: str
) -> None:
    """End a key, by its name. Its daemons are refused from now on."""
    organization_id = await _ruled(services, caller, organization, Action.DELETE)
    if "\0" in key or not await services.store.write(provisioner_keys.revoke, organization_id, key):
        raise NotFound
    audit.note(caller, "provisioner key revoked", key=key)


async def _ruled(services: Services, caller: Caller, reference: str, action: Action) -> OrganizationId:
    """The organization, whose daemons the caller rules.

    Raises:
        NotFound, RequestError: there is none, or the caller may not.
    """
    found = await organization_of(services, caller, reference)
    check(caller, action, Target(kind=Kind.PROVISIONER_KEY, organization_id=found.id))
    return found.id


def _info(key: ProvisionerKey) -> KeyInfo:
    return KeyInfo(
        id=str(key.id),
        name=key.name,
        tags=dict(key.tags),
        created_at=key.created_at,
        revoked_at=key.revoked_at,
    )
