"""What a tool is: how it is shown, what it takes and answers, and the function behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from chattool import arguments
from chattool.arguments import ToolArgs
from chattool.envelope import LONGEST_TEXT
from chattool.results import Result, ToolResponse
from db.errors import ToolInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from chattool.context import ToolContext

A = TypeVar("A", bound=ToolArgs)


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotations:
    """What a host may assume about a tool before it calls it."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool(Generic[A]):
    """One tool: how it is shown, what it takes, every model it can answer with, and its function."""

    name: str
    title: str
    description: str
    args: type[A]
    results: tuple[type[Result], ...]
    annotations: Annotations
    handler: Callable[[ToolContext, A], Awaitable[ToolResponse]]
    longest_text: int = LONGEST_TEXT
    """How many bytes of an answer a model gets to read."""

    async def call(self, context: ToolContext, given: Mapping[str, object] | str | None) -> ToolResponse:
        """The tool's answer; arguments that cannot be read are a text error."""
        try:
            parsed = arguments.parsed(self.args, given)
        except ToolInputError as error:
            return ToolResponse.text_error(str(error))
        return await self.handler(context, parsed)
