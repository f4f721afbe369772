"""What frameworks' own checkers make of our schemas, and what is special to one of them."""

import asyncio
import copy
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from chattool.adapters import langchain, pydantic_ai
from chattool.schemas import render
from chattool.tool import Tool
from chattool.tools import TOOLS
from tests.integration.tools.engine_host import EngineHost

all_tools = pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)


@all_tools
def test_openai_agents_finds_nothing_to_change_in_the_strict_form(tool: Tool[Any]) -> None:
    from agents.strict_schema import ensure_strict_json_schema

    strict = render(tool, strict=True)

    assert ensure_strict_json_schema(copy.deepcopy(strict)) == strict


@all_tools
def test_anthropic_finds_nothing_to_change_in_the_strict_form(tool: Tool[Any]) -> None:
    from anthropic import transform_schema

    strict = render(tool, strict=True)

    assert transform_schema(copy.deepcopy(strict)) == strict


async def test_langchain_marks_the_strict_form_and_leaves_it_alone(host: EngineHost) -> None:
    from langchain_core.utils.function_calling import convert_to_openai_tool

    toolset = await host.engine.toolset()

    converted = [
        convert_to_openai_tool(tool, strict=True)["function"]
        for tool in langchain.tools(toolset, strict=True)
    ]

    assert converted == [{**tool, "strict": True} for tool in toolset.schemas(strict=True)]


def test_a_converter_would_lose_what_ours_can_say() -> None:
    from openai import pydantic_function_tool

    create = next(tool for tool in TOOLS if tool.name == "create_workspace")

    theirs: Any = pydantic_function_tool(create.args)["function"]
    ours = render(create, strict=True)

    # In strict mode no other value is allowed, so the API refuses the whole request.
    assert theirs["parameters"]["properties"]["parameters"]["additionalProperties"] is not False
    assert ours["properties"]["parameters"]["anyOf"][0]["type"] == "array"


async def test_pydantic_ai_calls_every_tool_with_what_its_schema_asks_for(host: EngineHost) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.models.test import TestModel

    tools = pydantic_ai.tools(await host.engine.toolset())

    result = await Agent(TestModel(), tools=tools).run("Go.")

    parts = [part for message in result.all_messages() for part in message.parts]
    returned = [part.tool_name for part in parts if part.part_kind == "tool-return"]
    assert returned == [tool.name for tool in TOOLS]


@pytest.mark.parametrize("given", ["null", "[1]", '"text"', "{"])
async def test_pydantic_ai_goes_on_after_arguments_that_are_no_object(host: EngineHost, given: str) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel

    async def model(messages: list[Any], _: object) -> Any:
        part = TextPart("Done.") if len(messages) > 1 else ToolCallPart("workspace_status", given)
        return ModelResponse(parts=[part])

    tools = pydantic_ai.tools(await host.engine.toolset())

    result = await Agent(FunctionModel(model), tools=tools).run("Go.")

    assert result.output == "Done."


async def test_langchain_hears_how_far_a_build_is(host: EngineHost) -> None:
    from langchain_core.callbacks import AsyncCallbackHandler

    class Listener(AsyncCallbackHandler):  # type: ignore[misc] # a class at run time only
        async def on_custom_event(self, name: str, data: Any, **_: object) -> None:
            assert name == "chattool_progress"
            progress.hear(data["value"], data["message"])

    progress = HeardProgress(host)
    template = await host.template()
    tools = {tool.name: tool for tool in langchain.tools(await host.engine.toolset())}
    given = {"template_id": str(template.id)}

    await progress.during(tools["create_workspace"].ainvoke(given, {"callbacks": [Listener()]}))


async def test_pydantic_ai_hears_how_far_a_build_is(host: EngineHost) -> None:
    import pydantic_ai as framework
    from pydantic_ai.models.function import DeltaToolCall, FunctionModel

    if not hasattr(framework, "CustomEvent"):
        return  # pydantic-ai 1 has no events of others

    async def model(messages: list[Any], _: object) -> AsyncIterator[Any]:
        given = f'{{"template_id": "{template.id}"}}'
        call = {0: DeltaToolCall(name="create_workspace", json_args=given, tool_call_id="1")}
        yield "Done." if len(messages) > 1 else call

    async def listen(_: object, events: Any) -> None:
        async for event in events:
            if event.event_kind == "custom":
                assert (event.name, event.tool_name) == ("chattool.progress", "create_workspace")
                progress.hear(event.value, event.message)

    progress = HeardProgress(host)
    template = await host.template()
    tools = pydantic_ai.tools(await host.engine.toolset())
    agent = framework.Agent(FunctionModel(stream_function=model), tools=tools)

    await progress.during(agent.run("Go.", event_stream_handler=listen))


async def test_a_host_that_listens_itself_is_told_instead(host: EngineHost) -> None:
    async def listen(value: float, _: float | None, message: str) -> None:
        progress.hear(value, message)

    progress = HeardProgress(host)
    template = await host.template()
    toolset = await host.engine.toolset(on_progress=listen)
    tools = {tool.name: tool for tool in langchain.tools(toolset)}

    await progress.during(tools["create_workspace"].ainvoke({"template_id": str(template.id)}))


class HeardProgress:
    """What is told while a build is held, so that there is something to tell."""

    def __init__(self, host: EngineHost) -> None:
        self._host = host
        self._heard: list[float] = []
        self._applying = asyncio.Event()
        host.echo.gate.clear()

    def hear(self, value: float, message: str) -> None:
        self._heard.append(value)
        if message.startswith("Starting workspace"):
            self._applying.set()

    async def during(self, call: Coroutine[Any, Any, object]) -> None:
        """Make the call. It ends only if it tells that the workspace is being started."""
        async with asyncio.timeout(40), asyncio.TaskGroup() as group:
            group.create_task(call)
            await self._applying.wait()
            self._host.echo.gate.set()
        assert self._heard == sorted(set(self._heard))
