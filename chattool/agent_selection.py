"""Which of a workspace's agents the chat uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.errors import AgentSelectionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chattool.backend import Agent


def root_agents(agents: Sequence[Agent]) -> list[Agent]:
    """The agents without a parent, in the order in which they are shown."""
    roots = [agent for agent in agents if agent.parent_id is None]
    return sorted(roots, key=lambda agent: (agent.display_order, agent.name.lower(), agent.id))


def selected_agent(agents: Sequence[Agent], suffix: str) -> Agent:
    """The one whose name ends with ``suffix``, else the first.

    Raises:
        AgentSelectionError: there is none, or several names end so.
    """
    roots = root_agents(agents)
    if not roots:
        raise AgentSelectionError("no eligible workspace agents found")
    matches = [agent for agent in roots if agent.name.lower().endswith(suffix.lower())]
    if len(matches) > 1:
        names = ", ".join(agent.name for agent in matches)
        raise AgentSelectionError(
            f'multiple agents match the chat suffix "{suffix}": {names}; '
            "only one agent should use this suffix"
        )
    return matches[0] if matches else roots[0]
