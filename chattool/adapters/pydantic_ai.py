"""The tools for pydantic-ai, the package ``pydantic-ai-slim``.

A failed call is a tool return with the outcome ``failed``, never a retry: the second one would end the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic_core import SchemaValidator, core_schema

from chattool.adapters.calls import answered, needed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chattool.context import Progress
    from chattool.toolset import Toolset


# ``from_schema`` takes any JSON, and what is no object would end the run with a TypeError.
_OBJECT = SchemaValidator(
    core_schema.no_info_before_validator_function(
        lambda given: {} if given is None else given,
        core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()),
    )
)


def tools(toolset: Toolset, *, strict: bool = False) -> list[Any]:
    """The argument ``tools`` of ``pydantic_ai.Agent``, or of a ``FunctionToolset`` for one run.

    With pydantic-ai 2 the event stream of a run has an event ``chattool.progress`` for each phase of a build.

    Raises:
        ImportError: ``pydantic-ai-slim`` is not installed.
    """
    with needed("pydantic-ai"):
        from pydantic_ai import Tool  # noqa: PLC0415

    made = []
    for described in toolset.schemas(strict=strict):
        tool = Tool.from_schema(
            _function(toolset, described["name"]),
            name=described["name"],
            description=described["description"],
            json_schema=described["parameters"],
            takes_ctx=True,
        )
        tool.strict = strict
        tool.function_schema.validator = _OBJECT
        made.append(tool)
    return made


def _function(toolset: Toolset, name: str) -> Callable[..., Awaitable[dict[str, object]]]:
    from pydantic_ai import exceptions  # noqa: PLC0415

    failed = getattr(exceptions, "ToolFailed", None)  # pydantic-ai 1 has no mark for a failed call

    # The model names the arguments, so the context's own name must not be in the way.
    async def call(context: Any, /, **given: object) -> dict[str, object]:  # noqa: ANN401 - a RunContext
        envelope = await answered(
            toolset, name, given, call_id=context.tool_call_id, progress=_progress(context)
        )
        if failed is not None and not envelope.ok:
            raise failed(envelope.text)
        return dict(envelope.document)

    return call


def _progress(context: Any) -> Progress | None:  # noqa: ANN401 - a RunContext
    event_class = _event_class()
    if event_class is None:
        return None

    async def emit(value: float, total: float | None, message: str) -> None:
        await context.emit(event_class(value=value, total=total, message=message))

    return emit


@cache
def _event_class() -> Any | None:  # noqa: ANN401 - a class that pydantic-ai knows from now on
    try:
        from pydantic_ai import CustomEvent  # noqa: PLC0415
    except ImportError:  # pydantic-ai 1
        return None

    @dataclass(kw_only=True)
    class WorkspaceProgress(CustomEvent, name="chattool.progress"):  # type: ignore[misc, call-arg] # no class before run time
        """How far a build has got."""

        value: float
        total: float | None
        message: str

    return WorkspaceProgress
