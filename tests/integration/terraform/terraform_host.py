"""One workspace, built by the real program."""

import asyncio
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from db.clock import SystemClock
from db.states import LogLevel, Transition
from provisioner.protocol import ApplyResult, Checkpoint, ParseResult, PlanResult, Request, unsaved
from provisioner.provisioners.terraform import TerraformProvisioner, child_process
from provisioner.provisioners.terraform.environment import sanitized
from tests.recorded_log import RecordedLog
from tests.terraform_requests import WORKSPACE

GUARD_SECONDS = 50


async def nowhere() -> str:
    """Where agents report that nobody starts."""
    return "http://server.example"


@dataclass
class TerraformHost:
    """A template, the provisioner, and what the last build left."""

    provisioner: TerraformProvisioner
    source: Path
    out: Path
    """A folder for scripts of templates to leave traces in; ``OUT`` in their modules."""
    log: RecordedLog = field(default_factory=RecordedLog)
    interrupt: asyncio.Event = field(default_factory=asyncio.Event)
    state: bytes = b""
    variables: dict[str, str] = field(default_factory=dict)

    def write(self, module: str, name: str = "main.tf") -> None:
        (self.source / name).write_text(module.replace("OUT", str(self.out)))

    async def parse(self) -> ParseResult:
        async with asyncio.timeout(GUARD_SECONDS):
            return await self.provisioner.parse(self.source, self.log)

    async def plan(
        self,
        transition: Transition = Transition.START,
        parameters: Mapping[str, str] | None = None,
        *,
        directory: Path | None = None,
        level: LogLevel = LogLevel.INFO,
    ) -> PlanResult:
        request = self.request(transition, parameters or {}, directory, level)
        async with asyncio.timeout(GUARD_SECONDS):
            return await self.provisioner.plan(self.source, request, self.log, self.interrupt)

    async def build(
        self,
        transition: Transition = Transition.START,
        parameters: Mapping[str, str] | None = None,
        *,
        checkpoint: Checkpoint = unsaved,
    ) -> ApplyResult:
        """Plan and apply as a runner does, and keep the state."""
        with tempfile.TemporaryDirectory() as name:
            planned = await self.plan(transition, parameters, directory=Path(name))
            if planned.error:
                return ApplyResult(error=planned.error)
            request = self.request(transition, parameters or {}, Path(name), LogLevel.INFO)
            async with asyncio.timeout(GUARD_SECONDS):
                result = await self.provisioner.apply(
                    self.source, request, self.log, self.interrupt, checkpoint=checkpoint
                )
        if result.state is not None:
            self.state = result.state
        return result

    async def command(self, arguments: Sequence[str]) -> str:
        """What a program writes."""
        call = child_process.Command(
            arguments=arguments,
            directory=self.out,
            environment={**sanitized(os.environ), "TF_CLI_CONFIG_FILE": os.devnull},
        )
        _, answer, problem = await child_process.answer(
            call, self.out / "command", clock=SystemClock(), limit=timedelta(seconds=GUARD_SECONDS)
        )
        return (answer + problem).decode()

    async def until_said(self, word: str) -> None:
        """Until a script of the template has written that line."""
        await self.log.until_ends(f"(local-exec): {word}")

    def request(
        self, transition: Transition, parameters: Mapping[str, str], directory: Path | None, level: LogLevel
    ) -> Request:
        return Request(
            transition=transition,
            state=self.state,
            parameters=parameters,
            variables=self.variables,
            workspace=WORKSPACE,
            agent_token="agent-token-1",  # noqa: S106 - not one of anybody's
            server_url="http://server.example",
            log_level=level,
            directory=directory,
        )
