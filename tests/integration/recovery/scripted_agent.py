"""An agent without a model: it does what the answers say, and nothing that only we know.

It knows the names, descriptions and schemas of the tools, and remembers the ids that it was given. The tools
that an answer names are its plan. Where none is named it looks for a tool to read with, whose description
speaks of the trouble. When it has read why, or knows no tool, it tells its user and tries again.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chattool.toolset import Toolset
from tests.clients.conversation import normalized

_ADVICE = ("next_step", "message", "error", "agent_error")
_MOST_CALLS = 12
_SHORT_WORD = 4
_TOLD = {"build_id", "process_id"}
_USABLE = {"ready", "no_agent"}
_MAKES_BUILDS = {"create_workspace", "start_workspace"}

User = Callable[[str], Awaitable[None]]
"""Hears what the agent says, and does something about it."""


@dataclass
class ScriptedAgent:
    """Works until the workspace can be used, or its command has ended; ``transcript`` is what was said.

    ``knows`` are values that it gives to every argument of that name, besides the ids that it was told;
    ``on_call`` hears of each call before it is made.
    """

    tools: Toolset
    user: User
    template_id: str
    transcript: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    knows: dict[str, object] = field(default_factory=dict)
    on_call: Callable[[str], None] = lambda _tool: None

    def __post_init__(self) -> None:
        self.knows["template_id"] = self.template_id
        self._schemas = {schema["name"]: schema for schema in self.tools.schemas()}

    async def work(self, first: str, **arguments: object) -> dict[str, Any]:
        """Call ``first``, then whatever comes next; the answer with which the workspace can be used."""
        wanted = first
        plan: list[str] = []
        answer = await self._call(first, arguments)
        for _ in range(_MOST_CALLS):
            if _is_done(answer):
                return answer
            plan = self._named(answer) or plan or self._readers(answer)
            if not plan:
                await self._tell(answer)
                plan = [wanted]
            tool = plan.pop(0)
            if tool in _MAKES_BUILDS:
                wanted = tool
            trouble, answer = answer, await self._call(tool, self._arguments(tool))
            if tool.startswith("get_"):  # it has read what there is to read; now it is the user's turn
                await self._tell(trouble)
                answer, plan = {"ok": False}, plan or [wanted]
        raise AssertionError("\n".join(self.transcript))

    def _named(self, answer: Mapping[str, Any]) -> list[str]:
        """The tools that the answer names, in its order."""
        advice = " ".join(str(answer[key]) for key in _ADVICE if key in answer)
        return [word for word in re.findall(r"[a-z_]+", advice) if word in self._schemas]

    def _readers(self, answer: Mapping[str, Any]) -> list[str]:
        """A tool to read with, whose description speaks of the trouble."""
        trouble = {word for word in _words(answer.get("error", "")) if len(word) > _SHORT_WORD}
        for name, schema in self._schemas.items():
            if name.startswith("get_") and trouble & _words(schema["description"]):
                return [name]
        return []

    def _arguments(self, tool: str) -> dict[str, object]:
        properties = self._schemas[tool]["parameters"]["properties"]
        return {name: self.knows[name] for name in properties if name in self.knows}

    async def _call(self, tool: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        self.called.append(tool)
        self.on_call(tool)
        self.transcript.append(normalized(f"→ {tool} {json.dumps(arguments)}"))
        response = await self.tools.dispatch(tool, arguments)
        envelope = self.tools.envelope(tool, response)
        self.transcript.append(normalized(envelope.text))
        answer = dict(envelope.document)
        self.knows |= {name: answer[name] for name in _TOLD & answer.keys()}
        return answer

    async def _tell(self, answer: Mapping[str, Any]) -> None:
        text = str(answer.get("message") or answer.get("error"))
        self.transcript.append(f"The agent tells its user: {text}")
        await self.user(text)


def _words(text: object) -> set[str]:
    return set(re.findall(r"[a-z]+", str(text).lower())) - {"workspace", "build", "failed"}


def _is_done(answer: Mapping[str, Any]) -> bool:
    at_work = answer["ok"] and answer.get("status") not in {"building", "stopped"}
    return bool(at_work and (answer.get("agent_status") in _USABLE or "exit_code" in answer))
