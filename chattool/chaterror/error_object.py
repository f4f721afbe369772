"""What a parsed error body says: its codes, its message, a status in its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chattool.chaterror.body import Document, embedded, is_html, is_object, is_status_text, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTHING: Document = {}
#: A top-level ``type`` that says that this is an error, not which.
_MARKERS = ("error", "response.failed")
_LOWEST_STATUS, _HIGHEST_STATUS = 400, 599


class ErrorObject(NamedTuple):
    """An error body, read. Codes are spelled as sent."""

    document: Document
    error: Document
    """The object inside that holds code and message; may be ``document`` itself, or empty."""
    typed: bool
    """Whether the body itself says that it is an error."""
    codes: tuple[str, ...]
    aws_codes: tuple[str, ...]
    reported_code: str
    stream_code: str
    """What is reported instead when the body came without a status: only code, then type."""
    message: str
    status_code: int
    """A number among the codes that looks like an HTTP status, else 0."""


def read(document: Document) -> ErrorObject:
    """What ``document`` says. A message that is itself an error body is unwrapped, once."""
    outer = _read(document)
    if "{" in outer.message:
        found = embedded(outer.message)
        if found is not None:
            return _unwrapped(outer, _read(found[0]))
    return outer


def _unwrapped(outer: ErrorObject, inner: ErrorObject) -> ErrorObject:
    return ErrorObject(
        document=outer.document,
        error=inner.error or outer.error,
        typed=outer.typed or inner.typed,
        codes=outer.codes + inner.codes,
        aws_codes=outer.aws_codes + inner.aws_codes,
        reported_code=outer.reported_code or inner.reported_code,
        stream_code=outer.stream_code or inner.stream_code,
        message=inner.message or outer.message,
        status_code=outer.status_code or inner.status_code,
    )


def _read(document: Document) -> ErrorObject:
    objects = _error_objects(document)
    error = objects[0] if objects else _NOTHING
    kind = document.get("type")
    marked = isinstance(kind, str) and kind in _MARKERS
    inner = None if marked and error is document else error.get("type")
    own = _strings(error.get("code"), document.get("code"), inner)
    named = own + _strings(error.get("status"), document.get("status"))
    aws = _strings(document.get("Code"), document.get("__type"))
    codes = named if marked or kind is None else named + _strings(kind)
    for one in objects:
        codes = codes + _detail_codes(one)
    return ErrorObject(
        document=document,
        error=error,
        typed=marked,
        codes=tuple(codes),
        aws_codes=tuple(aws),
        reported_code=(named or aws or [""])[0],
        stream_code=(own or aws or [""])[0],
        message=_message(document, error),
        status_code=_status(error) or _status(document),
    )


def _error_objects(document: Document) -> list[Document]:
    """The objects of the body that can hold the error, the most telling first."""
    found = []
    response, data, errors = document.get("response"), document.get("data"), document.get("errors")
    if is_object(error := value_of(document, "error")):
        found.append(error)
    if is_object(response) and is_object(error := value_of(response, "error")):
        found.append(error)
    if is_object(data) and data.get("object") == "error":
        found.append(data)
    if isinstance(errors, list) and errors and is_object(errors[0]):
        found.append(errors[0])
    kind = document.get("type")
    if isinstance(document.get("code"), str) or (
        isinstance(kind, str) and kind != "error" and value_of(document, "message") is not None
    ):
        found.append(document)
    return found


def _detail_codes(error: Document) -> list[str]:
    codes = []
    for items in (error.get("details"), error.get("errors")):
        if items is None:
            continue
        if isinstance(items, list):
            codes += [code for item in _objects(items) for code in _strings(item.get("reason"))]
        elif is_object(items):
            codes += _strings(items.get("error_code"))
    if is_object(metadata := error.get("metadata")):
        codes += _strings(metadata.get("error_type"))
    return codes


def _message(document: Document, error: Document) -> str:
    if message := _sentence(error.get("message")):
        return message
    return next((text for text in _messages(document, error) if text), "")


def _messages(document: Document, error: Document) -> Iterator[str]:
    yield _sentence(value_of(error, "message"))
    yield _sentence(value_of(document, "message"))
    yield _sentence(value_of(document, "error"))
    detail = document.get("detail")
    yield _sentence(detail)
    if is_object(detail):
        yield _sentence(value_of(detail, "error"))
        yield _sentence(value_of(detail, "message"))
    errors = document.get("errors")
    if isinstance(errors, list):
        for item in _objects(errors):
            yield _sentence(value_of(item, "message"))
    answer = document.get("base_resp")
    if is_object(answer):
        yield _sentence(answer.get("status_msg"))
    yield _sentence(document.get("title"))


def _status(fields: Document) -> int:
    for name in ("code", "status", "status_code"):
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, str):
            if is_status_text(value.strip()):
                return int(value)
        elif isinstance(value, int) and _LOWEST_STATUS <= value <= _HIGHEST_STATUS:
            return value
    return 0


def _sentence(value: object) -> str:
    return value.strip() if isinstance(value, str) and not is_html(value) else ""


def _strings(*values: object) -> list[str]:
    return [value for value in values if value is not None and isinstance(value, str) and value.strip()]


def _objects(values: list[object]) -> list[Document]:
    return [value for value in values[:100] if is_object(value)]
