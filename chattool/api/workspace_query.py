"""``q``: which workspaces are wanted, as ``owner:me template:python-dev status:running part-of-name``."""

from __future__ import annotations

from chattool.api.requests import bad_query
from db.states import BuildStatus
from db.workspace_details import WorkspaceFilter

_KEYS = ("owner", "template", "name", "status")


def parsed(q: str, *, me: str) -> WorkspaceFilter:
    """The filter that ``q`` describes; ``me`` is the name of who asks.

    Raises:
        RequestError: 400 with a validation on ``q``.
    """
    if "\0" in q:
        raise bad_query("q", "must not contain the character NUL")
    wanted: dict[str, str] = {}
    for word in q.split():
        key, colon, value = word.partition(":")
        if not colon:
            key, value = "name", word
        key, value = key.lower(), value.strip('"')
        if key not in _KEYS:
            raise bad_query("q", f"has no key {key!r}; there are: {', '.join(_KEYS)}")
        if key in wanted:
            raise bad_query("q", f"has {key!r} twice")
        wanted[key] = value
    owner, status = wanted.get("owner"), wanted.get("status")
    return WorkspaceFilter(
        owner=me if owner == "me" else owner,
        template=wanted.get("template"),
        name=wanted.get("name"),
        status=None if status is None else _status(status),
    )


def _status(text: str) -> BuildStatus:
    try:
        return BuildStatus(text.lower())
    except ValueError:
        raise bad_query("q", f"has a status that is none of: {', '.join(BuildStatus)}") from None
