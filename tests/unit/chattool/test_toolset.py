"""spec: the toolset and dispatch."""

import asyncio
import json
import logging
from typing import Any

import pytest

from chattool.tools import TOOLS
from chattool.toolset import Toolset
from tests.unit.chattool.fake_backend import settle
from tests.unit.chattool.host import Host, fields

NAMES = [
    "list_templates",
    "read_template",
    "create_workspace",
    "start_workspace",
    "stop_workspace",
    "wait_for_workspace",
    "workspace_status",
    "get_workspace_quota",
    "get_workspace_build_logs",
    "get_workspace_agent_logs",
    "get_template_version_files",
    "execute",
    "process_output",
    "stop_process",
    "read_file",
    "write_file",
    "edit_files",
    "list_files",
]
MAKES_BUILDS = ["create_workspace", "start_workspace", "stop_workspace"]
CHANGES_WORKSPACES = {
    # destructive, idempotent, open world
    "execute": (True, False, True),
    "stop_process": (True, True, False),
    "write_file": (True, True, False),
    "edit_files": (True, False, False),
}
BY_NAME = {tool.name: tool for tool in TOOLS}
CREATE = BY_NAME["create_workspace"]


def test_tools_have_unique_short_names_in_a_fixed_order() -> None:
    assert [tool.name for tool in TOOLS] == NAMES


def test_tools_that_make_builds_say_so_and_no_others() -> None:
    changing = [tool.name for tool in TOOLS if not tool.annotations.read_only]

    assert changing == [*MAKES_BUILDS, *CHANGES_WORKSPACES]
    for tool in TOOLS:
        if tool.name in CHANGES_WORKSPACES:
            continue
        assert tool.annotations.open_world is not tool.annotations.read_only
        assert tool.annotations.idempotent
        assert not tool.annotations.destructive


@pytest.mark.parametrize("name", CHANGES_WORKSPACES)
def test_tools_that_change_a_workspace_say_how(name: str) -> None:
    told = BY_NAME[name].annotations

    assert (told.destructive, told.idempotent, told.open_world) == CHANGES_WORKSPACES[name]


def test_no_read_only_tool_answers_with_the_key_of_failures() -> None:
    reads = [tool for tool in TOOLS if tool.annotations.read_only and tool.name != "wait_for_workspace"]
    models = [model for tool in reads for model in tool.results]

    assert models
    assert not [model for model in models if "error" in model.model_fields]


def test_the_description_of_create_keeps_its_fixed_fragments() -> None:
    for fragment in (
        "Create a new workspace from a template only when workspace-backed",
        "user explicitly asks",
        "Do not use this as a default first step",
    ):
        assert fragment in CREATE.description


def test_two_tools_of_one_name_are_a_mistake(host: Host) -> None:
    with pytest.raises(ValueError, match="same name"):
        Toolset(host.context, tools=(CREATE, CREATE))


async def test_an_unknown_tool_is_a_text_error_that_names_the_known_ones(host: Host) -> None:
    response = await Toolset(host.context).dispatch("delete_everything", {})

    assert response.is_error
    assert response.content == f"unknown tool 'delete_everything'; known: {', '.join(NAMES)}"


@pytest.mark.parametrize("name", [None, 5, ["create_workspace"], {}])
async def test_a_name_that_is_no_text_is_an_unknown_tool(host: Host, name: Any) -> None:  # noqa: ANN401 - anything
    toolset = Toolset(host.context)

    response = await toolset.dispatch(name, {})

    assert not toolset.envelope(name, response).ok
    assert response.content.startswith(f"unknown tool {str(name)!r}; known: ")


@pytest.mark.parametrize("call_id", [5, ["x"], b"x"])
async def test_a_call_id_that_is_no_text_is_a_text_error(host: Host, call_id: Any) -> None:  # noqa: ANN401 - anything
    response = await Toolset(host.context).dispatch("list_templates", {}, tool_call_id=call_id)

    assert (response.is_error, response.content) == (True, "tool call id must be text")


async def test_bad_arguments_are_a_text_error_in_our_words(host: Host) -> None:
    response = await host.create(size="big")

    text = 'unknown argument "size"; there are: template_id, name, parameters, preset_id, wait_seconds'
    assert (response.is_error, response.content) == (True, text)
    assert response.result is None
    assert response.data == {"error": text}
    assert not response.ok


async def test_arguments_may_be_json_text(host: Host) -> None:
    text = json.dumps({"template_id": str(host.template.id), "wait_seconds": "0"})

    response = await Toolset(host.context).dispatch("create_workspace", text)

    assert fields(response)["created"] is True


async def test_an_unexpected_exception_is_logged_and_its_text_kept_from_the_model(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.backend.failures["template"] = [RuntimeError("password=hunter2")]

    with caplog.at_level(logging.ERROR):
        response = await host.create()

    assert response.is_error
    assert "hunter2" not in response.content
    assert response.content.startswith("internal error in create_workspace (reference ")
    assert response.content.endswith("a build that was started goes on, call wait_for_workspace")
    reference = response.content.split("reference ")[1].split(")")[0]
    assert [record.__dict__["reference"] for record in caplog.records] == [reference]


async def test_an_interrupt_passes_through(host: Host) -> None:
    host.backend.ends = None
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


async def test_content_is_the_compact_json_of_the_result_without_nulls(host: Host) -> None:
    response = await host.create()

    assert json.loads(response.content) == response.data
    assert ": " not in response.content
    assert "null" not in response.content
    assert response.ok


async def test_a_structured_failure_is_not_an_error_and_not_ok(host: Host) -> None:
    host.backend.ends = {"status": "failed", "error": "no such image"}

    response = await host.create()

    assert (response.is_error, response.ok) == (False, False)
    assert "error" in fields(response)


async def test_progress_rises_and_may_fail(host: Host) -> None:
    heard: list[float] = []

    async def hear(value: float, total: float | None, message: str) -> None:
        heard.append(value)
        raise RuntimeError("closed")

    response = await Toolset(host.context).dispatch(
        "create_workspace", {"template_id": str(host.template.id)}, hear
    )

    assert response.ok
    assert heard == sorted(set(heard))


async def test_progress_of_a_build_names_its_phases(host: Host) -> None:
    heard: list[tuple[float, float | None, str]] = []

    async def hear(value: float, total: float | None, message: str) -> None:
        heard.append((value, total, message))

    host.backend.ends = None
    host.configure(on_progress=hear)
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)
    host.backend.change(host.latest.id, status="running", stage="Planning infrastructure")
    await settle(host.backend.clock)
    host.backend.change(host.latest.id, status="succeeded")
    await call

    assert heard[:2] == [(1, 9, "pending"), (3, 9, "Planning infrastructure")]


async def test_a_tool_call_id_has_a_longest_length(host: Host) -> None:
    response = await Toolset(host.context).dispatch("stop_workspace", tool_call_id="x" * 257)

    assert response.content == "tool call id is longer than 256 characters"
