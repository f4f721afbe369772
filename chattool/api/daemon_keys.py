"""Keys of remote daemons: ``/organizations/{org}/provisionerkeys``."""

# Annotations are evaluated at once here: they name the dependency that a router is given.

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from db import names, provisioner_keys
from db.errors import NotFound, RequestError, Validation
from db.ids import OrganizationId
from db.records import ProvisionerKey
from db.transactions import Store
from provisioner import wire

#: The organization of the path, once the caller has been found to rule its daemons.
Authorise = Callable[..., Awaitable[OrganizationId]]


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


def daemon_keys_router(store: Store, authorise: Authorise) -> APIRouter:
    """The keys' paths, below the base path of the API.

    ``authorise`` is a dependency with the path's ``organization``: it answers the organization's id, or
    raises what an unauthorized caller is told.
    """
    router = APIRouter(prefix="/organizations/{organization}/provisionerkeys", tags=["provisioner daemons"])

    @router.post("", status_code=201)
    async def create(
        body: NewKey, organization_id: Annotated[OrganizationId, Depends(authorise)]
    ) -> CreatedKey:
        if not names.is_valid(body.name):
            wrong = Validation(field="name", detail=f"A name has {names.RULE}.")
            raise RequestError(400, "The key cannot have this name.", validations=[wrong])
        _, secret = await store.write(provisioner_keys.create, organization_id, body.name, body.tags)
        return CreatedKey(key=secret)

    @router.get("")
    async def listed(organization_id: Annotated[OrganizationId, Depends(authorise)]) -> list[KeyInfo]:
        return [_info(key) for key in await store.read(provisioner_keys.listed, organization_id)]

    @router.delete("/{name}", status_code=204)
    async def revoke(name: str, organization_id: Annotated[OrganizationId, Depends(authorise)]) -> None:
        if not await store.write(provisioner_keys.revoke, organization_id, name):
            raise NotFound

    return router


def _info(key: ProvisionerKey) -> KeyInfo:
    return KeyInfo(
        id=str(key.id),
        name=key.name,
        tags=dict(key.tags),
        created_at=key.created_at,
        revoked_at=key.revoked_at,
    )
