"""Build logs as resources: ``chattool://builds/{build_id}/log``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from db.errors import ChattoolError

if TYPE_CHECKING:
    from chattool.mcp_server.answers import Origin

_URI = re.compile(r"chattool://builds/([0-9a-fA-F-]{1,64})/log(?:\?after_id=(\d{1,18}))?")
_TOOL = "get_workspace_build_logs"

TEMPLATE = {
    "uriTemplate": "chattool://builds/{build_id}/log{?after_id}",
    "name": "build_log",
    "title": "Build log",
    "description": "The log of a workspace build so far; its last line says how to read on.",
    "mimeType": "text/plain",
}


class ResourceMissing(ChattoolError):
    """There is no such resource, or the caller may not read it."""

    code = "RESOURCE_MISSING"


async def read_build_log(origin: Origin, uri: str) -> dict[str, Any]:
    """The result of ``resources/read``: one page of the log.

    Raises:
        ResourceMissing: the URI names no build log that the caller may read.
    """
    found = _URI.fullmatch(uri)
    if found is None:
        raise ResourceMissing(f"no such resource; there is {TEMPLATE['uriTemplate']}")
    build_id, after_id = found[1], int(found[2] or 0)
    try:
        toolset = (await origin.caller()).toolset(None)
    except ChattoolError as error:
        raise ResourceMissing(str(error)) from error
    response = await toolset.dispatch(_TOOL, {"build_id": build_id, "after_id": after_id})
    page = toolset.envelope(_TOOL, response).document
    if response.is_error:
        raise ResourceMissing(str(page["error"]))
    lines = [f"[{line['stage']}] {line['output']}" for line in _lines(page)]
    if "next_after_id" in page:
        lines.append(f"… more: chattool://builds/{build_id}/log?after_id={page['next_after_id']}")
    text = "\n".join(lines)
    return {"contents": [{"uri": uri, "mimeType": "text/plain", "text": text}]}


def _lines(page: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a JSON document
    return list(page["logs"])
