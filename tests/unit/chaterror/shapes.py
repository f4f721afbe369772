"""Exceptions shaped like those of the SDKs, and short names for the cases of the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool.chaterror import ProviderError, classify

if TYPE_CHECKING:
    from collections.abc import Mapping


def raised(name: str, text: str = "", **attributes: object) -> Exception:
    """An exception of a class called ``name``, with these attributes."""
    cls: type[Exception] = type(name, (Exception,), {})
    error = cls(text) if text else cls()
    for key, value in attributes.items():
        setattr(error, key, value)
    return error


def answered(
    status_code: int = 0,
    body: Mapping[str, object] | str | bytes | None = None,
    *,
    text: str = "x",
    provider: str = "",
    headers: Mapping[str, str] | None = None,
    retryable: bool | None = None,
) -> ProviderError:
    """A provider's answer, as a host reports it."""
    return ProviderError(
        text, status_code=status_code, body=body, provider=provider, headers=headers, retryable=retryable
    )


def coded(code: str, message: str = "m") -> dict[str, object]:
    """The usual error body."""
    return {"error": {"code": code, "message": message}}


def said(message: str) -> dict[str, object]:
    """An error body without a code."""
    return {"error": {"message": message}}


@dataclass(frozen=True)
class Response:
    """What HTTP clients hang on their exceptions."""

    status_code: int = 0
    headers: Mapping[str, str] | None = None
    text: object = ""
    url: str = ""


def row(error: BaseException | None, *, provider: str | None = None) -> str:
    """The row of evidence that decided."""
    return classify(error, provider=provider).evidence.partition(":")[0]


def verdict(error: BaseException | None, *, provider: str | None = None) -> tuple[str, str, bool]:
    """Row, kind and retry."""
    found = classify(error, provider=provider)
    return found.evidence.partition(":")[0], found.kind, found.retryable
