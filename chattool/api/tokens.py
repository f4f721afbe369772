"""``/users/{user}/keys/tokens``: what users sign in with."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter

from chattool.api import audit, errors, people
from chattool.api.access import Action, Kind, Target, check
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import UserName, id_of, user_of
from chattool.api.models import people as models
from chattool.api.services import ServicesOf
from db import ids, tokens
from db.errors import NotFound

router = APIRouter(prefix="/users/{user}/keys/tokens", tags=["Tokens"], route_class=SignedInFirst)

_NANOSECONDS = 1000


@router.post("", status_code=201, responses=errors.responses(409))
async def create_token(
    caller: CallerOf, services: ServicesOf, user: UserName, wanted: models.CreateToken
) -> models.NewToken:
    """A new token, shown once."""
    owner = await user_of(services, caller, user)
    check(caller, Action.CREATE, Target(kind=Kind.TOKEN, owner_id=owner.user.id))
    token, key = await services.store.write(
        tokens.create,
        owner.user.id,
        name=wanted.token_name,
        scope=wanted.scope.value,
        lifetime=timedelta(microseconds=wanted.lifetime / _NANOSECONDS),
    )
    audit.note(caller, "token created", user=owner.user.username, new_token_id=token.id, scope=token.scope)
    return models.NewToken(key=key, id=token.id)


@router.get("")
async def list_tokens(caller: CallerOf, services: ServicesOf, user: UserName) -> list[models.Token]:
    """A user's valid tokens, oldest first."""
    owner = await user_of(services, caller, user)
    check(caller, Action.READ, Target(kind=Kind.TOKEN, owner_id=owner.user.id))
    return [people.token(each) for each in await services.store.read(tokens.of_user, owner.user.id)]


@router.delete("/{token}", status_code=204)
async def revoke_token(caller: CallerOf, services: ServicesOf, user: UserName, token: str) -> None:
    """End a token at once."""
    owner = await user_of(services, caller, user)
    check(caller, Action.DELETE, Target(kind=Kind.TOKEN, owner_id=owner.user.id))
    found = await services.store.read(tokens.token, ids.TokenId(id_of(token)))
    if found.user_id != owner.user.id:
        raise NotFound
    await services.store.write(tokens.revoke, found.id)
    audit.note(caller, "token revoked", user=owner.user.username, revoked_token_id=found.id)
