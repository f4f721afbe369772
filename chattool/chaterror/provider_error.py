"""``ProviderError``: what a host that speaks HTTP itself raises about an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.chaterror.body import RawBody


class ProviderError(Exception):
    """A provider's answer that is an error. ``str()`` is ``title: message``, never headers or body.

    ``body`` is the parsed object, or what was received, which may still begin with its HTTP head.
    ``retryable`` is the host's own opinion; it is heard where nothing else decides (status 409).
    """

    def __init__(
        self,
        message: str,
        *,
        title: str = "",
        status_code: int = 0,
        headers: Mapping[str, str] | None = None,
        body: RawBody | None = None,
        provider: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.title = title
        self.status_code = status_code
        self.headers = headers
        self.body = body
        self.provider = provider
        self.retryable = retryable

    def __str__(self) -> str:
        return ": ".join(part for part in (self.title.strip(), self.message.strip()) if part)
