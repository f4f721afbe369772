"""Each SDK and framework as its users run it: one run of an agent with our tools, on a model at ``url``.

A player answers how each call was marked: failed or not, or ``None`` where there is no mark.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from chattool.adapters import anthropic as ours_anthropic
from chattool.adapters import langchain as ours_langchain
from chattool.adapters import openai as ours_openai
from chattool.adapters import openai_agents as ours_openai_agents
from chattool.adapters import pydantic_ai as ours_pydantic_ai

if TYPE_CHECKING:
    from chattool.toolset import Toolset

Marks = list[bool | None]
Player = Callable[[str, "Toolset", bool], Awaitable[Marks]]

PROMPT = "Get me a workspace."
KEY = "no-key"


async def openai_chat(url: str, toolset: Toolset, strict: bool) -> Marks:
    from openai import AsyncOpenAI

    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    marks: Marks = []
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        while True:
            tools: Any = ours_openai.chat_tools(toolset, strict=strict)
            reply = await client.chat.completions.create(model="scripted", messages=messages, tools=tools)
            message = reply.choices[0].message
            if not message.tool_calls:
                return marks
            messages.append(message)
            for call in message.tool_calls:
                messages.append(await ours_openai.answer(toolset, call))
                marks.append(None)


async def openai_responses(url: str, toolset: Toolset, strict: bool) -> Marks:
    from openai import AsyncOpenAI

    items: list[Any] = [{"role": "user", "content": PROMPT}]
    marks: Marks = []
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        while True:
            tools: Any = ours_openai.responses_tools(toolset, strict=strict)
            reply = await client.responses.create(model="scripted", input=items, tools=tools)
            calls = [item for item in reply.output if item.type == "function_call"]
            if not calls:
                return marks
            items += reply.output
            for call in calls:
                items.append(await ours_openai.answer(toolset, call))
                marks.append(None)


async def anthropic(url: str, toolset: Toolset, strict: bool) -> Marks:
    from anthropic import AsyncAnthropic

    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    marks: Marks = []
    async with AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        while True:
            tools: Any = ours_anthropic.tools(toolset, strict=strict)
            reply = await client.messages.create(
                model="scripted", max_tokens=99, messages=messages, tools=tools
            )
            blocks = [block for block in reply.content if block.type == "tool_use"]
            if not blocks:
                return marks
            results = [await ours_anthropic.answer(toolset, block) for block in blocks]
            messages += [
                {"role": "assistant", "content": reply.content},
                {"role": "user", "content": results},
            ]
            marks += [result["is_error"] for result in results]


async def anthropic_runner(url: str, toolset: Toolset, strict: bool) -> Marks:
    from anthropic import AsyncAnthropic

    marks: Marks = []
    async with AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        runner = client.beta.messages.tool_runner(
            model="scripted",
            max_tokens=99,
            messages=[{"role": "user", "content": PROMPT}],
            tools=ours_anthropic.runner_tools(toolset, strict=strict),
        )
        async for _ in runner:
            answered = await runner.generate_tool_call_response()
            if answered is not None:
                marks += [bool(result.get("is_error")) for result in answered["content"]]
    return marks


async def pydantic_ai(url: str, toolset: Toolset, strict: bool) -> Marks:
    from openai import AsyncOpenAI
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        model = OpenAIChatModel("scripted", provider=OpenAIProvider(openai_client=client))
        result = await Agent(model, tools=ours_pydantic_ai.tools(toolset, strict=strict)).run(PROMPT)
    parts = [part for message in result.all_messages() for part in message.parts]
    outcomes = [getattr(part, "outcome", None) for part in parts if part.part_kind == "tool-return"]
    return [None if outcome is None else outcome == "failed" for outcome in outcomes]


async def langchain(url: str, toolset: Toolset, strict: bool) -> Marks:
    from langchain.agents import create_agent
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="scripted", base_url=f"{url}/v1", api_key=KEY, max_retries=0)
    tools = ours_langchain.tools(toolset, strict=strict)
    agent = create_agent(model, tools)
    state = await agent.ainvoke({"messages": [("user", PROMPT)]})
    return [message.status == "error" for message in state["messages"] if message.type == "tool"]


async def openai_agents(url: str, toolset: Toolset, strict: bool) -> Marks:
    from agents import Agent, OpenAIResponsesModel, RunConfig, Runner
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        model = OpenAIResponsesModel("scripted", client)
        agent = Agent(name="scripted", model=model, tools=ours_openai_agents.tools(toolset, strict=strict))
        result = await Runner.run(agent, PROMPT, run_config=RunConfig(tracing_disabled=True))
    return [None for item in result.new_items if item.type == "tool_call_output_item"]


PLAYERS: dict[str, Player] = {
    player.__name__: player
    for player in (
        openai_chat,
        openai_responses,
        anthropic,
        anthropic_runner,
        pydantic_ai,
        langchain,
        openai_agents,
    )
}
