"""What a scripted model does: it calls tools in turn, then says that it is done."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Arguments = Mapping[str, object] | str | Callable[[Sequence[str]], Mapping[str, object]]
"""Given to the tool as they are, or made from the outputs so far."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as a provider writes it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Script:
    """The calls in their order, each a name and arguments. ``run`` keeps the ids of several runs apart."""

    calls: Sequence[tuple[str, Arguments]]
    run: str = "run"

    def next(self, outputs: Sequence[str]) -> Call | None:
        """The call after those that were answered with ``outputs``; ``None`` when it is done."""
        if len(outputs) >= len(self.calls):
            return None
        name, arguments = self.calls[len(outputs)]
        given: Any = arguments(outputs) if callable(arguments) else arguments
        text = given if isinstance(given, str) else json.dumps(given)
        return Call(id=f"call_{self.run}_{len(outputs) + 1}", name=name, arguments=text)


DONE = "Your workspace is ready."
