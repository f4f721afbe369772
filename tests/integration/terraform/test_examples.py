"""The Terraform templates that come with chattool can be read, and are formatted."""

from pathlib import Path

import pytest

from db.clock import SystemClock
from provisioner.archive import packed, unpack
from provisioner.provisioners.terraform import TerraformProvisioner
from provisioner.provisioners.terraform.program import find_command
from tests.integration.terraform.terraform_host import TerraformHost, nowhere
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


@pytest.mark.parametrize(
    ("name", "provider", "variables"),
    [
        ("terraform-docker", "kreuzwerker/docker", {"image": "my/workspace:latest"}),
        (
            "terraform-aws",
            "hashicorp/aws",
            {"region": "eu-central-1", "subnet_id": "subnet-0a1b", "ami_id": "ami-0a1b"},
        ),
    ],
)
async def test_an_example_is_refused_only_for_the_provider_that_cannot_be_had(
    name: str, provider: str, variables: dict[str, str], host: TerraformHost, plugin_cache: Path
) -> None:
    """Offline this is as far as it goes: everything before the provider is right."""
    unpack(packed(EXAMPLES / name), host.source)
    config = host.out / "offline.tfrc"
    mirror = f'filesystem_mirror {{ path = "{host.out}" }}'
    config.write_text(f"provider_installation {{\n  {mirror}\n}}\n")
    host.provisioner = TerraformProvisioner(plugin_cache, SystemClock(), nowhere, cli_config=config)
    host.variables = variables

    planned = await host.plan()

    assert provider in planned.error
    assert "more error" not in planned.error


def test_there_are_three() -> None:
    assert [folder.name for folder in FOLDERS] == ["terraform-aws", "terraform-docker", "terraform-local"]
