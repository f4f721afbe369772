"""Terraform gets the host's environment without our secrets, and what templates may know."""

import hashlib
import os
from pathlib import Path

import pytest

from db.states import LogLevel, Transition
from provisioner.protocol import Request
from provisioner.provisioners.terraform.environment import (
    RESERVED_VARIABLES,
    EnvironmentNotSanitized,
    Surroundings,
    build_environment,
    parameter_environment,
    plant_canary,
    require_sanitized,
    sanitized,
    terraform_variables,
)
from tests.terraform_requests import WORKSPACE

AROUND = Surroundings(
    server_url="http://server:1",
    server_url_file=Path("/run/url"),
    plugin_cache=Path("/cache"),
    cli_config=Path("/cache/tfrc"),
)


@pytest.mark.parametrize(
    "name",
    ["CHATTOOL_TOKEN", "CODER_SESSION_TOKEN", "DATABASE_URL", "MY_DATABASE_URL", "PGPASSWORD", "TF_DATA_DIR"],
)
def test_secrets_of_the_daemon_stay_behind(name: str) -> None:
    assert name not in sanitized({name: "x"})


@pytest.mark.parametrize("name", ["PATH", "HOME", "AWS_SESSION_TOKEN", "GOOGLE_CREDENTIALS", "TF_REGISTRY"])
def test_what_providers_need_is_passed_on(name: str) -> None:
    assert sanitized({name: "x"})[name] == "x"


def test_the_daemons_own_environment_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATTOOL_CANARY", "")
    plant_canary()

    with pytest.raises(EnvironmentNotSanitized):
        require_sanitized(os.environ)
    require_sanitized(sanitized(os.environ))


def test_a_build_knows_its_workspace() -> None:
    request = Request(transition=Transition.START, workspace=WORKSPACE, agent_token="t-1")  # noqa: S106 - not one of anybody's

    found = build_environment(request, {}, AROUND)

    assert found["CHATTOOL_WORKSPACE_NAME"] == "dev"
    assert found["CHATTOOL_WORKSPACE_TRANSITION"] == "start"
    assert found["CHATTOOL_AGENT_TOKEN"] == request.agent_token
    assert found["CHATTOOL_SERVER_URL"] == found["CODER_AGENT_URL"] == "http://server:1"
    assert found["CHATTOOL_SERVER_URL_FILE"] == "/run/url"
    assert found["CODER_WORKSPACE_OWNER_GROUPS"] == '["Everyone", "staff"]'
    assert found["TF_PLUGIN_CACHE_DIR"] == "/cache"
    assert "TF_LOG" not in found


def test_expressions_may_read_the_same_by_reserved_variables() -> None:
    found = build_environment(Request(transition=Transition.STOP, workspace=WORKSPACE), {}, AROUND)

    reserved = {name.removeprefix("TF_VAR_") for name in found if name.startswith("TF_VAR_")}
    assert reserved == RESERVED_VARIABLES
    assert found["TF_VAR_chattool_workspace_transition"] == "stop"


def test_an_import_has_values_for_them_too() -> None:
    found = build_environment(Request(transition=Transition.START), {}, AROUND)

    assert found["TF_VAR_chattool_workspace_name"] == "workspace"
    assert "CODER_WORKSPACE_ID" not in found


def test_parameters_are_named_as_the_coder_provider_looks_for_them() -> None:
    request = Request(transition=Transition.START, parameters={"région": "eu"})

    digest = hashlib.sha256("région".encode()).hexdigest()
    assert parameter_environment(request) == {f"CODER_PARAMETER_{digest}": "eu"}


def test_a_debug_build_asks_for_more_words() -> None:
    request = Request(transition=Transition.START, log_level=LogLevel.DEBUG)

    assert build_environment(request, {}, AROUND)["TF_LOG"] == "JSON"


def test_only_variables_that_matter_are_named() -> None:
    host = {"TF_REGISTRY_CLIENT_TIMEOUT": "1", "TF_LOG": "x", "TF_CLI_CONFIG_FILE": "y", "PATH": "z"}

    assert terraform_variables(host) == ["TF_REGISTRY_CLIENT_TIMEOUT"]
