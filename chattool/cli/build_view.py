"""A build for people: its phases and log lines as they come, its place in the queue, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, assert_never

from db.states import JobStatus, LogLevel, LogSource, Transition

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

    from rich.status import Status

    from chattool.cli.operations import Build, BuildReport, Operations
    from chattool.cli.screen import Screen
    from db.ids import BuildId
    from db.records import JobLog

_LINE_STYLES = {LogLevel.WARN: "yellow", LogLevel.ERROR: "red"}
_DONE = {Transition.START: "started", Transition.STOP: "stopped", Transition.DELETE: "deleted"}
_NEXT = "pending: next in the queue"
_NO_DAEMON = "no daemon is online that could take this build; start one with: chattool daemon --url URL"


class BuildView:
    """Writes what is new about one build after the other; a context, so that its spinner ends."""

    def __init__(self, screen: Screen, *, indent: int = 2, debug: bool = False) -> None:
        self._screen = screen
        self._indent = indent
        self._debug = debug
        self._stage = ""
        self._waiting = ""
        self._status: Status | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.busy("")

    def busy(self, text: str) -> None:
        """Show what is being waited for, on a terminal; empty: nothing."""
        if not self._screen.out.is_terminal or self._screen.json:
            return
        if self._status is not None:
            self._status.stop()
            self._status = None
        if text:
            self._status = self._screen.out.status(f"[dim]{text}[/dim]", spinner="dots")
            self._status.start()

    async def follow(self, operations: Operations, build_id: BuildId, *, startup: bool = False) -> Build:
        """The build, after it has ended; ``startup`` goes on with its start-up scripts."""
        self._stage = self._waiting = ""
        build: Build | None = None
        async for report in operations.build_reports(build_id):
            build = report.build
            self._show(report)
        assert build is not None  # noqa: S101 - there is always a first report
        if startup and build.transition is Transition.START and build.job.status is JobStatus.SUCCEEDED:
            await self._follow_startup(operations, build_id)
        self.busy("")
        return build

    async def _follow_startup(self, operations: Operations, build_id: BuildId) -> None:
        self.busy("Waiting for the workspace's agent")
        first = True
        async for agent, text in operations.startup_lines(build_id):
            if first:
                self._heading(f"Start-up script of agent {agent}")
                first = False
            self._line(text)

    def _show(self, report: BuildReport) -> None:
        for line in report.lines:
            if line.source is LogSource.PROVISIONER_DAEMON and line.output == line.stage:
                self._heading(line.stage)
                continue
            if not is_shown(line, debug=self._debug):
                continue
            if line.stage != self._stage:
                self._heading(line.stage)
            self._line(line.output, _LINE_STYLES.get(line.level, "dim"))
        status = report.build.job.status
        match status:
            case JobStatus.PENDING:
                self._show_waiting(_waiting_text(report.build))
            case JobStatus.RUNNING:
                self.busy(self._stage or "Starting")
            case JobStatus.CANCELING:
                self.busy("Canceling")
            case JobStatus.SUCCEEDED | JobStatus.FAILED | JobStatus.CANCELED:
                self.busy("")
            case _:
                assert_never(status)

    def _show_waiting(self, text: str) -> None:
        if text == self._waiting:
            return
        self._waiting = text
        self.busy(text)
        if text != _NEXT and not self._screen.out.is_terminal:
            self._line(text)

    def _heading(self, stage: str) -> None:
        if stage and stage != self._stage:
            self._stage = stage
            self._screen.line(stage, indent=self._indent)

    def _line(self, text: str, style: str = "dim") -> None:
        self._screen.line(printable(text), style=style, indent=self._indent + 2)


def ending(build: Build) -> tuple[str, str]:
    """How the build ended, as one line, and the style of that line."""
    job, workspace_name = build.job, build.workspace_name
    status = job.status
    took = duration_text(job.started_at, job.completed_at)
    match status:
        case JobStatus.SUCCEEDED:
            return f"✓ {workspace_name} {_DONE[build.transition]}{took}", "green"
        case JobStatus.FAILED:
            code = f" [{job.error_code}]" if job.error_code else ""
            reason = printable(job.error or "no reason given")
            return f"✗ {build.transition} of {workspace_name} failed{took}: {reason}{code}", "red"
        case JobStatus.CANCELED:
            return f"✗ {build.transition} of {workspace_name} was canceled{took}", "yellow"
        case JobStatus.PENDING | JobStatus.RUNNING | JobStatus.CANCELING:
            return f"… {build.transition} of {workspace_name} is {status}", "dim"
        case _:
            assert_never(status)


def duration_text(start: datetime | None, end: datetime | None) -> str:
    """``" in 1.5 s"``; empty when it did not begin or has not ended."""
    if start is None or end is None:
        return ""
    return f" in {(end - start).total_seconds():.1f} s"


def is_shown(line: JobLog, *, debug: bool) -> bool:
    """Whether people want to read the line; what programs say about themselves is for debugging."""
    return debug or line.level not in {LogLevel.TRACE, LogLevel.DEBUG}


def printable(text: str) -> str:
    """The text without characters that would steer the terminal. Log lines come from anybody's program."""
    return "".join(c if c.isprintable() or c == "\t" else "�" for c in text)


def _waiting_text(build: Build) -> str:
    queue = build.queue
    if queue is None:
        return _NEXT
    if not queue.available:
        return _NO_DAEMON
    if queue.position > 1:
        return f"pending: {queue.position} of {queue.size} in the queue"
    return _NEXT
