"""Whether a caller may still see what it follows: a stream may outlive tokens, roles and suspensions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from chattool.api.caller import CallerOf, token_of
from chattool.api.services import Services, ServicesOf
from chattool.identity import caller_of
from db.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate, ParamSpec

    from chattool.identity import Caller
    from db.transactions import Connection

    P = ParamSpec("P")

#: For how long a right that has ended may still be used.
RENEWED_EVERY = timedelta(seconds=10)


class Standing:
    """The signed-in caller of a stream, whose rights are looked at again from time to time."""

    def __init__(self, services: Services, token: str) -> None:
        self._services = services
        self._token = token
        self._seen_at = services.clock.monotonic()

    async def holds(
        self, check: Callable[Concatenate[Connection, Caller, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> bool:
        """Whether ``check`` lets the caller through, as of at most ``RENEWED_EVERY`` ago.

        The route itself has checked before.

        Raises:
            StoreBusy, StoreUnavailable: nobody can tell now.
        """
        now = self._services.clock.monotonic()
        if now - self._seen_at < RENEWED_EVERY:
            return True
        caller = await caller_of(self._services.store, self._token)
        if caller is None:
            return False
        try:
            await self._services.store.read(check, caller, *args, **kwargs)
        except RequestError:
            return False
        self._seen_at = now
        return True


def _standing(connection: HTTPConnection, services: ServicesOf, _signed_in: CallerOf) -> Standing:
    return Standing(services, token_of(connection.headers))


StandingOf = Annotated[Standing, Depends(_standing)]
