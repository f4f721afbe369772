"""What holds for every tool that changes nothing."""

import io
import tarfile
from uuid import uuid4

import pytest

from chattool.inspection_backend import AgentLog
from db.errors import RequestError
from db.ids import AgentId
from tests.unit.chattool.fake_inspection import TemplateContent
from tests.unit.chattool.host import Host, fields

READ_ONLY = {
    "list_templates": None,
    "read_template": "template_id",
    "get_workspace_quota": None,
    "get_workspace_build_logs": "build_id",
    "get_workspace_agent_logs": "agent_id",
    "get_template_version_files": "template_version_id",
}
WITH_ID = [(tool, field) for tool, field in READ_ONLY.items() if field]
MISSING = {
    "read_template": "template not found",
    "get_workspace_build_logs": "workspace build not found",
    "get_workspace_agent_logs": "workspace agent not found",
    "get_template_version_files": "template version not found",
}


def empty_tar() -> bytes:
    buffer = io.BytesIO()
    tarfile.open(fileobj=buffer, mode="w").close()
    return buffer.getvalue()


def good_arguments(host: Host, tool: str) -> dict[str, object]:
    """Arguments with which the tool succeeds."""
    version_id = host.template.active_version_id
    host.backend.content[version_id] = TemplateContent(archive=empty_tar())
    _, build = host.has()
    agent_id = AgentId(uuid4())
    host.backend.agent_logs[agent_id] = AgentLog(
        agent_id=agent_id, agent_name="main", lifecycle_state="ready", troubleshooting_url="", lines=[]
    )
    ids = {
        "template_id": host.template.id,
        "build_id": build.id,
        "agent_id": agent_id,
        "template_version_id": version_id,
    }
    field = READ_ONLY[tool]
    return {field: str(ids[field])} if field else {}


@pytest.mark.parametrize("tool", READ_ONLY)
async def test_a_read_only_tool_acts_as_the_owner_and_takes_no_lease(host: Host, tool: str) -> None:
    response = await host.call(tool, **good_arguments(host, tool))

    assert fields(response)
    assert host.calls[0] == "as_owner"
    touched = {"try_lease", "bind", "tool_call", "record_tool_call", "create_build", "create_workspace"}
    assert not touched & set(host.calls)


@pytest.mark.parametrize("tool", READ_ONLY)
async def test_an_owner_without_rights_is_a_text_error_that_names_the_tool(host: Host, tool: str) -> None:
    host.backend.failures["as_owner"] = [RequestError(403, "the owner is suspended")]

    response = await host.call(tool, **good_arguments(host, tool))

    assert response.is_error
    assert response.content == f"authorize {tool} owner: the owner is suspended"
    assert host.calls == ["as_owner"]


@pytest.mark.parametrize(("tool", "field"), WITH_ID)
async def test_arguments_are_judged_before_the_owner_is_loaded(host: Host, tool: str, field: str) -> None:
    bad = await host.call(tool, **{field: "x" * 200})
    blank = await host.call(tool, **{field: " "})
    absent = await host.call(tool)

    assert bad.content.startswith(f"invalid {field}: ")
    assert len(bad.content) < 200
    assert blank.content.startswith(f"{field} is required")
    assert absent.content.startswith(f"{field} is required")
    assert all(response.is_error for response in (bad, blank, absent))
    assert host.calls == []


@pytest.mark.parametrize(("tool", "field"), WITH_ID)
async def test_what_is_missing_is_a_text_error(host: Host, tool: str, field: str) -> None:
    response = await host.call(tool, **{field: str(uuid4())})

    assert (response.is_error, response.content) == (True, MISSING[tool])
