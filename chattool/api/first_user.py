"""``/users/first``: how a new server gets its owner."""

from __future__ import annotations

from fastapi import APIRouter, Request

from chattool.api import audit, errors, people
from chattool.api.models import people as models
from chattool.api.models.wire import Message
from chattool.api.services import ServicesOf
from chattool.identity import FIRST_TOKEN_LIFETIME, Scope
from db import accounts
from db.errors import RequestError, Validation

router = APIRouter(prefix="/users/first", tags=["Users"])


@router.get("")
async def first_user(services: ServicesOf) -> Message:
    """Whether the server has been set up: 404 means that it has no user yet."""
    if not await services.store.read(accounts.any_user):
        raise RequestError(404, "The initial user has not been created!")
    return Message(message="The initial user has already been created!")


@router.post("", status_code=201, responses=errors.responses(409))
async def create_first_user(
    request: Request, services: ServicesOf, wanted: models.CreateFirstUser
) -> models.FirstUser:
    """Become the owner of a new server, with the code from its log or `CHATTOOL_SETUP_CODE`."""
    services.failures.check(request.client, services.clock)
    if await services.store.read(accounts.any_user):
        raise accounts.set_up_already()
    if not services.setup_code.matches(wanted.setup_code):
        services.failures.note(request.client, services.clock)
        wrong = Validation(field="setup_code", detail="This is not the set-up code of this server.")
        raise RequestError(403, "Wrong set-up code.", validations=[wrong])
    people.check_name(wanted.username, "user", "username")
    first = await services.store.write(
        accounts.create_first,
        wanted.username,
        email=wanted.email,
        scope=Scope.ALL.value,
        lifetime=FIRST_TOKEN_LIFETIME,
    )
    audit.note(None, "first user created", user=first.user.username)
    return models.FirstUser(user_id=first.user.id, organization_id=first.organization.id, key=first.key)
