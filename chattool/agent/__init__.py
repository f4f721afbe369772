"""The workspace agent: connects out to the server, runs the start-up script, reports how it goes.

Started inside a workspace as ``python -m chattool.agent`` or ``chattool agent``. Whoever starts it
names server, token and agent in its environment (``chattool.agent.settings``).
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> int:
    """Run the agent until it is told to end; the exit code."""
    # Late, so that ``chattool --help`` does not pay for it.
    from chattool.agent.process import run_agent  # noqa: PLC0415

    return run_agent()
