"""On each SDK and framework: whole runs of an agent, on a real engine. See ``test_frameworks``."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chattool.engine import Engine
from chattool.results import ToolResponse
from chattool.tools import TOOLS
from chattool.toolset import Toolset
from tests.frameworks.players import PLAYERS
from tests.frameworks.run import run
from tests.integration.tools.engine_host import EngineHost
from tests.pages import ROOT

NUMBER = {"name": "n", "type": "number", "default": "1", "mutable": True}
STATUS = ("workspace_status", dict[str, object]())
SENSITIVE = "postgres://me:hunter2@db"
BY_NAME = {tool.name: tool for tool in TOOLS}


def has_mark(player: str) -> bool:
    """Whether the framework can say that a call failed."""
    if player == "pydantic_ai":
        import pydantic_ai

        return hasattr(pydantic_ai, "ToolFailed")
    return player in {"anthropic", "anthropic_runner", "langchain"}


def first_template(outputs: Sequence[str]) -> dict[str, object]:
    """Arguments of ``create_workspace``, found as a model finds them."""
    return {"template_id": json.loads(outputs[-1])["templates"][0]["id"]}


@pytest.mark.parametrize("player", PLAYERS)
async def test_an_agent_creates_executes_is_refused_and_stops(engine: Engine, player: str) -> None:
    template = await engine.push_template(ROOT / "examples/templates/scratch")
    await engine.set_allowance("Everyone", 15)
    first = await engine.toolset("first")
    second = await engine.toolset("second")
    create = ("create_workspace", {"template_id": str(template.id)})
    execute = ("execute", {"command": "echo $ANSWER", "env": {"ANSWER": "42"}})

    made = await run(
        player, first, ("list_templates", {}), ("create_workspace", first_template), execute, name="made"
    )
    refused = await run(player, second, create, name="refused")
    stopped = await run(player, first, ("stop_workspace", {}), name="stopped")

    _, created, executed = made.documents
    assert (created["ok"], created["created"], created["agent_status"]) == (True, True, "ready")
    assert (executed["ok"], executed["exit_code"], executed["output"]) == (True, 0, "42\n")
    (refusal,) = refused.documents
    assert (refusal["ok"], refusal["error_code"]) == (False, "INSUFFICIENT_QUOTA")
    assert refusal["quota"] == {"credits_consumed": 10, "budget": 15, "cost": 10}
    assert stopped.documents[0]["stopped"] is True
    marks = [*made.marks, *refused.marks, *stopped.marks]
    assert marks == ([False, False, False, True, False] if has_mark(player) else [None] * 5)


@pytest.mark.parametrize("player", PLAYERS)
async def test_parameters_are_read_in_the_form_of_either_schema(host: EngineHost, player: str) -> None:
    template = await host.template(start_plan={"parameters": [NUMBER]}, start_apply={})
    plain = {"template_id": str(template.id), "parameters": {"n": 3}}
    strict = {"parameters": [{"name": "n", "value": "4"}], "wait_seconds": None}
    toolset = await host.engine.toolset()

    made = await run(player, toolset, ("create_workspace", plain), name="made")
    built = await host.parameters()
    changed = await run(
        player, toolset, ("stop_workspace", {}), ("start_workspace", strict), strict=True, name="changed"
    )

    assert (made.documents[0]["ok"], built) == (True, {"n": "3"})
    assert [answer["ok"] for answer in changed.documents] == [True, True]
    assert await host.parameters() == {"n": "4"}


@pytest.mark.parametrize("player", PLAYERS)
async def test_unknown_arguments_are_refused_by_name_whatever_the_name(host: EngineHost, player: str) -> None:
    names = ("size", "self", "ctx", "context", "config", "run_manager", "callbacks", "name", "args", "given")

    told = await run(player, await host.engine.toolset(), ("workspace_status", dict.fromkeys(names, 1)))

    (answer,) = told.documents
    assert re.findall(r'unknown argument "(\w+)"', answer["error"]) == list(names)


@pytest.mark.parametrize("player", PLAYERS)
async def test_the_text_of_an_unexpected_exception_never_reaches_the_model(
    host: EngineHost, player: str
) -> None:
    async def breaks(*_: object) -> ToolResponse:
        raise RuntimeError(SENSITIVE)

    context = (await host.engine.toolset()).context
    toolset = Toolset(context, tools=(replace(BY_NAME["workspace_status"], handler=breaks),))

    told = await run(player, toolset, STATUS)

    (answer,) = told.documents
    assert answer["error"].startswith("internal error in workspace_status (reference ")
    assert SENSITIVE not in json.dumps(answer)
    assert told.marks == [True if has_mark(player) else None]


@pytest.mark.parametrize("player", PLAYERS)
async def test_a_repeated_call_gets_the_first_answer(host: EngineHost, player: str) -> None:
    template = await host.template()
    create = ("create_workspace", {"template_id": str(template.id)})
    toolset = await host.engine.toolset()

    first = await run(player, toolset, create)
    again = await run(player, toolset, create)

    if player == "anthropic_runner":  # tells no id of a call
        assert again.documents[0]["status"] == "already_exists"
    else:
        assert again.documents == first.documents


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("player", PLAYERS)
async def test_the_model_is_shown_our_schemas_as_they_are(
    host: EngineHost, player: str, strict: bool
) -> None:
    toolset = await host.engine.toolset()

    shown = (await run(player, toolset, STATUS, strict=strict)).tools

    ours = {tool["name"]: tool["parameters"] for tool in toolset.schemas(strict=strict)}
    assert {name: without_empty_properties(tool.schema) for name, tool in shown.items()} == ours
    if player != "langchain":  # where bind_tools decides it
        assert {tool.strict for tool in shown.values()} == {strict}


def without_empty_properties(schema: Any) -> Any:
    """The schema without what pydantic-ai adds to a map, which changes nothing."""
    if not isinstance(schema, dict):
        return schema
    kept = {key: without_empty_properties(value) for key, value in schema.items()}
    if isinstance(kept.get("additionalProperties"), dict) and kept.get("properties") == {}:
        del kept["properties"]
    return kept
