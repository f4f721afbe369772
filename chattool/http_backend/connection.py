"""One user's calls to a server's HTTP API: time-outs, sizes, another try where that is safe."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx
import tenacity
from pydantic import TypeAdapter, ValidationError

from chattool.api_header import API_HEADER
from chattool.http_backend.problems import NotSent, problem_of
from db.clock import jittered
from db.errors import StoreBusy, StoreUnavailable
from provisioner.http_connection import server_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable, Mapping

    from db.clock import Clock

A = TypeVar("A")

JSON, TAR = "application/json", "application/x-tar"
_ANSWER_LIMIT_BYTES = 128 << 20
_ERROR_LIMIT_BYTES = 64 << 10
_CALL_TIMEOUT = timedelta(seconds=30)
_CONNECT_TIMEOUT = timedelta(seconds=10)
_FILE_PATIENCE = timedelta(minutes=5)
#: Servers send a sign of life every 15 s.
_STREAM_SILENCE = timedelta(seconds=45)
_KEEPALIVE = timedelta(seconds=60)
_MOST_IDLE_CONNECTIONS = 20
_ONCE, _READ_TRIES, _WRITE_TRIES = 1, 4, 7
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 3
_TRANSIENT = (StoreUnavailable, StoreBusy)


@dataclass(frozen=True, kw_only=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    patience: timedelta = timedelta()
    """How long the server may take beyond the time-out of a call."""


class ApiConnection:
    """The server at ``url`` as the holder of ``token`` sees it. The token reaches no log and no error.

    Paths begin below ``/api/v2``, or with ``/api/``. Proxies are taken from the environment.

    All calls raise:
        StoreUnavailable, StoreBusy: the server did not answer, or cannot now.
        RequestError: it refuses; ``NotFound`` and ``SignedOut`` are among them.
    """

    def __init__(self, url: str, token: str, clock: Clock) -> None:
        """Raises ``ValueError`` when the URL is none."""
        self.url = server_url(url)
        self.clock = clock
        self.is_chattool = False
        """Whether an answer has shown that the server is one of ours."""
        self._client = httpx.AsyncClient(
            base_url=self.url,
            # Compressed answers could unfold to any size.
            headers={"Coder-Session-Token": token, "Accept-Encoding": "identity"},
            verify=ssl.create_default_context(),
            # What is followed holds a connection each, so their number has no bound of its own.
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=_MOST_IDLE_CONNECTIONS,
                keepalive_expiry=_KEEPALIVE.total_seconds(),
            ),
        )

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def get(self, shape: type[A], path: str, **query: str | int) -> A:
        """What is at ``path``."""
        request = _Request(method="GET", path=path, query=query)
        return self._parsed(shape, await self._sent(request, tries=_READ_TRIES))

    async def download(self, path: str) -> bytes:
        """The file at ``path``."""
        request = _Request(method="GET", path=path, patience=_FILE_PATIENCE)
        return await self._sent(request, tries=_READ_TRIES)

    async def upload(self, shape: type[A], path: str, content: bytes) -> A:
        """The answer to a file, which a server stores once, however often it gets it."""
        request = _Request(
            method="POST",
            path=path,
            content=content,
            headers={"Content-Type": TAR},
            patience=_FILE_PATIENCE,
        )
        return self._parsed(shape, await self._sent(request, tries=_WRITE_TRIES))

    async def post(
        self, shape: type[A], path: str, body: object, *, key: str = "", repeatable: bool = False
    ) -> A:
        """The answer to a request that makes something.

        When its answer is lost it is sent again only if ``repeatable``, or with a ``key`` to a server that
        keeps keys: nothing is made twice.
        """
        headers = {"Content-Type": JSON} | ({"Idempotency-Key": key} if key else {})
        request = _Request(method="POST", path=path, content=_encoded(body), headers=headers)
        safe = repeatable or (bool(key) and self.is_chattool)
        return self._parsed(shape, await self._sent(request, tries=_WRITE_TRIES if safe else _ONCE))

    async def ask(self, path: str, body: object, *, patience: timedelta) -> bytes:
        """The answer to a request that may take ``patience``. It is sent once."""
        headers = {"Content-Type": JSON}
        request = _Request(
            method="POST", path=path, content=_encoded(body), headers=headers, patience=patience
        )
        return await self._sent(request, tries=_ONCE)

    async def put(self, path: str, body: object) -> None:
        """Make it so; to say it twice is the same."""
        headers = {"Content-Type": JSON}
        request = _Request(method="PUT", path=path, content=_encoded(body), headers=headers)
        await self._sent(request, tries=_WRITE_TRIES)

    async def patch(self, shape: type[A], path: str, body: object, *, repeatable: bool = True) -> A:
        """What is at ``path`` after the change."""
        headers = {"Content-Type": JSON}
        request = _Request(method="PATCH", path=path, content=_encoded(body), headers=headers)
        return self._parsed(shape, await self._sent(request, tries=_WRITE_TRIES if repeatable else _ONCE))

    async def delete(self, path: str) -> None:
        """Remove what is at ``path``."""
        await self._sent(_Request(method="DELETE", path=path), tries=_WRITE_TRIES)

    @asynccontextmanager
    async def stream(self, path: str, **query: str | int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The chunks of an answer that goes on as long as the server has something to tell.

        Raises as calls do; ``StoreUnavailable`` also for an answer that is no stream of events.
        """
        timeout = httpx.Timeout(_STREAM_SILENCE.total_seconds(), connect=_CONNECT_TIMEOUT.total_seconds())
        headers = {"Accept": "text/event-stream"}
        try:
            async with self._client.stream(
                "GET", _full(path), params=query, headers=headers, timeout=timeout
            ) as response:
                if not response.is_success:
                    raise await self._problem(response)
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    raise StoreUnavailable(f"{self.url} sends no events here")
                yield response.aiter_raw()
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    async def _sent(self, request: _Request, *, tries: int) -> bytes:
        # What never reached the server has done nothing, so even what is sent once may be sent again.
        kinds = (NotSent,) if tries == _ONCE else _TRANSIENT
        exponential = tenacity.wait_exponential(multiplier=_FIRST_PAUSE_SECONDS, max=_LONGEST_PAUSE_SECONDS)
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(kinds),
            stop=tenacity.stop_after_attempt(max(tries, _READ_TRIES)),
            wait=lambda state: jittered(timedelta(seconds=exponential(state))).total_seconds(),
            sleep=self._sleep,
            reraise=True,
        )

        async def once() -> bytes:
            return await self._once(request)

        return await retrying(once)

    async def _sleep(self, seconds: float) -> None:
        await self.clock.sleep(timedelta(seconds=seconds))

    async def _once(self, request: _Request) -> bytes:
        limit = (_CALL_TIMEOUT + request.patience).total_seconds()
        made = self._client.build_request(
            request.method,
            _full(request.path),
            content=request.content,
            headers=request.headers,
            params=request.query,
            timeout=httpx.Timeout(limit, connect=_CONNECT_TIMEOUT.total_seconds()),
        )
        try:
            # The time-out of the whole: a connection that drips a byte now and then is a dead one, too.
            async with asyncio.timeout(limit):
                response = await self._client.send(made, stream=True)
                try:
                    self.is_chattool = self.is_chattool or API_HEADER in response.headers
                    if not response.is_success:
                        raise await self._problem(response)
                    return await self._content(response, _ANSWER_LIMIT_BYTES)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise StoreUnavailable(f"{self.url} did not answer within {limit:g} s") from None
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    async def _content(self, response: httpx.Response, limit_bytes: int) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > limit_bytes:
                raise StoreUnavailable(f"{self.url} answered with more than {limit_bytes} bytes")
        return bytes(content)

    async def _problem(self, response: httpx.Response) -> Exception:
        content = await self._content(response, _ERROR_LIMIT_BYTES)
        return problem_of(self.url, response.status_code, response.headers, content)

    def _no_answer(self, error: httpx.HTTPError) -> StoreUnavailable:
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        kind = NotSent if unsent else StoreUnavailable
        return kind(f"no answer from {self.url}: {str(error) or type(error).__name__}")

    def _parsed(self, shape: type[A], content: bytes) -> A:
        try:
            found: A = _adapter(cast("Hashable", shape)).validate_json(content or b"null")
        except ValidationError:
            raise StoreUnavailable(f"{self.url} answered with something else than its API does") from None
        return found


@lru_cache(maxsize=64)
def _adapter(shape: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("type[Any]", shape))


def _full(path: str) -> str:
    return path if path.startswith("/api/") else f"/api/v2{path}"


def _encoded(body: object) -> bytes:
    # As ASCII: a lone surrogate, or a NUL, is then no problem for anybody on the way.
    return json.dumps(body, default=str).encode()
