"""One remote daemon's calls to its server: time-outs, TLS, sizes, and what each answer means."""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeVar

import httpx
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json

from db.errors import JobCanceled, LeaseLost, NotFound, RequestError, StoreBusy
from provisioner import wire
from provisioner.errors import AnswerUnreadable, DaemonRefused, ServerUnavailable
from quota import QuotaLockTimeout

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from db.ids import DaemonId

A = TypeVar("A", bound=wire.Answer)

_BASE = "/api/v2" + wire.BASE
#: An archive and some more: nothing that a server answers may fill the memory.
_ANSWER_LIMIT_BYTES = 128 << 20
_ERROR_LIMIT_BYTES = 64 << 10
#: Servers close idle connections after 5 s; the later one of both would meet a closed door.
_KEEPALIVE = timedelta(seconds=4)
_PASSING = frozenset({408, 421, 425, 429})


class HttpConnection:
    """The server at ``url`` as the holder of ``key`` sees it. The key reaches no log and no error.

    Proxies are taken from the environment; ``ca_file`` replaces the system's certificate authorities.
    """

    def __init__(
        self, url: str, key: str, *, most_calls: int, call_timeout: timedelta, ca_file: Path | None = None
    ) -> None:
        """Raises ``OSError`` when ``ca_file`` cannot be read, ``ValueError`` when the URL is none."""
        self.url = server_url(url)
        self.daemon_id: DaemonId | None = None
        self._timeout = call_timeout
        self._client = httpx.AsyncClient(
            base_url=self.url + _BASE,
            # Compressed answers could unfold to any size.
            headers={"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"},
            verify=ssl.create_default_context(cafile=ca_file),
            limits=httpx.Limits(
                max_connections=most_calls,
                max_keepalive_connections=most_calls,
                keepalive_expiry=_KEEPALIVE.total_seconds(),
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def ask(
        self,
        answer: type[A],
        path: str,
        message: wire.Message,
        *,
        patience: timedelta = timedelta(),
    ) -> A | None:
        """The answer to a call, made once; ``None`` when there is nothing to answer.

        ``patience`` is how long the server may take beyond the time-out of a call.

        Raises:
            ServerUnavailable: it did not answer, or not now. What the call did is unknown. Among them
                ``AnswerUnreadable``.
            DaemonRefused: the key is not, or no longer, good for this.
            LeaseLost, JobCanceled: the job is not the caller's any more, or to be cancelled.
            StoreBusy, QuotaLockTimeout: nothing was done.
            NotFound, RequestError: the server does not take this call.
        """
        content = await self._call("POST", path, _encoded(message), patience)
        if not content:
            return None
        try:
            return answer.model_validate_json(content)
        except ValidationError as error:
            problem = wire.problem(error)
            text = f"{self.url} answered with something else than chattool does ({problem})"
            raise AnswerUnreadable(text) from None

    async def tell(self, path: str, message: wire.Message) -> None:
        """Make a call that has no answer. Raises as ``ask``."""
        await self._call("POST", path, _encoded(message), timedelta())

    async def take_back(self, path: str) -> None:
        """Undo what an earlier call asked for. Raises as ``ask``."""
        await self._call("DELETE", path, None, timedelta())

    async def download(self, path: str, *, patience: timedelta) -> bytes:
        """A file. Raises as ``ask``."""
        return await self._call("GET", path, None, patience)

    async def _call(self, method: str, path: str, content: bytes | None, patience: timedelta) -> bytes:
        limit = (self._timeout + patience).total_seconds()
        headers = {"Content-Type": "application/json"} if content is not None else {}
        if self.daemon_id is not None:
            headers[wire.DAEMON_HEADER] = str(self.daemon_id)
        timeout = httpx.Timeout(self._timeout.total_seconds(), read=limit)
        try:
            # The time-out of the whole: a connection that drips a byte now and then is a dead one, too.
            async with asyncio.timeout(limit):
                request = self._client.build_request(
                    method, path, content=content, headers=headers, timeout=timeout
                )
                response = await self._client.send(request, stream=True)
                try:
                    return await self._content(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise ServerUnavailable(f"{self.url} did not answer within {limit:g} s") from None
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise ServerUnavailable(f"no answer from {self.url}: {reason}") from error

    async def _content(self, response: httpx.Response) -> bytes:
        if response.is_success:
            return await self._read(response, _ANSWER_LIMIT_BYTES)
        raise self._problem(response, await self._read(response, _ERROR_LIMIT_BYTES))

    async def _read(self, response: httpx.Response, limit_bytes: int) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > limit_bytes:
                raise ServerUnavailable(f"{self.url} answered with more than {limit_bytes} bytes")
        return bytes(content)

    def _problem(self, response: httpx.Response, content: bytes) -> Exception:
        """What an answer that is no success means."""
        try:
            refusal = wire.Refusal.model_validate_json(content)
        except ValidationError:
            refusal = wire.Refusal()
        if refusal.code in _BY_CODE:
            return _BY_CODE[refusal.code]()
        if refusal.code == QuotaLockTimeout.code:
            return QuotaLockTimeout(timedelta(milliseconds=refusal.waited_ms))
        return self._problem_by_status(response, refusal.message)

    def _problem_by_status(self, response: httpx.Response, message: str) -> Exception:
        status = response.status_code
        if response.is_redirect:
            return RequestError(status, f"{self.url} redirects elsewhere; use the address that it names")
        if status in {401, 403}:
            return DaemonRefused(f"{self.url} refuses: {message or response.reason_phrase}")
        if status in _PASSING or response.is_server_error or not message:
            # Without our kind of body it was a proxy that answered for a server that is away.
            return ServerUnavailable(f"{self.url} answered {status}")
        return NotFound(message) if status == NotFound().status_code else RequestError(status, message)


_BY_CODE = {error.code: error for error in (JobCanceled, LeaseLost, StoreBusy)}


def server_url(url: str) -> str:
    """The URL of a server, without a slash at its end.

    Raises:
        ValueError: it is none; the text says what one is like.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is no URL: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo or parsed.query:
        raise ValueError("the server's URL is like https://chattool.example, without user, password or query")
    return str(parsed).rstrip("/")


def _encoded(message: wire.Message) -> bytes:
    try:
        return message.model_dump_json().encode()
    except (PydanticSerializationError, UnicodeEncodeError):
        # Half a surrogate pair, from a program's broken output: no text that JSON could carry.
        return to_json(_storable(message.model_dump()), bytes_mode="base64", timedelta_mode="float")


def _storable(value: object) -> object:
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case dict():
            return {_storable(key): _storable(each) for key, each in value.items()}
        case list() | tuple():
            return [_storable(each) for each in value]
        case _:
            return value
