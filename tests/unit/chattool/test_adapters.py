"""spec: the adapters, as far as no framework is needed. With frameworks: tests/frameworks."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace

import pytest

from chattool.adapters import anthropic, langchain, openai, openai_agents, pydantic_ai
from chattool.context import ToolContext
from chattool.results import ToolResponse
from chattool.toolset import Toolset
from tests.conftest import Golden
from tests.unit.chattool.host import Host

UNKNOWN = 'unknown argument "size"; there are: none'


@pytest.fixture
def toolset(host: Host) -> Toolset:
    return Toolset(host.context)


@pytest.mark.parametrize("strict", [False, True], ids=["plain", "strict"])
def test_what_models_are_shown_is_what_the_files_say(golden: Golden, toolset: Toolset, strict: bool) -> None:  # noqa: FBT001 - a case
    suffix = "_strict" if strict else ""

    golden.check(f"tools/openai_chat{suffix}.json", openai.chat_tools(toolset, strict=strict))
    golden.check(f"tools/openai_responses{suffix}.json", openai.responses_tools(toolset, strict=strict))
    golden.check(f"tools/anthropic{suffix}.json", anthropic.tools(toolset, strict=strict))


@pytest.mark.parametrize("arguments", ['{"size": 1}', {"size": 1}], ids=["text", "object"])
async def test_a_call_of_a_chat_is_answered_with_a_tool_message(toolset: Toolset, arguments: object) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "workspace_status", "arguments": arguments}}

    answer = await openai.answer(toolset, call)

    content = json.loads(answer.pop("content"))
    assert answer == {"role": "tool", "tool_call_id": "c1"}
    assert content == {"ok": False, "error": UNKNOWN}


async def test_a_call_of_a_response_is_answered_with_its_output(toolset: Toolset) -> None:
    call = SimpleNamespace(type="function_call", id="fc_1", call_id="c1", name="no_such_tool", arguments="{}")

    answer = await openai.answer(toolset, call)

    output = json.loads(answer.pop("output"))
    assert answer == {"type": "function_call_output", "call_id": "c1"}
    assert output["error"].startswith("unknown tool 'no_such_tool'; known: list_templates")


async def test_a_block_is_answered_with_a_marked_result(toolset: Toolset) -> None:
    block = {"type": "tool_use", "id": "t1", "name": "workspace_status", "input": {"size": 1}}

    answer = await anthropic.answer(toolset, block)

    content = json.loads(answer.pop("content"))
    assert answer == {"type": "tool_result", "tool_use_id": "t1", "is_error": True}
    assert content == {"ok": False, "error": UNKNOWN}


@pytest.mark.parametrize("call", [{"type": "message"}, {"type": "custom", "id": "c", "custom": {}}, None])
async def test_what_is_no_call_is_a_mistake_of_the_host(toolset: Toolset, call: Mapping[str, object]) -> None:
    with pytest.raises(TypeError):
        await openai.answer(toolset, call)
    with pytest.raises(TypeError):
        await anthropic.answer(toolset, call)


async def test_the_id_of_a_call_reaches_the_tool(host: Host) -> None:
    ids: list[str | None] = []

    async def note(context: ToolContext, _: object) -> ToolResponse:
        ids.append(context.tool_call_id)
        return ToolResponse.text_error("noted")

    (status,) = (tool for tool in Toolset(host.context).tools if tool.name == "workspace_status")
    toolset = Toolset(host.context, tools=(replace(status, handler=note),))

    await openai.answer(toolset, {"id": "c1", "function": {"name": status.name, "arguments": "{}"}})
    await openai.answer(toolset, {"call_id": "c2", "name": status.name, "arguments": "{}"})
    await anthropic.answer(toolset, {"type": "tool_use", "id": "c3", "name": status.name, "input": {}})

    assert ids == ["c1", "c2", "c3"]


@pytest.mark.parametrize(
    ("make", "extra", "package"),
    [
        (anthropic.runner_tools, "anthropic", "anthropic"),
        (langchain.tools, "langchain", "langchain_core"),
        (openai_agents.tools, "openai-agents", "agents"),
        (pydantic_ai.tools, "pydantic-ai", "pydantic_ai"),
    ],
    ids=["anthropic", "langchain", "openai-agents", "pydantic-ai"],
)
def test_a_missing_framework_is_named_with_its_extra(
    toolset: Toolset,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Toolset], object],
    extra: str,
    package: str,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(ImportError) as raised:
        make(toolset)

    assert raised.value.name is not None
    assert raised.value.name.partition(".")[0] == package
    assert f'pip install "chattool[{extra}]"' in str(raised.value)
