"""``chattool agent``: runs inside a workspace; nobody types it."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("agent", hidden=True)(agent)


def agent() -> int:
    """Be the agent of a workspace, as the environment says."""
    from chattool.agent import main

    return main()
