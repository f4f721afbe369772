"""Terraform's commands as one job runs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from db.states import LogLevel
from provisioner.errors import ProvisionerError, TemplateInvalid
from provisioner.provisioners.terraform import child_process, untrusted_json
from provisioner.provisioners.terraform.diagnostics import error_text, plain_diagnostics
from provisioner.provisioners.terraform.output import JsonLog, TextLog

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from db.clock import Clock
    from provisioner.protocol import LogSink
    from provisioner.provisioners.terraform.cache import PluginCache
    from provisioner.provisioners.terraform.child_process import Ended
    from provisioner.provisioners.terraform.diagnostics import Diagnostic
    from provisioner.provisioners.terraform.job_folder import JobFolder
    from provisioner.provisioners.terraform.program import Program
    from provisioner.provisioners.terraform.redaction import Redaction

_SHOW_LIMIT = timedelta(minutes=5)
_PLAN_PATIENCE = timedelta(seconds=5)
"""From the interrupt of a plan to its end: it has made nothing, so there is nothing to wait for."""
_FORMATTED, _NOT_FORMATTED = 0, 3
_BUSY = "text file busy"
# What says nothing, or what the plan has said already; reading a build's log, one looks for what happens.
_CHATTER = {
    "plan": frozenset({"outputs", "refresh_complete"}),
    "apply": frozenset({"outputs", "planned_change", "version"}),
}


class CommandFailed(ProvisionerError):
    """A command of Terraform's failed."""

    code = "TERRAFORM_FAILED"

    def __init__(self, message: str, errors: Sequence[Diagnostic] = ()) -> None:
        super().__init__(message)
        self.errors = errors


class CommandInterrupted(ProvisionerError):
    """A command was interrupted, or not begun because of an interrupt."""

    code = "TERRAFORM_INTERRUPTED"


@dataclass(frozen=True, kw_only=True)
class Commands:
    """The commands of one job, with everything they share."""

    program: Program
    folder: JobFolder
    environment: Mapping[str, str]
    cache: PluginCache
    log: LogSink
    redaction: Redaction
    clock: Clock
    interrupt: asyncio.Event
    exit_timeout: timedelta

    async def init(self) -> None:
        """Fetch what the template needs.

        Raises:
            CommandFailed, CommandInterrupted: it did not come to a good end.
        """
        async with self.cache.locked(self.interrupt) as got:
            if not got:
                raise CommandInterrupted("interrupted")
            await self._again_when_busy(self._init)
            self.cache.record_use(self.folder.module)

    async def plan(self, *, destroy: bool, environment: Mapping[str, str]) -> None:
        """Write the plan, with further ``environment``.

        Raises:
            CommandFailed, CommandInterrupted: it did not come to a good end.
        """

        async def run() -> None:
            await self._json(
                "plan",
                "-refresh=true",
                f"-out={self.folder.plan}",
                f"-var-file={self.folder.values}",
                *(["-destroy"] if destroy else []),
                environment=environment,
            )

        await self._again_when_busy(run)

    async def apply(self) -> None:
        """Carry out the plan.

        Raises:
            CommandFailed, CommandInterrupted: it did not come to a good end.
        """
        await self._json("apply", "-auto-approve", last=(str(self.folder.plan),))

    async def show_plan(self) -> Mapping[str, object]:
        """What the plan holds; secrets stand in it in clear.

        Raises:
            CommandFailed: Terraform cannot tell.
        """
        return await self._show(str(self.folder.plan))

    async def show_state(self) -> Mapping[str, object]:
        """What the state holds; secrets stand in it in clear.

        Raises:
            CommandFailed: Terraform cannot tell.
        """
        return await self._show()

    async def _init(self) -> None:
        log = TextLog(self.log, LogLevel.DEBUG)
        await self._run("init", ["init", "-no-color", "-input=false"], log, self.environment)

    async def _json(
        self,
        name: str,
        *options: str,
        last: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        arguments = [name, "-no-color", "-input=false", "-json", *options, *last]
        log = JsonLog(self.log, _CHATTER[name])
        await self._run(name, arguments, log, {**self.environment, **(environment or {})})

    async def _run(
        self, name: str, arguments: Sequence[str], stdout: TextLog | JsonLog, environment: Mapping[str, str]
    ) -> None:
        if self.interrupt.is_set():
            raise CommandInterrupted("interrupted")
        stderr = TextLog(self.log, LogLevel.ERROR)
        ended = await child_process.run(
            self._command(arguments, environment),
            self.folder.root / name,
            stdout=stdout,
            stderr=stderr,
            clock=self.clock,
            interrupt=self.interrupt,
            exit_timeout=min(self.exit_timeout, _PLAN_PATIENCE) if name == "plan" else self.exit_timeout,
        )
        stdout.close()
        stderr.close()
        self._check(name, ended, [*stdout.errors, *stderr.errors])

    def _check(self, name: str, ended: Ended, errors: Sequence[Diagnostic]) -> None:
        if ended.code == 0:
            return
        if ended.killed:
            raise CommandFailed(
                f"terraform {name} did not end when it was told to and was killed: what it did is unknown"
            )
        if ended.interrupted:
            raise CommandInterrupted("interrupted")
        otherwise = f"terraform {name} ended with code {ended.code}"
        raise CommandFailed(self.redaction(error_text(errors, otherwise)), errors)

    async def _show(self, *file: str) -> Mapping[str, object]:
        ended, answer, problem = await child_process.answer(
            self._command(["show", "-json", "-no-color", *file], self.environment),
            self.folder.root / "show",
            clock=self.clock,
            limit=_SHOW_LIMIT,
        )
        # The answer holds secrets, and nobody needs it a second time.
        (self.folder.root / "show.out").unlink(missing_ok=True)
        errors = list(plain_diagnostics(problem.decode(errors="replace")))
        self._check("show", ended, errors)
        return untrusted_json.document(answer)

    def _command(self, arguments: Sequence[str], environment: Mapping[str, str]) -> child_process.Command:
        return child_process.Command(
            arguments=(*self.program.command, *arguments),
            directory=self.folder.module,
            environment=environment,
        )

    async def _again_when_busy(self, run: Callable[[], Awaitable[None]]) -> None:
        """A plugin cannot be started while another process still writes it; a moment later it can."""
        try:
            await run()
        except CommandFailed as failure:
            if not any(_BUSY in error.sentence() for error in failure.errors):
                raise
            self.log(LogLevel.WARN, "A plugin was busy; trying once more")
            await run()


async def check_syntax(
    program: Program, source: Path, directory: Path, environment: Mapping[str, str], *, clock: Clock
) -> None:
    """Nothing, when Terraform can read the files of the module ``source``; ``directory`` takes its answer.

    Raises:
        TemplateInvalid: it cannot; the text names file and line.
    """
    arguments = ("fmt", "-check", "-list=false", "-write=false", "-no-color", ".")
    ended, _, problem = await child_process.answer(
        child_process.Command(
            arguments=(*program.command, *arguments), directory=source, environment=environment
        ),
        directory / "fmt",
        clock=clock,
        limit=_SHOW_LIMIT,
    )
    if ended.code in {_FORMATTED, _NOT_FORMATTED}:
        return
    errors = list(plain_diagnostics(problem.decode(errors="replace")))
    raise TemplateInvalid(error_text(errors, f"terraform fmt ended with code {ended.code}"))
