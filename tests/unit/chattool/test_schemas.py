"""spec: the schemas that models are shown."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import Field

from chattool.arguments import TextsByName, ToolArgs, parsed
from chattool.results import Result
from chattool.schemas import described, output_schema, render
from chattool.settings import WaitBounds
from chattool.tool import Annotations, Tool
from chattool.tools import TOOLS
from chattool.toolset import Toolset
from tests.conftest import Golden
from tests.unit.chattool.host import Host

BY_NAME = {tool.name: tool for tool in TOOLS}
CREATE = BY_NAME["create_workspace"]
TEMPLATE = "7b0f0f2e-0000-4000-8000-000000000000"
MCP = WaitBounds(default=timedelta(seconds=25), longest=timedelta(seconds=50))


def schemas_in(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema and all schemas inside it."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    inner += [
        part for part in (schema.get("items"), schema.get("additionalProperties")) if isinstance(part, dict)
    ]
    for part in inner:
        yield from schemas_in(part)


def test_the_plain_form_is_what_the_file_says(golden: Golden) -> None:
    golden.check("tools/schemas.json", described(TOOLS))


def test_the_strict_form_is_what_the_file_says(golden: Golden) -> None:
    golden.check("tools/schemas_strict.json", described(TOOLS, strict=True))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_schema_is_closed_plain_and_described(tool: Tool[Any], strict: bool) -> None:  # noqa: FBT001 - a case
    schema = render(tool, strict=strict)

    assert schema["type"] == "object"
    assert "description" not in schema
    for part in schemas_in(schema):
        assert not part.keys() & {"$ref", "$defs", "title", "allOf", "not", "if", "patternProperties"}
        if part.get("type") == "object" and "properties" in part:
            assert part["additionalProperties"] is False
    assert all(part["description"] for part in schema["properties"].values())


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_plain_form_knows_no_null_and_requires_only_what_is_required(tool: Tool[Any]) -> None:
    schema = render(tool)

    required = [name for name, field in tool.args.model_fields.items() if field.is_required()]
    assert schema.get("required", []) == required
    assert list(schema["properties"]) == list(tool.args.model_fields)
    assert [part for part in schemas_in(schema) if "anyOf" in part or part.get("type") == "null"] == []


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_the_strict_form_requires_everything_and_says_only_what_providers_take(tool: Tool[Any]) -> None:
    limits = {"default", "minimum", "maximum", "minLength", "maxLength", "pattern", "format", "minItems"}

    schema = render(tool, strict=True)

    assert "anyOf" not in schema
    for part in schemas_in(schema):
        assert not part.keys() & limits
        assert isinstance(part.get("type", ""), str)
        if part.get("type") == "object":
            assert part["required"] == list(part["properties"])
            assert part["additionalProperties"] is False


def test_a_limit_that_the_strict_form_cannot_say_is_told() -> None:
    page = BY_NAME["list_templates"]

    assert render(page)["properties"]["page"]["default"] == 1
    assert render(page, strict=True)["properties"]["page"]["description"].endswith("Default: 1.")


def test_nested_arguments_are_rendered_in_both_forms() -> None:
    class Edit(ToolArgs):
        """One replacement."""

        old: str = Field(description="What is there.")
        count: int = Field(default=1, ge=1, description="How often.")

    class EditArgs(ToolArgs):
        """Arguments of a tool."""

        edits: list[Edit] = Field(description="What to change.")
        env: TextsByName = Field(default_factory=dict, description="Variables.")

    tool = _tool(EditArgs)

    item = render(tool)["properties"]["edits"]["items"]
    strict = render(tool, strict=True)["properties"]
    assert item == {
        "type": "object",
        "properties": {
            "old": {"type": "string", "description": "What is there."},
            "count": {"type": "integer", "default": 1, "minimum": 1, "description": "How often."},
        },
        "required": ["old"],
        "additionalProperties": False,
    }
    assert strict["edits"]["items"]["required"] == ["old", "count"]
    assert strict["env"]["anyOf"][0]["items"]["required"] == ["name", "value"]


def test_a_host_with_limits_says_how_long_a_call_waits() -> None:
    wait = render(CREATE, wait=MCP)["properties"]["wait_seconds"]

    assert (wait["default"], wait["minimum"], wait["maximum"]) == (25, 0, 50)
    assert "wait_for_workspace" in wait["description"]
    assert "until it is done" in render(CREATE)["properties"]["wait_seconds"]["description"]


@pytest.mark.parametrize("wait", [None, MCP], ids=["without limits", "with limits"])
def test_every_wait_says_once_what_it_means_to_leave_it_out_and_what_goes_on_waiting(
    wait: WaitBounds | None,
) -> None:
    waits = {
        tool.name: schema["properties"]["wait_seconds"]
        for tool in TOOLS
        if "wait_seconds" in (schema := render(tool, wait=wait))["properties"]
    }

    assert {text["description"].count("Left out") for text in waits.values()} == {1}
    assert {text.get("maximum") for text in waits.values()} == {50 if wait else None}
    if wait is not None:
        assert "call process_output then" in waits["execute"]["description"]
        assert "call wait_for_workspace then" in waits["create_workspace"]["description"]
        assert (waits["execute"]["default"], waits["process_output"].get("default")) == (25, None)


def test_the_chat_is_an_argument_only_where_a_host_wants_it() -> None:
    assert "chat_id" in render(CREATE, with_chat_id=True)["properties"]
    assert "chat_id" not in render(CREATE)["properties"]
    assert render(CREATE, with_chat_id=True)["required"] == ["template_id"]


@pytest.mark.parametrize(
    ("plain", "strict"),
    [
        (
            {"template_id": TEMPLATE},
            {"template_id": TEMPLATE, "name": None, "parameters": None, "preset_id": None},
        ),
        (
            {"template_id": TEMPLATE, "parameters": {"b": "2", "a": "1"}},
            {
                "template_id": TEMPLATE,
                "parameters": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}],
            },
        ),
        (
            {"template_id": TEMPLATE, "parameters": '{"n": 3}', "wait_seconds": "5"},
            {"template_id": TEMPLATE, "parameters": '[{"name": "n", "value": "3"}]', "wait_seconds": 5},
        ),
        ({"template_id": TEMPLATE, "parameters": {}}, {"template_id": TEMPLATE, "parameters": []}),
    ],
)
def test_what_is_written_for_either_form_is_read_the_same(
    plain: dict[str, object], strict: dict[str, object]
) -> None:
    assert parsed(CREATE.args, plain) == parsed(CREATE.args, json.dumps(strict))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_one_output_schema_serves_success_and_failure(tool: Tool[Any]) -> None:
    schema = output_schema(tool)

    assert (schema["type"], schema["required"]) == ("object", ["ok"])
    assert schema["properties"].keys() >= {"ok", "chat_id", "error"}
    for part in schemas_in(schema):
        assert not part.keys() & {"$ref", "$defs", "title", "anyOf", "default"}
        assert part.get("additionalProperties") is not False


def test_results_that_mean_different_things_by_one_key_are_a_mistake() -> None:
    class One(Result):
        status: int

    class Other(Result):
        status: str

    with pytest.raises(ValueError, match="differ about 'status'"):
        output_schema(_tool(ToolArgs, One, Other))


def test_a_toolset_gives_the_schemas_of_its_tools(host: Host) -> None:
    tools = Toolset(host.context, tools=(CREATE,))

    (plain,) = tools.schemas()
    (strict,) = tools.schemas(strict=True)

    assert plain == {"name": CREATE.name, "description": CREATE.description, "parameters": render(CREATE)}
    assert strict["parameters"] == render(CREATE, strict=True)


def _tool(args: type[ToolArgs], *results: type[Result]) -> Tool[Any]:
    async def handler(*_: object) -> Any:  # noqa: ANN401 - never called
        raise NotImplementedError

    return Tool(
        name="a_tool",
        title="A tool",
        description="It does something.",
        args=args,
        results=results,
        annotations=Annotations(read_only=True, destructive=False, idempotent=True, open_world=False),
        handler=handler,
    )
