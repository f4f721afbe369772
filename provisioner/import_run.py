"""The import of a template version: parse it, then plan a start and a stop to learn what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from db.errors import JobCanceled, LeaseLost
from db.states import JobErrorCode, JobStatus, LogLevel, Transition
from provisioner import failures
from provisioner.failure_codes import code_for_text
from provisioner.jobs import Imported, Outcome
from provisioner.parameters import contradiction
from provisioner.protocol import Request

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine
    from pathlib import Path

    from provisioner.jobs import ImportWork
    from provisioner.log_buffer import LogBuffer
    from provisioner.protocol import PlanResult, Provisioner

T = TypeVar("T")

_STAGES = {
    Transition.START: "Detecting persistent resources",
    Transition.STOP: "Detecting ephemeral resources",
}


class Call(Protocol):
    """Runs a provisioner's call under the runner's supervision."""

    async def __call__(self, answer: Coroutine[object, object, T], /) -> T: ...


async def run_import(
    provisioner: Provisioner,
    work: ImportWork,
    source: Path,
    logs: LogBuffer,
    *,
    directory: Path,
    interrupt: asyncio.Event,
    call: Call,
) -> Outcome:
    """How the import ends. Nothing but the version's row is ever written for it."""
    plans: dict[Transition, PlanResult] = {}
    try:
        logs.enter("Parsing template")
        parsed = await call(provisioner.parse(source, logs.provisioner))
        if parsed.error:
            return _refused(parsed.error)
        missing = sorted(v.name for v in parsed.variables if v.required and v.name not in work.variables)
        if missing:
            return failures.failed(
                f"required template variables need values: {', '.join(missing)}",
                code=JobErrorCode.REQUIRED_TEMPLATE_VARIABLES,
            )
        known = {variable.name for variable in parsed.variables}
        for name in sorted(work.variables.keys() - known):
            logs.say(f'The template has no variable "{name}"; its value is not used.', LogLevel.WARN)
        for transition, stage in _STAGES.items():
            logs.enter(stage)
            request = Request(transition=transition, variables=work.variables, directory=directory)
            plan = await call(provisioner.plan(source, request, logs.provisioner, interrupt))
            if plan.error:
                return _refused(plan.error)
            plans[transition] = plan
    except (failures.Stopped, LeaseLost, JobCanceled):
        raise
    except Exception as error:  # noqa: BLE001 - a provisioner may break in any way
        return failures.broken(error, "import template")
    start = plans[Transition.START]
    if problem := contradiction(start.parameters, start.presets):
        return failures.failed(problem)
    imported = Imported(parsed=parsed, start=start, stop=plans[Transition.STOP])
    return Outcome(status=JobStatus.SUCCEEDED, imported=imported)


def _refused(error: str) -> Outcome:
    return failures.failed(error, code=code_for_text(error))
