"""One run of an agent on a framework, and all that is to be seen of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.frameworks.players import PLAYERS
from tests.frameworks.provider import provider
from tests.frameworks.script import Script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.toolset import Toolset
    from tests.frameworks.dialects import Output, Shown
    from tests.frameworks.players import Marks
    from tests.frameworks.script import Arguments


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the model was shown and told, and how the framework marked each call."""

    marks: Marks
    outputs: Sequence[Output]
    tools: Mapping[str, Shown]

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The envelopes that the model has read."""
        return [_document(output.text) for output in self.outputs]


async def run(
    player: str, toolset: Toolset, *calls: tuple[str, Arguments], strict: bool = False, name: str = "run"
) -> Run:
    """Let a model that follows the calls run on the framework."""
    with provider(Script(calls, run=name)) as served:
        async with asyncio.timeout(40):
            marks = await PLAYERS[player](served.url, toolset, strict)
        return Run(marks=marks, outputs=served.outputs, tools=served.tools)


def _document(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    if document.keys() == {"error"}:
        # So pydantic-ai 2 writes a failed return for a provider that has no mark for it.
        document = json.loads(document["error"])
    assert next(iter(document)) == "ok"
    return document
