"""``chattool doctor``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from chattool.cli.command import FAILED, OK, Command, run

if TYPE_CHECKING:
    from chattool.cli.verdicts import Check


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("doctor")(doctor)


def doctor(ctx: typer.Context) -> int:
    """Check this installation and the database; the exit code is 1 when something is broken.

    Changes nothing. Example: [cyan]chattool doctor --url postgresql://me@db/chattool[/cyan]
    """
    return run(ctx, _doctor)


async def _doctor(command: Command) -> int:
    from chattool.cli.checks import all_checks
    from chattool.cli.verdicts import Verdict

    found: list[Check] = []
    async for check in all_checks(command.options):
        found.append(check)
        _show(command, check)
    broken = any(check.verdict is Verdict.FAILED for check in found)
    if command.screen.json:
        command.screen.document({"ok": not broken, "checks": [asdict(check) for check in found]})
    return FAILED if broken else OK


def _show(command: Command, check: Check) -> None:
    from chattool.cli.verdicts import Verdict

    mark, style = {
        Verdict.OK: ("✓", ""),
        Verdict.WARNING: ("!", "yellow"),
        Verdict.FAILED: ("✗", "red"),
    }[check.verdict]
    command.screen.line(f"{mark} {check.name:<18} {check.detail}", style=style)
    if check.advice:
        command.screen.line(f"  {'':<18} → {check.advice}", style=style)
