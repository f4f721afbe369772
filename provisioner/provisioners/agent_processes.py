"""Starting workspace agents so that they outlive the build and the daemon."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import ProvisionerError
from provisioner.provisioners.local_state import AgentProcess
from provisioner.provisioners.processes import WORKSPACE_VARIABLE, started_at

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from provisioner.protocol import Request, WorkspaceMetadata
    from provisioner.provisioners.local_plan import StartPlan

INHERITED_VARIABLES = frozenset(
    {"HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"}
)
"""What an agent gets of the daemon's environment, beside ``LC_*``. Never the daemon's secrets."""

# The shell leaves at once, so the agent is nobody's child: a daemon need not stay to collect it.
_DETACH = 'log="$1"; shift; "$@" </dev/null >"$log" 2>&1 & echo "$!"'


class AgentNotStarted(ProvisionerError):
    """The agent's process could not be started."""

    code = "AGENT_NOT_STARTED"


@dataclass(frozen=True, kw_only=True)
class ServerAddress:
    """Where agents report."""

    url: str
    url_file: Path | None = None
    """A file that holds the address in force, for servers whose port changes."""
    ca_file: Path | None = None
    """Certificate authorities to trust instead of the system's."""


async def start_agent(
    name: str, *, directory: Path, log_file: Path, environment: Mapping[str, str]
) -> AgentProcess:
    """Start the workspace agent ``name`` in a session of its own.

    Raises:
        AgentNotStarted: it did not start; the text says why.
        OSError: the log's folder cannot be written.
    """
    log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # -P: a file in the workspace must not be taken for one of Python's modules.
    agent = (sys.executable, "-P", "-m", "chattool.agent")
    shell = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        _DETACH,
        "sh",
        str(log_file),
        *agent,
        cwd=directory,
        env={**environment, "CHATTOOL_AGENT_NAME": name},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    output, problem = await shell.communicate()
    if shell.returncode != 0 or not output.strip().isdigit():
        text = problem.decode(errors="replace").strip() or f"the shell ended with {shell.returncode}"
        raise AgentNotStarted(f'agent "{name}" was not started: {text}')
    pid = int(output)
    return AgentProcess(name=name, pid=pid, started=await asyncio.to_thread(started_at, pid))


def agent_environment(
    request: Request,
    workspace: WorkspaceMetadata,
    *,
    directory: Path,
    server: ServerAddress,
    plan: StartPlan,
) -> dict[str, str]:
    """The whole environment of a workspace's agents."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in INHERITED_VARIABLES or name.startswith("LC_")
    }
    environment |= {
        "CHATTOOL_AGENT_TOKEN": request.agent_token,
        "CHATTOOL_SERVER_URL": server.url,
        WORKSPACE_VARIABLE: str(workspace.workspace_id),
        "CHATTOOL_WORKSPACE_NAME": workspace.workspace_name,
        "CHATTOOL_WORKSPACE_OWNER": workspace.owner_name,
        "CHATTOOL_WORKSPACE_OWNER_ID": str(workspace.owner_id),
        "CHATTOOL_WORKSPACE_TRANSITION": request.transition.value,
        "CHATTOOL_WORKSPACE_DIRECTORY": str(directory),
        "CHATTOOL_BUILD_ID": str(workspace.build_id),
    }
    if server.url_file is not None:
        environment["CHATTOOL_SERVER_URL_FILE"] = str(server.url_file)
    if server.ca_file is not None:
        environment["CHATTOOL_SERVER_CA_FILE"] = str(server.ca_file)
    environment |= {_variable("PARAMETER", name): value for name, value in plan.values.items()}
    environment |= {_variable("VARIABLE", name): value for name, value in plan.variables.items()}
    return environment


def _variable(kind: str, name: str) -> str:
    return f"CHATTOOL_{kind}_{re.sub('[^A-Z0-9]', '_', name.upper())}"
