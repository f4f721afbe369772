"""The environment of Terraform: the host's without our secrets, and what a template may know."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.states import LogLevel
from provisioner.errors import ProvisionerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from provisioner.protocol import Request

_CANARY = "CHATTOOL_CANARY"
_HIDDEN_PREFIXES = ("CHATTOOL_", "CODER_", "PG")
_HIDDEN_SUFFIXES = ("DATABASE_URL",)
_CONFUSING = frozenset(
    {"TF_DATA_DIR", "TF_WORKSPACE", "TF_LOG", "TF_LOG_CORE", "TF_LOG_PATH", "TF_LOG_PROVIDER"}
)
"""Would make builds share a folder, or put a log where nobody looks."""
_REPLACED = frozenset({"TF_CLI_CONFIG_FILE", "TF_IN_AUTOMATION", "TF_PLUGIN_CACHE_DIR"})
_NOBODY = "00000000-0000-0000-0000-000000000000"

RESERVED_VARIABLES = frozenset(
    f"chattool_{name}"
    for name in (
        "workspace_id",
        "workspace_name",
        "workspace_owner",
        "workspace_owner_id",
        "workspace_transition",
        "build_id",
        "server_url",
        "agent_token",
    )
)
"""Variables that a template may declare and that we fill in: expressions cannot read the environment."""


class EnvironmentNotSanitized(ProvisionerError):
    """A child process would have been given our secrets."""

    code = "ENVIRONMENT_NOT_SANITIZED"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the environment says about this daemon."""

    server_url: str
    server_url_file: Path | None
    plugin_cache: Path
    cli_config: Path


def plant_canary() -> None:
    """Mark this process's environment, so that a child that is given it unsanitized is noticed."""
    os.environ.setdefault(_CANARY, "not for children")


def require_sanitized(environment: Mapping[str, str]) -> None:
    """Nothing, when the environment is meant for a child.

    Raises:
        EnvironmentNotSanitized: it is this process's own.
    """
    if _CANARY in environment:
        raise EnvironmentNotSanitized(
            "the environment of a child process holds what only the daemon may know"
        )


def sanitized(host: Mapping[str, str]) -> dict[str, str]:
    """The host's environment without our own variables and those of databases.

    What providers of infrastructure read (``AWS_*``, ``GOOGLE_*``, …) stays: it is what they work with.
    """
    kept = {
        name: value
        for name, value in host.items()
        if not name.startswith(_HIDDEN_PREFIXES)
        and not name.endswith(_HIDDEN_SUFFIXES)
        and name not in _CONFUSING
    }
    # Asking a server for newer versions, on every command, is nobody's wish.
    return kept | {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


def terraform_variables(host: Mapping[str, str]) -> list[str]:
    """Names of the host's variables that reach Terraform and change what it does."""
    return sorted(name for name in host if name.startswith("TF_") and name not in _CONFUSING | _REPLACED)


def build_environment(request: Request, host: Mapping[str, str], around: Surroundings) -> dict[str, str]:
    """The whole environment of a plan or apply, of a workspace or, in an import, of nobody's."""
    known = _known_to_templates(request, around.server_url)
    environment = sanitized(host)
    environment |= known
    # Expressions read variables only; a template that does not declare one is not told of it.
    environment |= {f"TF_VAR_{name.lower()}": value for name, value in known.items()}
    environment |= {
        "CHATTOOL_PYTHON": sys.executable,
        "TF_PLUGIN_CACHE_DIR": str(around.plugin_cache),
        "TF_CLI_CONFIG_FILE": str(around.cli_config),
    }
    if around.server_url_file is not None:
        environment["CHATTOOL_SERVER_URL_FILE"] = str(around.server_url_file)
    environment |= _of_coder_provider(request, around.server_url)
    if request.log_level in {LogLevel.DEBUG, LogLevel.TRACE}:
        environment["TF_LOG"] = "JSON"
    return environment


def parameter_environment(request: Request) -> dict[str, str]:
    """Parameters as the ``coder`` provider reads them; for the plan only."""
    return {
        f"CODER_PARAMETER_{hashlib.sha256(name.encode()).hexdigest()}": value
        for name, value in request.parameters.items()
    }


def _known_to_templates(request: Request, server_url: str) -> dict[str, str]:
    workspace = request.workspace
    return {
        "CHATTOOL_WORKSPACE_ID": str(workspace.workspace_id) if workspace else _NOBODY,
        "CHATTOOL_WORKSPACE_NAME": workspace.workspace_name if workspace else "workspace",
        "CHATTOOL_WORKSPACE_OWNER": workspace.owner_name if workspace else "owner",
        "CHATTOOL_WORKSPACE_OWNER_ID": str(workspace.owner_id) if workspace else _NOBODY,
        "CHATTOOL_WORKSPACE_TRANSITION": request.transition.value,
        "CHATTOOL_BUILD_ID": str(workspace.build_id) if workspace else _NOBODY,
        "CHATTOOL_SERVER_URL": server_url,
        "CHATTOOL_AGENT_TOKEN": request.agent_token,
    }


def _of_coder_provider(request: Request, server_url: str) -> dict[str, str]:
    environment = {
        "CODER_AGENT_URL": server_url,
        "CODER_WORKSPACE_TRANSITION": request.transition.value,
    }
    workspace = request.workspace
    if workspace is None:
        return environment
    return environment | {
        "CODER_WORKSPACE_NAME": workspace.workspace_name,
        "CODER_WORKSPACE_OWNER": workspace.owner_name,
        "CODER_WORKSPACE_OWNER_ID": str(workspace.owner_id),
        "CODER_WORKSPACE_OWNER_EMAIL": workspace.owner_email,
        "CODER_WORKSPACE_OWNER_NAME": workspace.owner_name,
        "CODER_WORKSPACE_OWNER_GROUPS": json.dumps(workspace.owner_groups),
        "CODER_WORKSPACE_ID": str(workspace.workspace_id),
        "CODER_WORKSPACE_BUILD_ID": str(workspace.build_id),
        "CODER_WORKSPACE_TEMPLATE_ID": str(workspace.template_id),
        "CODER_WORKSPACE_TEMPLATE_NAME": workspace.template_name,
        "CODER_WORKSPACE_TEMPLATE_VERSION": workspace.template_version_name,
    }
