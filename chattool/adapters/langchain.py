"""The tools for LangChain and LangGraph, of which only the package ``langchain-core`` is needed.

A failed call is a ``ToolMessage`` with the status ``error``.
"""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import Field

from chattool.adapters.calls import answered, needed

if TYPE_CHECKING:
    from chattool.toolset import Toolset

_EVENT = "chattool_progress"

_call_id: ContextVar[str | None] = ContextVar("call_id", default=None)


def tools(toolset: Toolset, *, strict: bool = False) -> list[Any]:
    """The argument ``tools`` of ``create_agent``, of ``ToolNode``, and of a model's ``bind_tools``.

    Each phase of a build is a custom event ``chattool_progress`` of ``astream_events`` and of callbacks. Give
    ``strict`` to ``bind_tools`` too, which is where LangChain marks tools as strict.

    Raises:
        ImportError: ``langchain-core`` is not installed.
    """
    tool_class = _tool_class()
    return [
        tool_class(
            name=tool["name"],
            description=tool["description"],
            args_schema=tool["parameters"],
            handle_tool_error=True,
            toolset=toolset,
        )
        for tool in toolset.schemas(strict=strict)
    ]


@cache
def _tool_class() -> Any:  # noqa: ANN401 - a class that exists only where LangChain does
    with needed("langchain"):
        from langchain_core.callbacks import adispatch_custom_event  # noqa: PLC0415
        from langchain_core.tools import BaseTool, ToolException  # noqa: PLC0415

    async def dispatch_progress(value: float, total: float | None, message: str) -> None:
        await adispatch_custom_event(_EVENT, {"value": value, "total": total, "message": message})

    class WorkspaceTool(BaseTool):  # type: ignore[misc] # a class at run time only
        """One tool of a toolset."""

        toolset: Any = Field(exclude=True, repr=False)

        async def ainvoke(self, input: Any, config: Any = None, **options: Any) -> Any:  # noqa: A002, ANN401 - LangChain's
            # Tools with a schema of their own are not told the id of their call.
            is_call = isinstance(input, dict) and input.get("type") == "tool_call"
            token = _call_id.set(input.get("id") if is_call else None)
            try:
                return await super().ainvoke(input, config, **options)
            finally:
                _call_id.reset(token)

        # The model names the arguments, and one that is called as one of ours must not be in the way.
        async def _arun(self, /, **given: object) -> str:
            envelope = await answered(
                self.toolset, self.name, given, call_id=_call_id.get(), progress=dispatch_progress
            )
            if not envelope.ok:
                raise ToolException(envelope.text)
            return envelope.text

        def _run(self, /, **_given: object) -> str:
            raise NotImplementedError(f"{self.name} waits for builds: use ainvoke, astream or abatch")

    return WorkspaceTool
