"""What tools/list shows, and what answers look like, without a client."""

from datetime import timedelta

import pytest

from chattool.mcp_server.answers import WAIT, is_tool, tool_documents
from chattool.mcp_server.build_logs import ResourceMissing, read_build_log
from chattool.tools import TOOLS
from tests.conftest import Golden
from tests.integration.tools.engine_host import EngineHost
from tests.surfaces.mcp.requests import create, origin

UNKNOWN = "7b0f0f2e-0000-4000-8000-000000000000"


def test_the_tools_are_what_the_file_says(golden: Golden) -> None:
    golden.check("tools/mcp.json", tool_documents())


def test_every_tool_has_all_hints_and_a_title_in_both_places() -> None:
    for document in tool_documents():
        hints = document["annotations"]
        assert hints["title"] == document["title"]
        assert {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} < hints.keys()
        assert "chat_id" in document["inputSchema"]["properties"]


def test_only_the_tools_of_the_registry_are_known() -> None:
    assert all(is_tool(tool.name) for tool in TOOLS)
    assert not is_tool("delete_everything")


@pytest.mark.parametrize(("asked", "waits"), [(None, 25), (0, 0), (30, 30), (600, 50)])
def test_calls_wait_as_long_as_clients_do(asked: int | None, waits: int) -> None:
    wait = None if asked is None else timedelta(seconds=asked)

    assert WAIT.of(wait) == timedelta(seconds=waits)


async def test_a_build_log_is_a_resource(host: EngineHost, template: object) -> None:
    created = await create(origin(host), template)  # type: ignore[arg-type]  # the fixture's template
    uri = f"chattool://builds/{created['build_id']}/log"

    (content,) = (await read_build_log(origin(host), uri))["contents"]
    (rest,) = (await read_build_log(origin(host), f"{uri}?after_id=999999"))["contents"]

    assert (content["uri"], content["mimeType"]) == (uri, "text/plain")
    assert "[Starting workspace] Starting workspace" in content["text"].splitlines()
    assert rest["text"] == ""


@pytest.mark.parametrize(
    "uri", ["chattool://builds/x/log", "file:///etc/passwd", f"chattool://builds/{UNKNOWN}/log"]
)
async def test_what_is_no_build_log_is_missing(host: EngineHost, uri: str) -> None:
    with pytest.raises(ResourceMissing):
        await read_build_log(origin(host), uri)
