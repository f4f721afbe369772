"""Plays a script from the template, for tests and demonstrations; nothing real is made."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from db.states import ProvisionerType
from provisioner.errors import ProvisionerError
from provisioner.protocol import ApplyResult, ParseResult, PlanResult, unsaved
from provisioner.provisioners.echo_script import Complete, LogStep, Step, read_script
from provisioner.terminal import TerminalError

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from db.clock import Clock
    from provisioner.protocol import Checkpoint, LogSink, Request

_LINES_PER_TURN = 500


class BrokenOff(ProvisionerError):
    """The script broke off without an answer, as it said it would."""

    code = "BROKEN_OFF"
    default_message = "the provisioner broke off without an answer"


class EchoProvisioner:
    """Plays ``<i>.parse.json``, ``<i>.plan.json``, ``<i>.start.apply.json`` and so on."""

    type = ProvisionerType.ECHO

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def parse(self, source: Path, log: LogSink) -> ParseResult:
        """What the script completes with; there is nothing that could interrupt it."""
        steps = read_script(source, "parse")
        answer = await self._play(steps, log, None) if steps else _no_files("parse")
        return ParseResult(readme=answer.readme, variables=answer.variables, error=answer.error)

    async def plan(
        self, source: Path, request: Request, log: LogSink, interrupt: asyncio.Event
    ) -> PlanResult:
        """What the script completes with; without plan files, what the apply will complete with."""
        if steps := read_script(source, *_kinds(request, "plan")):
            answer = await self._play(steps, log, interrupt)
            cost = answer.daily_cost
        elif steps := read_script(source, *_kinds(request, "apply")):
            answer = next((step.complete for step in steps if step.complete), Complete())
            cost = sum(resource.daily_cost for resource in answer.resources)
        else:
            answer, cost = _no_files("plan"), 0
        return PlanResult(
            cost=cost,
            resources=answer.resources,
            parameters=answer.parameters,
            presets=answer.presets,
            state=answer.state,
            error=answer.error,
        )

    async def apply(
        self,
        source: Path,
        request: Request,
        log: LogSink,
        interrupt: asyncio.Event,
        *,
        checkpoint: Checkpoint = unsaved,  # noqa: ARG002 - nothing comes to exist
    ) -> ApplyResult:
        """What the script completes with."""
        steps = read_script(source, *_kinds(request, "apply"))
        answer = await self._play(steps, log, interrupt) if steps else _no_files("apply")
        return ApplyResult(state=answer.state, resources=answer.resources, error=answer.error)

    async def _play(self, steps: list[Step], log: LogSink, interrupt: asyncio.Event | None) -> Complete:
        ignoring = False
        for step in steps:
            ignoring = ignoring or step.ignore_interrupt
            event = None if ignoring else interrupt
            if event is not None and event.is_set():
                return Complete(error="canceled")
            if step.delay is not None and await self._interrupted(event, step.delay):
                return Complete(error="canceled")
            if step.log is not None:
                await self._log(step.log, log)
            if step.crash:
                raise BrokenOff
            if step.terminal is not None:
                raise TerminalError(*step.terminal)
            if step.complete is not None:
                return step.complete
        if interrupt is not None:
            await interrupt.wait()
        return Complete(error="canceled")

    async def _interrupted(self, event: asyncio.Event | None, delay: timedelta) -> bool:
        if event is None:
            await self._clock.sleep(delay)
            return False
        return await self._clock.wait(event, delay)

    async def _log(self, step: LogStep, log: LogSink) -> None:
        for line in range(1, step.repeat + 1):
            log(step.level, step.output, stage=step.stage)
            if line % _LINES_PER_TURN == 0:
                # A flood of lines must not keep heartbeats and cancels from running.
                await self._clock.sleep(timedelta())


def _kinds(request: Request, phase: str) -> tuple[str, str]:
    return f"{request.transition}.{phase}", phase


def _no_files(phase: str) -> Complete:
    return Complete(error=f"no state: {phase}")
