"""The real program: one that is installed, or the library."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from db.clock import SystemClock
from provisioner.provisioners.terraform import TerraformProvisioner
from provisioner.provisioners.terraform.program import ProgramMissing, find_command
from tests.integration.terraform.terraform_host import TerraformHost, nowhere


@pytest.fixture(scope="session", autouse=True)
def terraform_program() -> None:
    """Skips without any program, or fails where CI=true."""
    try:
        find_command()
    except ProgramMissing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def plugin_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests of a process, as daemons share it."""
    return tmp_path_factory.mktemp("plugins")


@pytest.fixture
def host(tmp_path: Path, plugin_cache: Path) -> TerraformHost:
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    provisioner = TerraformProvisioner(
        plugin_cache, SystemClock(), nowhere, exit_timeout=timedelta(seconds=15)
    )
    return TerraformHost(provisioner, source, out)
