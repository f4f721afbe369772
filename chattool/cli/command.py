"""Running a command: its event loop, its errors, its exit code."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool.cli.options import Options
from chattool.cli.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import typer

log = logging.getLogger(__name__)

OK, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
PIPE_CLOSED = 141
"""What shells say of a command whose reader went away."""


class WrongUsage(Exception):
    """The command line cannot be meant as it was written."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What every command is given."""

    options: Options
    screen: Screen


def named_values(option: str, pairs: Sequence[str]) -> dict[str, str]:
    """What an option was given that takes ``NAME=VALUE`` and may be repeated; of one name the last counts.

    Raises:
        WrongUsage: one of them is no pair.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise WrongUsage(f"{option} takes NAME=VALUE, not {name!r}")  # a value may be a secret
        found[name] = value
    return found


def run(ctx: typer.Context, work: Callable[[Command], Awaitable[int | None]]) -> int:
    """The exit code of ``work``; what it raises becomes one readable line, or one JSON document."""
    options = ctx.ensure_object(Options)
    screen = Screen(json=options.json)
    _configure_logging(debug=options.debug)
    try:
        return asyncio.run(_finished(work(Command(options=options, screen=screen)))) or OK
    except (KeyboardInterrupt, asyncio.CancelledError):
        return report(screen, "interrupted", "INTERRUPTED", INTERRUPTED)
    except BrokenPipeError:
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001 - the last place that can make one line of it
        return reported(screen, error, debug=options.debug)


def report(screen: Screen, text: str, code: str, exit_code: int, **facts: object) -> int:
    """Say what went wrong; returns ``exit_code``."""
    if screen.json:
        screen.document({"error": text, "code": code, **facts})
    else:
        screen.error(text)
    return exit_code


async def _finished(work: Awaitable[int | None]) -> int | None:
    return await work


def reported(screen: Screen, error: Exception, *, debug: bool) -> int:
    """Say what was raised; returns the exit code for it."""
    from db.errors import ChattoolError, RequestError

    if debug:
        log.error("the command failed", exc_info=error)
    if isinstance(error, WrongUsage):
        return report(screen, str(error), "USAGE", WRONG_USAGE)
    if isinstance(error, RequestError):
        fields = [{"field": wrong.field, "detail": wrong.detail} for wrong in error.validations]
        reasons = list(dict.fromkeys([error.detail, *(wrong.detail for wrong in error.validations)]))
        text = ": ".join(filter(None, [str(error).rstrip("."), " ".join(filter(None, reasons))]))
        facts: dict[str, object] = {"validations": fields} if fields else {}
        return report(screen, text, error.code, FAILED, **facts)
    if isinstance(error, ChattoolError):
        retryable = {"retryable": True} if error.retryable else {}
        return report(screen, str(error), error.code, FAILED, **retryable)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return report(screen, f"{where}{error.strerror}", "SYSTEM", FAILED)
    text = f"internal error: {type(error).__name__}: {error} (--debug shows more)"
    return report(screen, text, "INTERNAL", FAILED)


def _configure_logging(*, debug: bool) -> None:
    # Without a handler Python would print warnings, tracebacks included, between our lines.
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s: %(message)s")
    else:
        logging.getLogger().addHandler(logging.NullHandler())
