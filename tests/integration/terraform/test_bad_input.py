"""Templates and programs that are no good: said readably, and nothing else is touched by them."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chattool.errors import TemplateImportFailed
from db import templates
from db.records import Job, Template
from db.states import ProvisionerType
from provisioner import imports
from provisioner.archive import DEFAULT_LIMITS
from provisioner.terminal import FailureReason, failure_detail
from tests.integration.terraform.engine_host import TerraformEngine, terraform_engine

GOOD = """
variable "chattool_workspace_transition" { type = string }
resource "terraform_data" "x" {}
output "daily_cost" { value = var.chattool_workspace_transition == "start" ? 20 : 5 }
"""
RULE = """
variable "size" {
  type    = string
  default = "s"
  validation {
    condition     = contains(["s", "m"], var.size)
    error_message = "The size is s or m."
  }
}
"""
UNREACHABLE = """
terraform {
  required_providers {
    none = { source = "127.0.0.1:1/acme/none" }
  }
}
resource "none_thing" "x" {}
"""


@pytest.fixture
async def host(tmp_path: Path, plugin_cache: Path) -> AsyncIterator[TerraformEngine]:
    async with terraform_engine(tmp_path, plugin_cache) as host:
        await host.engine.set_allowance("Everyone", 100)
        yield host


async def in_use(host: TerraformEngine) -> Template:
    """A template that a workspace is made of."""
    template = await host.template("tf", GOOD)
    created = await host.call("create_workspace", template_id=str(template.id), name="dev")
    assert created["created"]
    return template


async def assert_untouched(host: TerraformEngine, before: Template) -> None:
    """The active version, the workspace of it and its credits are as they were; it can be built."""
    now = await host.engine.store.read(templates.template, before.id)
    assert now.active_version_id == before.active_version_id
    assert await host.consumed() == 20
    assert (await host.call("stop_workspace"))["stopped"]
    assert (await host.call("start_workspace"))["started"]
    assert await host.consumed() == 20


@pytest.mark.parametrize(
    ("module", "code", "words"),
    [
        ('variable "x" {\n  default =\n}\n', "TEMPLATE_IMPORT_FAILED", "main.tf:2: Invalid expression"),
        ('resource "x" {\n', "TEMPLATE_IMPORT_FAILED", "main.tf:1: "),
        ('variable "x" {}\n', "REQUIRED_TEMPLATE_VARIABLES", "required template variables need values: x"),
        (UNREACHABLE, "TEMPLATE_IMPORT_FAILED", "could not connect to 127.0.0.1:1"),
        (GOOD + "resource {}\n", "TEMPLATE_IMPORT_FAILED", "main.tf:5: "),
        (
            GOOD.replace("20 : 5", '"ten" : "one"'),
            "TEMPLATE_IMPORT_FAILED",
            'output "daily_cost" is not a number',
        ),
        (GOOD.replace("20 : 5", "-2e30 : 5"), "TEMPLATE_IMPORT_FAILED", 'output "daily_cost" is larger than'),
        (
            GOOD + 'output "agents" { value = [{}] }\n',
            "TEMPLATE_IMPORT_FAILED",
            'output "agents" must be a list',
        ),
    ],
    ids=["expression", "block", "variable", "provider", "labels", "cost", "huge-cost", "agents"],
)
async def test_a_version_that_cannot_be_imported_changes_nothing(
    host: TerraformEngine, module: str, code: str, words: str
) -> None:
    good = await in_use(host)

    with pytest.raises(TemplateImportFailed) as failed:
        await host.template("tf", module)

    assert failed.value.code == code
    assert words in str(failed.value)
    await assert_untouched(host, good)


async def test_a_variable_against_its_rule_is_a_final_refusal_of_the_push(host: TerraformEngine) -> None:
    good = await in_use(host)

    with pytest.raises(TemplateImportFailed) as failed:
        await host.template("tf", GOOD + RULE, size="xxl")

    found = failure_detail(failed.value)
    assert found is not None
    assert found.reason is FailureReason.VALIDATION_FAILURE
    assert "The size is s or m." in found.detail
    assert failed.value.failure_reason == "VALIDATION_FAILURE"
    await assert_untouched(host, good)


async def test_a_parameter_against_its_rule_is_a_final_refusal_of_the_build(host: TerraformEngine) -> None:
    folder = host.folder / "tf"
    folder.mkdir()
    (folder / "template.toml").write_text('name = "tf"\n[[parameters]]\nname = "size"\n')
    template = await host.template("tf", GOOD + RULE)

    refused = await host.call("create_workspace", template_id=str(template.id), parameters={"size": "xxl"})

    assert (refused["failure_reason"], refused["retryable"]) == ("VALIDATION_FAILURE", False)
    assert "The size is s or m." in refused["error"]
    assert await host.consumed() == 0


async def test_a_required_parameter_without_a_value_is_named(host: TerraformEngine) -> None:
    folder = host.folder / "tf"
    folder.mkdir()
    (folder / "template.toml").write_text('name = "tf"\n[[parameters]]\nname = "size"\n')
    template = await host.template("tf", GOOD + 'variable "size" {}\n')

    toolset = await host.engine.toolset()
    refused = await toolset.dispatch("create_workspace", {"template_id": str(template.id)})

    assert not refused.ok
    assert '"size"' in refused.content
    assert await host.consumed() == 0


async def test_credits_of_a_build_that_failed_half_way_are_held_until_the_delete(
    host: TerraformEngine,
) -> None:
    broken = 'resource "terraform_data" "y" {\n  provisioner "local-exec" { command = "exit 3" }\n}\n'
    template = await host.template("tf", GOOD + broken)

    failed = await host.call("create_workspace", template_id=str(template.id))
    held = await host.consumed()
    await host.delete(failed["workspace_id"])

    assert "local-exec provisioner error" in failed["error"]
    assert any("main.tf:" in line for line in failed["last_log_lines"])
    assert (held, await host.consumed()) == (20, 0)
    assert await host.deleted(failed["workspace_id"])


def tar(add: Callable[[tarfile.TarFile], None], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        add(archive)
    data: bytes = buffer.getvalue()
    return data


def entry(name: str, size: int = 0, **more: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    for key, value in more.items():
        setattr(member, key, value)
    return member


def bomb() -> bytes:
    """A few KiB that would unpack to a GiB."""
    return gzip.compress(
        tar(lambda archive: archive.addfile(entry("main.tf", 1 << 24), io.BytesIO(bytes(1 << 24))))
    )


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("main.tf", bytes(1 << 24))
    return buffer.getvalue()


def link() -> bytes:
    return tar(
        lambda archive: archive.addfile(entry("main.tf", type=tarfile.SYMTYPE, linkname="../../etc/passwd"))
    )


def outside() -> bytes:
    return tar(lambda archive: archive.addfile(entry("../main.tf")))


def too_large() -> bytes:
    size = DEFAULT_LIMITS.file_bytes + 1
    return tar(lambda archive: archive.addfile(entry("main.tf", size), io.BytesIO(bytes(size))))


def too_many() -> bytes:
    def add(archive: tarfile.TarFile) -> None:
        for number in range(DEFAULT_LIMITS.count + 1):
            archive.addfile(entry(f"{number}.tf"))

    return tar(add)


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        (bomb, "not a readable, uncompressed tar"),
        (zipped, "not a readable, uncompressed tar"),
        (link, '"main.tf" is a link that leaves the folder'),
        (outside, '"../main.tf" leaves the folder'),
        (too_large, '"main.tf" is larger than 10485760 bytes'),
        (too_many, "the template has over 10000 entries"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
async def test_an_archive_that_must_not_be_unpacked_changes_nothing(
    host: TerraformEngine, archive: Callable[[], bytes], words: str
) -> None:
    good = await in_use(host)

    job = await imported(host, archive())

    assert str(job.error).startswith("unpack template: ")
    assert words in str(job.error)
    await assert_untouched(host, good)


async def imported(host: TerraformEngine, archive: bytes) -> Job:
    """The job that imported the archive, after its end."""
    engine = host.engine
    _, job_id = await engine.store.write(
        imports.push,
        organization_id=engine.organization.id,
        initiator_id=engine.user.id,
        name="tf",
        archive=archive,
        provisioner=ProvisionerType.TERRAFORM,
    )
    return await host.job(job_id)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("", "was not found"),
        ("""echo '{"terraform_version": "0.15.5"}'""", "is version 0.15.5; at least 1.1 is needed"),
        ("echo nonsense", "does not tell its version"),
    ],
    ids=["absent", "old", "strange"],
)
async def test_a_program_that_is_no_good_is_named_and_nothing_is_lost(
    tmp_path: Path, plugin_cache: Path, script: str, words: str
) -> None:
    program = tmp_path / "terraform"
    if script:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    async with terraform_engine(tmp_path, plugin_cache) as host:
        await host.engine.set_allowance("Everyone", 100)
        good = await in_use(host)

    async with terraform_engine(tmp_path, plugin_cache, program=str(program)) as host:
        with pytest.raises(TemplateImportFailed) as failed:
            await host.template("tf", GOOD + "# again\n")
        stopped = await host.call("stop_workspace")
        held = await host.consumed()

    assert words in str(failed.value)
    assert words in stopped["error"]
    assert held == 20
    async with terraform_engine(tmp_path, plugin_cache) as host:
        await assert_untouched(host, good)
