"""The facts that one exception carries, found by the names of its attributes.

Any attribute may be missing, have another type, or raise when it is read; then it is absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from chattool.chaterror import body as bodies
from chattool.chaterror.body import Body, is_object
from chattool.chaterror.class_names import ATTRIBUTES
from chattool.chaterror.moments import bounded
from chattool.chaterror.provider_error import ProviderError

if TYPE_CHECKING:
    from chattool.chaterror.class_facts import ClassFacts

HeaderMap: TypeAlias = Mapping[str, object]
Attributes: TypeAlias = dict[str, object]

_REPORTED_CODES = ("provider_error_code", "code", "type")
_MATCHED_CODES = (*_REPORTED_CODES, "error_code", "provider_error_type", "status")
_LOWEST_STATUS, _HIGHEST_STATUS = 400, 599
_MOST_HEADERS = 200
_NOTHING: HeaderMap = {}


class Facts(NamedTuple):
    """What one exception says about the answer that caused it."""

    status: int = 0
    body: Body | None = None
    headers: tuple[HeaderMap, ...] = ()
    codes: tuple[str, ...] = ()
    """What the attributes for codes hold."""
    reported_code: str = ""
    retry_after: timedelta | None = None
    retryable: bool | None = None
    provider: str = ""
    host: str = ""

    @property
    def has_structure(self) -> bool:
        """Whether any part of an answer was found."""
        return bool(self.body or self.status or self.headers or self.codes)


NO_FACTS = Facts()


def facts(error: BaseException, classes: ClassFacts) -> Facts:
    """The facts of ``error`` alone, not of its causes."""
    if type(error) is ProviderError:
        return _stated(error)
    names = classes.attributes
    if error.__dict__:
        names = names.union(ATTRIBUTES.intersection(error.__dict__))
    if not names:
        return NO_FACTS
    found: Attributes = {}
    for name in names:
        value = _attribute(error, name)
        if value is not None:
            found[name] = value
    return _facts(error, found) if found else NO_FACTS


def _stated(error: ProviderError) -> Facts:
    """What a host states, which need not be looked for."""
    return Facts(
        status=_status_number(error.status_code),
        body=_first_body([error.body]),
        headers=() if error.headers is None else (error.headers,),
        retryable=error.retryable if isinstance(error.retryable, bool) else None,
        provider=_stripped(error.provider),
    )


def _facts(error: BaseException, found: Attributes) -> Facts:
    response, raw = found.get("response"), found.get("raw_response")
    aws, metadata = _NOTHING, _NOTHING
    if is_object(response):
        aws = response
        if is_object(stated := response.get("ResponseMetadata")):
            metadata = stated
    codes = [
        (name, value)
        for name in _MATCHED_CODES
        if name in found and isinstance(value := found[name], str) and value.strip() and value != "error"
    ]
    return Facts(
        _status(found, response, raw, metadata),
        _first_body(_raw_bodies(found, response, aws)),
        _header_maps(found, response, raw, metadata),
        tuple([value for _, value in codes]),
        next((value for name, value in codes if name in _REPORTED_CODES), "") if codes else "",
        _duration(found["retry_after"]) if "retry_after" in found else None,
        _flag(found),
        (_text(found, "provider") if isinstance(error, ProviderError) else "")
        or _text(found, "llm_provider"),
        _host(found.get("request"), response),
    )


def _flag(found: Attributes) -> bool | None:
    for name in ("retryable", "is_retryable"):
        if isinstance(flag := found.get(name), bool):
            return flag
    return None


def _attribute(owner: object, name: str) -> object:
    try:
        return getattr(owner, name, None)
    except Exception:  # noqa: BLE001 - a property may raise anything, as that of an unread stream does
        return None


def _text(found: Attributes, name: str) -> str:
    return _stripped(found.get(name))


def _stripped(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _status(found: Attributes, response: object, raw: object, metadata: HeaderMap) -> int:
    for name in ("status_code", "status", "code", "http_status"):
        if name in found and (number := _status_number(found[name])):
            return number
    if response is not None:
        for name in ("status_code", "status"):
            if number := _status_number(_attribute(response, name)):
                return number
    if raw is not None and (number := _status_number(_attribute(raw, "status_code"))):
        return number
    return _status_number(metadata.get("HTTPStatusCode"))


def _status_number(value: object) -> int:
    # True is below; the members of an enum become numbers.
    return int(value) if isinstance(value, int) and _LOWEST_STATUS <= value <= _HIGHEST_STATUS else 0


def _header_maps(
    found: Attributes, response: object, raw: object, metadata: HeaderMap
) -> tuple[HeaderMap, ...]:
    candidates = (
        found.get("headers"),
        _attribute(response, "headers") if response is not None else None,
        _attribute(raw, "headers") if raw is not None else None,
        found.get("litellm_response_headers"),
        metadata.get("HTTPHeaders"),
    )
    return tuple([one for one in candidates if one is not None and is_object(one)])


def merged_headers(maps: list[HeaderMap]) -> dict[str, str]:
    """All headers, names in lower case; what stands in an earlier map wins."""
    merged: dict[str, str] = {}
    for one in maps:
        for count, (name, value) in enumerate(one.items()):
            if count >= _MOST_HEADERS:
                break
            merged.setdefault(_header_text(name).lower(), _header_text(value))
    return merged


def _header_text(value: object) -> str:
    if isinstance(value, str):
        return value[:1024].strip()
    if isinstance(value, bytes):
        return value[:1024].decode("latin-1").strip()
    return str(value) if isinstance(value, int | float) else ""


def _first_body(raw_bodies: Iterable[object]) -> Body | None:
    for raw in raw_bodies:
        try:
            body = bodies.read(raw)
        except Exception:  # noqa: BLE001 - a foreign mapping may raise anything
            body = None
        if body is not None:
            return body
    return None


def _raw_bodies(found: Attributes, response: object, aws: HeaderMap) -> Iterator[object]:
    yield found.get("body")
    details = found.get("details")
    if is_object(details) or (isinstance(details, str) and is_object(bodies.parsed(details))):
        yield details
    yield aws.get("Error")
    # The text of a requests response that was not read would be fetched now.
    if response is not None and _attribute(response, "_content_consumed") is not False:
        text = _attribute(response, "text")
        yield text if isinstance(text, str) else None


def _duration(value: object) -> timedelta | None:
    if isinstance(value, timedelta):
        return bounded(value.total_seconds())
    return bounded(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _host(request: object, response: object) -> str:
    if request is None and response is None:
        return ""
    for owner in (request, _attribute(response, "request"), response):
        url = _attribute(owner, "url")
        if url is not None:
            try:
                return urlsplit(str(url)[:4096]).hostname or ""
            except Exception:  # noqa: BLE001 - a foreign URL object
                return ""
    return ""
