"""Builds that are cancelled in the middle: in a plan nothing is made, in an apply what was made is known."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from chattool.backend import Build
from db.ids import BuildId
from db.records import Template
from provisioner import cancel
from tests.integration.terraform.engine_host import GUARD_SECONDS, TerraformEngine, terraform_engine
from tests.integration.terraform.modules import silent_server, two
from tests.process_ends import is_gone

SLEEPING = two("echo $$ > OUT/pid; echo asleep; exec sleep 60") + 'output "daily_cost" { value = 20 }\n'
ASKING = """
variable "chattool_workspace_name" { type = string }
data "terraform_remote_state" "slow" {
  count   = var.chattool_workspace_name == "slow" ? 1 : 0
  backend = "http"
  config  = { address = "http://127.0.0.1:PORT" }
}
resource "terraform_data" "first" {
  provisioner "local-exec" { command = "touch OUT/first" }
}
output "daily_cost" { value = 20 }
"""


@pytest.fixture
async def host(tmp_path: Path, plugin_cache: Path) -> AsyncIterator[TerraformEngine]:
    async with terraform_engine(tmp_path, plugin_cache) as host:
        await host.engine.set_allowance("Everyone", 100)
        yield host


async def begun(host: TerraformEngine, template: Template, name: str) -> BuildId:
    """A build of a new workspace that nobody waits for."""
    answer = await host.call("create_workspace", template_id=str(template.id), name=name, wait_seconds=0)
    return BuildId(UUID(answer["build_id"]))


async def canceled(host: TerraformEngine, build_id: BuildId) -> Build:
    """The build, after it was cancelled and has ended."""
    await host.engine.store.write(cancel.cancel_build, host.engine.user, build_id)
    await host.ended(build_id)
    return await host.engine.backend.build(build_id)


async def test_a_cancelled_apply_ends_at_once_and_what_it_made_can_be_deleted(host: TerraformEngine) -> None:
    build_id = await begun(host, await host.template("tf", SLEEPING), "dev")
    await said(host, build_id, "(local-exec): asleep")

    build = await canceled(host, build_id)
    held = await host.consumed()
    await host.delete(str(build.workspace_id))

    assert (build.job.status, build.job.error) == ("failed", "canceled")
    assert await asyncio.to_thread(is_gone, int((host.folder / "pid").read_text()))
    assert (held, await host.consumed()) == (20, 0)
    assert (host.folder / "gone").exists()
    assert await host.deleted(str(build.workspace_id))


async def test_a_cancelled_plan_makes_nothing_and_costs_nothing(host: TerraformEngine) -> None:
    async with silent_server() as server:
        module = ASKING.replace("PORT", str(server.port))
        build_id = await begun(host, await host.template("tf", module), "slow")
        async with asyncio.timeout(GUARD_SECONDS):
            await server.asked.wait()

            build = await canceled(host, build_id)
            await server.left.wait()

    assert build.job.status == "canceled"
    assert await host.consumed() == 0
    assert not (host.folder / "first").exists()


async def said(host: TerraformEngine, build_id: BuildId, words: str) -> None:
    """Until the build's log has a line that ends with the words."""
    async with asyncio.timeout(GUARD_SECONDS):
        with host.engine.backend.build_changes(build_id) as changes:
            while not any(line.output.endswith(words) for line in await host.log(str(build_id))):
                await changes.wait(timedelta(milliseconds=200))
