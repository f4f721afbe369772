"""The provider's own words: one line, bounded, without credentials."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from chattool.chaterror import error_object
from chattool.chaterror.body import LIMIT, embedded
from chattool.chaterror.provider_error import ProviderError
from chattool.chaterror.signals import one_line

if TYPE_CHECKING:
    from chattool.chaterror.answer import Answer
    from chattool.chaterror.signals import Signals

LONGEST = 500
BLOCKED = "The request was blocked by a gateway or proxy."

_URL = re.compile(r"https?://[^\s\"'<>]{1,4000}", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(https?://)[^\s/?#\"'<>@]{1,400}@", re.IGNORECASE)
_SECRET = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|key)-[A-Za-z0-9_\-]{16,400}|\bAIza[A-Za-z0-9_\-]{20,200}"
    r"|(?<=Bearer )[A-Za-z0-9._~+/=\-]{8,2000}|(?<=[?&]key=)[^\s&\"']{8,400}"
    # What h11 says of a key with a line break behind it.
    r"|(?<=Illegal header value b['\"])[^'\"]{1,2000}"
)
_SECRET_MARKS = ("k-", "xai-", "key", "AIza", "Bearer ", "header value")
_WRAPPER = re.compile(r"[A-Z]{3,10} \"[^\"]{1,4000}\": [0-9]{3}\b")
_TRAILING = ".,;:!?)]}"


def structured_detail(signals: Signals) -> str:
    """The message of the answer's body, else the words of a host; ``""`` when there are none."""
    if signals.answer is None:
        return ""
    found = _without_wrapper(_of_body(signals, signals.answer))
    if not found:
        found = _redacted(_without_wrapper(_host_message(signals)))
    return _shown(one_line(found)) if found else ""


def _of_body(signals: Signals, answer: Answer) -> str:
    body = answer.body
    if body is None:
        return ""
    if answer.message:
        return answer.message
    if body.html:
        return BLOCKED if signals.status in (401, 403) else ""
    declared = body.headers.get("content-type", "") or answer.headers.get("content-type", "")
    if body.text and declared.lower().startswith("text/plain"):
        return body.text.splitlines()[0].strip()
    return ""


def _host_message(signals: Signals) -> str:
    for node in signals.chain:
        if isinstance(node.error, ProviderError) and isinstance(node.error.message, str):
            return node.error.message.strip()[:LIMIT]
    return ""


def _without_wrapper(text: str) -> str:
    """The provider's message out of ``METHOD "url": NNN … {body}``; the whole when there is none."""
    match = _WRAPPER.match(text)
    if match is None:
        return text
    start = text.find("{", match.end())
    found = embedded(text[start:]) if start >= 0 else None
    return (error_object.read(found[0]).message if found else "") or text


def format_diagnostic(text: str) -> str:
    """``text`` as one line of at most 500 code points, its URLs without credentials, query and fragment."""
    return _shown(_redacted(one_line(text[:LIMIT])))


def _redacted(text: str) -> str:
    return _URL.sub(lambda match: _redacted_url(match[0]), text) if "://" in text else text


def _redacted_url(url: str) -> str:
    bare = url.rstrip(_TRAILING)
    try:
        parts = urlsplit(bare)
        host = parts.netloc.rpartition("@")[2]
        if not parts.hostname:
            return "[REDACTED_URL]"
        parts.port  # noqa: B018 - raises for a port that is none
        return urlunsplit((parts.scheme, host, parts.path, "", "")) + url[len(bare) :]
    except ValueError:
        return "[REDACTED_URL]"


def _shown(text: str) -> str:
    # A little more than is shown, so that nothing secret is cut into something unrecognised.
    return bound(_without_secrets(text[: LONGEST + 100]))


def _without_secrets(text: str) -> str:
    if "@" in text and "://" in text:
        text = _CREDENTIALS.sub(r"\1", text)
    for mark in _SECRET_MARKS:
        if mark in text:
            return _SECRET.sub("[REDACTED]", text)
    return text


def bound(text: str) -> str:
    """``text`` trimmed, and cut to 500 code points with an ellipsis at the end."""
    text = text.strip()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
