"""From a build to a request to the provisioner, and from its plan to what the log says about credits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.states import LogLevel
from provisioner.protocol import Request
from quota.credits import MAX_CREDITS

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.jobs import BuildWork
    from provisioner.log_buffer import LogBuffer
    from provisioner.protocol import PlanResult
    from quota import QuotaCommit


def request(work: BuildWork, agent_token: str, directory: Path) -> Request:
    """What the provisioner is told about a build."""
    return Request(
        transition=work.transition,
        state=work.state,
        parameters=work.parameters,
        previous_parameters=work.previous_parameters,
        variables=work.variables,
        preset=work.preset,
        workspace=work.metadata,
        agent_token=agent_token,
        log_level=work.log_level,
        directory=directory,
    )


def problem(plan: PlanResult) -> str:
    """Why a plan cannot be carried out; empty when it can."""
    if plan.error:
        return plan.error
    if not 0 <= plan.cost <= MAX_CREDITS:
        return f"the plan costs {plan.cost} credits, which is outside 0 to {MAX_CREDITS}"
    return ""


def log_commit(logs: LogBuffer, cost: int, commit: QuotaCommit) -> None:
    """Say what the quota commit decided."""
    logs.say(f"Build cost: {cost}")
    logs.say(f"Budget: {commit.budget}")
    logs.say(f"Credits consumed: {commit.credits_consumed}")
    if not commit.ok:
        logs.say("This build asks for more than the quota leaves.", LogLevel.WARN)
