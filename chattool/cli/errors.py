"""``chattool errors``: what ``chattool.chaterror`` makes of an error, and why."""

from __future__ import annotations

import ast
import json
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import Command, WrongUsage, run

if TYPE_CHECKING:
    from chattool.chaterror import ClassifiedError

app = typer.Typer(help="Understand errors of LLM providers.", no_args_is_help=True)

_STDIN = "-"
#: More than ``classify`` reads of a body, so that it is told the truth about its size.
_MOST_BYTES = 1 << 20
_MOST_QUOTED = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is known of an error, as it was given on the command line."""

    text: str = ""
    status: int = 0
    headers: tuple[str, ...] = ()
    body: bytes = b""
    provider: str = ""


@app.command("explain")
def explain(
    ctx: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="A log line or the text of an exception.", show_default=False),
    ] = None,
    status: Annotated[
        int, typer.Option("--status", min=0, max=599, help="HTTP status of the answer.", show_default=False)
    ] = 0,
    header: Annotated[
        list[str] | None,
        typer.Option(
            "--header",
            "-H",
            metavar="NAME: VALUE",
            help="A header of the answer; repeat it.",
            show_default=False,
        ),
    ] = None,
    body: Annotated[
        str, typer.Option("--body", help="Body of the answer; - reads standard input.", show_default=False)
    ] = "",
    provider: Annotated[
        str, typer.Option("--provider", help="Who answered, like openai or google.", show_default=False)
    ] = "",
) -> int:
    """Say what an error is, whether another try helps, what to do, and which evidence decided.

    Without TEXT and --body, standard input is read: a log line, a body, or a whole answer with its HTTP head.
    Nothing is sent anywhere, and keys are not repeated.

    For example:

    [cyan]chattool errors explain "429 too many requests, try again in 7s"[/cyan]

    [cyan]curl -is $URL | chattool errors explain --provider openai[/cyan]

    [cyan]chattool errors explain --status 429 -H "Retry-After: 4" --body '{"code": "slow_down"}'[/cyan]
    """
    return run(
        ctx,
        lambda command: _explain(command, " ".join(text or ()), status, tuple(header or ()), body, provider),
    )


async def _explain(
    command: Command, text: str, status: int, headers: tuple[str, ...], body: str, provider: str
) -> None:
    from chattool.chaterror import classify

    report = Report(
        text=text,
        status=status,
        headers=headers,
        body=_standard_input() if _reads_standard_input(text, status, body) else body.encode(),
        provider=provider,
    )
    found = classify(_error(report), provider=provider or None)
    if found.is_empty:
        raise WrongUsage("there is nothing to explain: give a text, --status, or a body (try --help)")
    command.screen.show(_document(found), command.screen.facts(_facts(found)))


def _reads_standard_input(text: str, status: int, body: str) -> bool:
    return body == _STDIN or (not text and not body and (not status or not sys.stdin.isatty()))


def _standard_input() -> bytes:
    if sys.stdin.isatty():
        return b""
    return sys.stdin.buffer.read(_MOST_BYTES)


def _error(report: Report) -> BaseException:
    """The exception that a host would have raised about it."""
    from chattool.chaterror import ProviderError

    body = report.body
    # What comes without a status and looks neither like JSON nor like an answer is a line of a log.
    if body and not (report.status or report.headers or body.lstrip()[:5] == b"HTTP/" or _is_json(body)):
        return _line(" ".join(filter(None, (report.text, body.decode("utf-8", "replace")))))
    if not body and not report.status and not report.headers:
        return _line(report.text)
    return ProviderError(
        report.text,
        status_code=report.status,
        headers=_headers(report.headers),
        body=_last_answer(body.lstrip()) or None,
        provider=report.provider,
    )


def _line(text: str) -> BaseException:
    """The exception that left this line in a log; SDKs quote the body in it as Python prints an object."""
    from chattool.chaterror import ProviderError

    start, end = text.find("{'"), text.rfind("}") + 1
    if 0 <= start < end and end - start <= _MOST_QUOTED:
        try:
            body = ast.literal_eval(text[start:end])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            body = None
        if isinstance(body, dict):
            return ProviderError(text[:start], body=body)
    return RuntimeError(text)


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict | list)
    except (ValueError, RecursionError):
        return False


def _last_answer(body: bytes) -> bytes:
    """Heads of several answers, as ``curl -i`` prints them for redirects and proxies: the last one counts."""
    while match := re.match(rb"HTTP/[^\r\n]*(?:\r?\n[^\r\n]+)*\r?\n\r?\n(?=HTTP/)", body):
        body = body[match.end() :]
    return body


def _headers(lines: tuple[str, ...]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise WrongUsage(f"--header {line!r} is no header; write NAME: VALUE")
        headers[name.strip()] = value.strip()
    return headers


def _document(found: ClassifiedError) -> dict[str, object]:
    from chattool.chaterror import terminal_payload
    from chattool.chaterror.rows import meaning

    payload = terminal_payload(found) or {}
    if found.retry_after:
        payload["retry_after_seconds"] = found.retry_after.total_seconds()
    return payload | {
        "next_step": _next_step(found),
        "evidence": found.evidence,
        "evidence_means": meaning(found.evidence),
    }


def _next_step(found: ClassifiedError) -> str:
    from chattool.chaterror import next_step

    if found.evidence == "E27" and not found.status_code:
        return "Nothing in it is known: give --status, -H and --body of the answer, if one arrived."
    return next_step(found)


def _facts(found: ClassifiedError) -> list[tuple[str, object]]:
    from chattool.chaterror.rows import meaning
    from chattool.cli.build_view import printable

    facts = [
        ("kind", found.kind),
        ("retryable", "yes" if found.retryable else "no"),
        ("headline", found.message),
        ("next step", _next_step(found)),
        ("detail", found.detail),
        ("provider", found.provider),
        ("status", found.status_code or ""),
        ("code", found.code),
        ("retry after", f"{found.retry_after.total_seconds():g} s" if found.retry_after else ""),
        ("renews", found.reset_at.isoformat() if found.reset_at else ""),
        ("evidence", f"{found.evidence} ({meaning(found.evidence)})"),
    ]
    # The text may come from anybody, and must not command the terminal.
    return [(name, printable(str(value))) for name, value in facts if value]
