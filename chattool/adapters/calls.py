"""What the adapters have in common: reading a call, answering it, and saying which framework is missing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chattool.context import Progress
    from chattool.envelope import Envelope
    from chattool.toolset import Toolset


async def answered(
    toolset: Toolset,
    name: str,
    given: Mapping[str, object] | str | None,
    *,
    call_id: str | None = None,
    progress: Progress | None = None,
) -> Envelope:
    """What a model reads after it has called the tool ``name``. Raises only ``asyncio.CancelledError``.

    ``progress`` is the framework's way to tell; a host that listens itself, with ``on_progress``, is told
    instead.
    """
    if toolset.context.on_progress is not None:
        progress = None
    response = await toolset.dispatch(name, given, progress, tool_call_id=call_id)
    return toolset.envelope(name, response)


def part(call: object, name: str) -> Any:  # noqa: ANN401 - what providers send
    """A field of what an SDK or the JSON of a provider gives; ``None`` where there is none."""
    return call.get(name) if isinstance(call, Mapping) else getattr(call, name, None)


@contextmanager
def needed(extra: str) -> Iterator[None]:
    """Around the imports of a framework: says how to install it.

    Raises:
        ImportError: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f'{error.name} is not installed; run: pip install "chattool[{extra}]"', name=error.name
        ) from error
