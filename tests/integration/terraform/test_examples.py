"""The Terraform templates that come with chattool can be read, and are formatted."""

from pathlib import Path

import pytest

from provisioner.archive import packed, unpack
from provisioner.provisioners.terraform.program import find_command
from tests.integration.terraform.terraform_host import TerraformHost
from tests.integration.terraform.test_engine import EXAMPLES

FOLDERS = sorted(path.parent for path in EXAMPLES.glob("*/main.tf"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
async def test_an_example_can_be_pushed(folder: Path, host: TerraformHost) -> None:
    unpack(packed(folder), host.source)

    parsed = await host.parse()

    assert parsed.name == folder.name
    assert parsed.description
    assert parsed.readme.startswith("# ")
    assert all(variable.description and variable.required for variable in parsed.variables)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
async def test_an_example_is_formatted(folder: Path, host: TerraformHost) -> None:
    formatted = await host.command([*find_command(), "fmt", "-check", "-diff", str(folder)])

    assert formatted == ""


def test_there_are_three() -> None:
    assert [folder.name for folder in FOLDERS] == ["terraform-aws", "terraform-docker", "terraform-local"]
