"""What the read-only tools have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from chattool.call import Call
from chattool.errors import ToolError
from chattool.results import ToolResponse
from db.errors import NotFound, ToolInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chattool.context import ToolContext
    from chattool.results import Result

T = TypeVar("T")


class Inspection(Call):
    """One call of a read-only tool: made as the owner, without a lease, changing nothing."""

    def __init__(self, context: ToolContext, tool: str) -> None:
        super().__init__(context, owner_error=f"authorize {tool} owner")

    async def found(self, what: str, read: Callable[[], Awaitable[T]], *, missing: str) -> T:
        """What ``read`` returns, tried again after transient errors.

        Raises:
            ToolError: ``missing`` when there is no such thing; else ``what`` begins the sentence.
        """
        try:
            return await self.read(what, read)
        except ToolError as error:
            if isinstance(error.__cause__, NotFound):
                raise ToolError(missing) from error.__cause__
            raise


async def answer(work: Awaitable[Result]) -> ToolResponse:
    """The response that carries the result of ``work``; what it raises as a sentence is a text error."""
    try:
        return ToolResponse.of(await work)
    except (ToolError, ToolInputError) as error:
        return ToolResponse.text_error(str(error))
