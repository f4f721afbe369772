"""Makes real infrastructure with Terraform, or with OpenTofu."""

from __future__ import annotations

import asyncio
import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from db.states import LogLevel, ProvisionerType, Transition
from provisioner.protocol import ApplyResult, ParseResult, PlanResult, unsaved
from provisioner.provisioners.terraform.cache import PluginCache
from provisioner.provisioners.terraform.commands import (
    CommandFailed,
    CommandInterrupted,
    Commands,
    check_syntax,
)
from provisioner.provisioners.terraform.environment import (
    Surroundings,
    build_environment,
    parameter_environment,
    plant_canary,
    sanitized,
)
from provisioner.provisioners.terraform.job import Job, job_folder
from provisioner.provisioners.terraform.job_folder import has_resources
from provisioner.provisioners.terraform.plan import OutputInvalid, existing, planned, sensitive_texts
from provisioner.provisioners.terraform.program import Programs
from provisioner.provisioners.terraform.template import KnownTemplates
from provisioner.provisioners.terraform.untrusted_json import TerraformAnswerInvalid, mapping
from provisioner.provisioners.terraform.variables import VariableInvalid
from provisioner.scratch import scratch_folder
from provisioner.template_toml import read_readme
from provisioner.terminal import FailureReason, terminal_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from db.clock import Clock
    from provisioner.protocol import Checkpoint, LogSink, Request
    from provisioner.provisioners.terraform.job_folder import JobFolder
    from provisioner.provisioners.terraform.template import TerraformTemplate

CANCELED = "canceled"
_NOTHING_THERE = "The workspace has no resources; there is nothing to destroy."


class TerraformProvisioner:
    """Carries out templates made of ``.tf`` files.

    ``plugin_cache`` is a folder that all builds share; plugins unused for ``plugin_cache_age`` leave it.
    ``endpoint`` answers where agents report, for requests that do not say so, and ``server_url_file``
    tells agents where to look when that address stops answering. ``program`` is a name or a path; by
    default what is installed. ``cli_config`` is its configuration file, with mirrors and credentials. It
    gets ``exit_timeout`` to end before it is killed.
    """

    type = ProvisionerType.TERRAFORM

    def __init__(
        self,
        plugin_cache: Path,
        clock: Clock,
        endpoint: Callable[[], Awaitable[str]],
        *,
        program: str = "",
        exit_timeout: timedelta = timedelta(minutes=3),
        plugin_cache_age: timedelta = timedelta(days=30),
        cli_config: Path | None = None,
        server_url_file: Path | None = None,
    ) -> None:
        self._cache = PluginCache(plugin_cache.absolute(), clock, plugin_cache_age, cli_config)
        self._clock = clock
        self._endpoint = endpoint
        self._exit_timeout = exit_timeout
        self._server_url_file = server_url_file
        self._programs = Programs(program, clock)
        self._templates = KnownTemplates(clock)
        plant_canary()

    async def parse(self, source: Path, log: LogSink) -> ParseResult:  # noqa: ARG002 - nothing to say
        """What the module's variables and ``template.toml`` say.

        Raises:
            TemplateInvalid: a file cannot be read; the text names file and line.
            ProgramMissing, ProgramUnusable: there is no program, or it is too old.
        """
        environment = sanitized(os.environ)
        with tempfile.TemporaryDirectory(prefix="terraform-", dir=scratch_folder()) as name:
            directory = Path(name)
            program = await self._programs.current(directory, environment)
            await check_syntax(program, source, directory, environment, clock=self._clock)
            template = await self._templates.read(source, directory)
        return template.parse_result(await asyncio.to_thread(read_readme, source))

    async def plan(
        self, source: Path, request: Request, log: LogSink, interrupt: asyncio.Event
    ) -> PlanResult:
        """What an apply would make, and its cost; writes nothing but the job's folder.

        Raises:
            TerminalError: a provider has refused for good (``failures``), or a parameter has a value that
                the template does not allow.
            RateLimited, CapacityUnavailable: a provider has refused for now.
            MissingParameter: a required parameter has no value.
            TemplateInvalid: the template is broken.
            ProgramMissing, ProgramUnusable: there is no program, or it is too old.
        """
        if _nothing_to_destroy(request):
            log(LogLevel.INFO, _NOTHING_THERE)
            return PlanResult()
        with job_folder(request) as folder:
            return await self._plan(source, request, folder, Job(log, interrupt))

    async def apply(
        self,
        source: Path,
        request: Request,
        log: LogSink,
        interrupt: asyncio.Event,
        *,
        checkpoint: Checkpoint = unsaved,
    ) -> ApplyResult:
        """Carry out the plan that lies in the request's folder, or one that is made now.

        Raises:
            TerminalError: a provider has refused for good; the newest state went to ``checkpoint``.
            RateLimited, CapacityUnavailable: a provider has refused for now; the same.
            TemplateInvalid: the template is broken.
            ProgramMissing, ProgramUnusable: there is no program, or it is too old.
        """
        if _nothing_to_destroy(request):
            log(LogLevel.INFO, _NOTHING_THERE)
            return ApplyResult(state=b"")
        job = Job(log, interrupt)
        with job_folder(request) as folder:
            if not folder.planned:
                made = await self._plan(source, request, folder, job)
                if made.error:
                    return ApplyResult(error=made.error)
            template = await self._templates.read(source, folder.root)
            commands = await self._commands(template, request, folder, job)
            return await self._apply(commands, request, job, checkpoint)

    async def _plan(self, source: Path, request: Request, folder: JobFolder, job: Job) -> PlanResult:
        template = await self._templates.read(source, folder.root)
        job.redaction.add(template.secrets(request))
        if problem := template.problem(request):
            raise terminal_error(FailureReason.VALIDATION_FAILURE, "%s", job.redaction(problem))
        job.name_host_variables()
        try:
            values = template.values(request)
            await asyncio.to_thread(folder.prepare, source, request.state)
            folder.write_values(values)
            commands = await self._commands(template, request, folder, job)
            await commands.init()
            await commands.plan(
                destroy=request.transition is Transition.DELETE,
                environment=parameter_environment(request),
            )
            document = await commands.show_plan()
            job.redaction.add(sensitive_texts(mapping(document.get("planned_values"))))
            found = planned(document)
        except CommandInterrupted:
            return PlanResult(error=CANCELED)
        except (CommandFailed, TerraformAnswerInvalid, OutputInvalid, VariableInvalid) as error:
            if (refused := job.refusal(error)) is not None:
                raise refused from error
            return PlanResult(error=str(error))
        for name in found.unknown_costs:
            job.log(LogLevel.WARN, f"The cost of {name} is not known yet; it counts 0.")
        return PlanResult(
            cost=found.cost + template.cost(request),
            resources=found.resources,
            parameters=(*template.parameters, *found.parameters),
            presets=(*(template.toml.presets if template.toml else ()), *found.presets),
            unknown_costs=found.unknown_costs,
        )

    async def _apply(
        self, commands: Commands, request: Request, job: Job, checkpoint: Checkpoint
    ) -> ApplyResult:
        state = commands.folder.state
        ended = asyncio.Event()
        keeping = asyncio.create_task(state.keep(checkpoint, self._clock, ended))
        try:
            await commands.apply()
        except CommandInterrupted:
            return ApplyResult(state=state.newest(), error=CANCELED)
        except CommandFailed as failure:
            newest = state.newest()
            if (found := job.refusal(failure)) is None:
                return ApplyResult(state=newest, error=str(failure))
            if newest is not None:
                await checkpoint(newest)
            raise found from failure
        except asyncio.CancelledError:
            # Killed: whoever did it hears of the state by no other way.
            if (newest := state.newest()) is not None:
                await checkpoint(newest)
            raise
        finally:
            ended.set()
            await asyncio.gather(keeping, return_exceptions=True)
        return await self._result(commands, request)

    async def _result(self, commands: Commands, request: Request) -> ApplyResult:
        """What exists after an apply that succeeded."""
        state = commands.folder.state.newest()
        if request.transition is Transition.DELETE and not has_resources(state or b""):
            return ApplyResult(state=b"")
        try:
            document = await commands.show_state()
            commands.redaction.add(sensitive_texts(mapping(document.get("values"))))
            return ApplyResult(state=state, resources=existing(document))
        except (CommandFailed, TerraformAnswerInvalid, OutputInvalid) as error:
            return ApplyResult(state=state, error=str(error))

    async def _commands(
        self, template: TerraformTemplate, request: Request, folder: JobFolder, job: Job
    ) -> Commands:
        job.redaction.add(template.secrets(request))
        url = request.server_url
        if not url and request.workspace is not None:
            url = await self._endpoint()
        around = Surroundings(
            server_url=url,
            server_url_file=self._server_url_file,
            plugin_cache=self._cache.directory,
            cli_config=self._cache.cli_config,
        )
        environment = build_environment(request, os.environ, around)
        return Commands(
            program=await self._programs.current(folder.root, environment),
            folder=folder,
            environment=environment,
            cache=self._cache,
            log=job.log,
            redaction=job.redaction,
            clock=self._clock,
            interrupt=job.interrupt,
            exit_timeout=self._exit_timeout,
        )


def _nothing_to_destroy(request: Request) -> bool:
    # Without a look at the template: a broken one must not keep an empty workspace alive.
    return request.transition is Transition.DELETE and not has_resources(request.state)
