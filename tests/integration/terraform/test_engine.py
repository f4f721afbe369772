"""Terraform behind the tools: quota, imports, many builds, and a daemon that is killed."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chattool.errors import WorkspaceBuildError
from chattool.template_folder import provisioner_of
from chattool.waiting import wait_for_build
from db import builds, templates
from db.clock import SystemClock
from db.errors import RequestError
from db.ids import BuildId, JobId
from db.states import ProvisionerType
from db.transactions import Connection
from provisioner.settings import ProvisionerSettings
from provisioner.terminal import failure_detail, recorded_error, wire_form
from tests.integration.terraform.engine_host import GUARD_SECONDS, TerraformEngine, terraform_engine
from tests.integration.terraform.modules import two
from tests.process_ends import is_gone

EXAMPLES = Path(__file__).parents[3] / "examples" / "templates"
MADE = """
variable "chattool_workspace_transition" { type = string }
variable "chattool_workspace_name" { type = string }
resource "terraform_data" "made" {
  provisioner "local-exec" { command = "touch OUT/made-${var.chattool_workspace_name}" }
}
output "daily_cost" { value = var.chattool_workspace_transition == "start" ? 20 : 5 }
"""
NEEDS_KEY = """
variable "key" {
  type      = string
  sensitive = true
}
resource "terraform_data" "x" {
  provisioner "local-exec" { command = "printf %s '${nonsensitive(var.key)}' > OUT/key" }
}
"""


@pytest.fixture
async def host(tmp_path: Path, plugin_cache: Path) -> AsyncIterator[TerraformEngine]:
    settings = ProvisionerSettings(daemon_slots=10)
    async with terraform_engine(tmp_path, plugin_cache, settings) as host:
        await host.engine.set_allowance("Everyone", 1000)
        yield host


def made(host: TerraformEngine) -> int:
    return len(list(host.folder.glob("made-*")))


async def test_a_plan_that_costs_too_much_is_refused_before_anything_is_made(host: TerraformEngine) -> None:
    template = await host.template("tf", MADE)
    await host.engine.set_allowance("Everyone", 19)

    answer = await host.call("create_workspace", template_id=str(template.id))

    assert answer["error_code"] == "INSUFFICIENT_QUOTA"
    assert answer["quota"] == {"credits_consumed": 0, "budget": 19, "cost": 20}
    assert made(host) == 0


async def test_a_stop_frees_the_difference(host: TerraformEngine) -> None:
    template = await host.template("tf", MADE)
    await host.call("create_workspace", template_id=str(template.id))
    started = await host.consumed()

    await host.call("stop_workspace")

    assert (started, await host.consumed()) == (20, 5)


async def test_a_final_refusal_is_answered_as_such_and_loses_no_state(host: TerraformEngine) -> None:
    refusing = two("echo 'chattool: USER_NOT_PROVISIONABLE: HR-412: worker W17 is on leave'; exit 1")
    template = await host.template("tf", refusing)

    answer = await host.call("create_workspace", template_id=str(template.id))
    build_id = BuildId(UUID(answer["build_id"]))
    with pytest.raises(WorkspaceBuildError) as raised:
        await wait_for_build(host.engine.backend, build_id)
    job = (await host.engine.store.read(builds.build, build_id)).job
    made_before = (host.folder / "first").exists()
    await host.delete(answer["workspace_id"])

    assert answer["failure_reason"] == "USER_NOT_PROVISIONABLE"
    assert answer["retryable"] is False
    assert answer["error"].endswith("HR-412: worker W17 is on leave")
    recorded = {"failure_reason": job.failure_reason, "failure_detail": job.failure_detail}
    sent = json.loads(json.dumps(recorded))
    for error in (raised.value, recorded_error(*sent.values())):
        found = failure_detail(error)
        assert found is not None
        assert wire_form(found) == recorded
    assert made_before
    assert (host.folder / "gone").exists()


async def test_ten_builds_at_once(host: TerraformEngine) -> None:
    template = await host.template("tf", MADE)

    answers = await asyncio.gather(
        *(
            host.call("create_workspace", chat=f"chat-{n}", template_id=str(template.id), name=f"dev-{n}")
            for n in range(10)
        )
    )

    assert [answer.get("error") for answer in answers] == [None] * 10
    assert (made(host), await host.consumed()) == (10, 200)


async def test_a_required_variable_is_given_with_the_push_and_kept_for_the_next(
    host: TerraformEngine,
) -> None:
    with pytest.raises(RequestError) as refused:
        await host.template("tf", NEEDS_KEY)
    await host.template("tf", NEEDS_KEY, key="hunter22")

    template = await host.template("tf", NEEDS_KEY + "# again\n")
    answer = await host.call("create_workspace", template_id=str(template.id))

    assert "required template variables need values: key" in str(refused.value)
    assert (host.folder / "key").read_text() == "hunter22"
    log = await host.log(answer["build_id"])
    assert log
    assert not any("hunter22" in line.output for line in log)


async def test_a_variable_that_the_template_does_not_have_is_mentioned(host: TerraformEngine) -> None:
    template = await host.template("tf", MADE, nobody="x")

    assert template.active_version_id is not None
    job = await host.engine.store.read(templates.import_job, template.active_version_id)
    lines = await host.engine.store.read(_log_lines, job.id)
    assert 'The template has no variable "nobody"; its value is not used.' in lines


def _log_lines(conn: Connection, job_id: JobId) -> list[str]:
    return [line.output for line in builds.log_tail(conn, job_id, limit=1000)]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ('variable "x" {\n  type = string\n  default =\n}\n', "main.tf:3: Invalid expression"),
        ('output "daily_cost" { value = "ten" }\n', 'output "daily_cost" is not a number'),
        ('variable "x" {}\n', "required template variables need values: x"),
    ],
    ids=["syntax", "cost", "variable"],
)
async def test_a_bad_version_leaves_the_one_before_in_force(
    host: TerraformEngine, module: str, words: str
) -> None:
    good = await host.template("tf", MADE)

    with pytest.raises(RequestError) as refused:
        await host.template("tf", module)

    assert words in str(refused.value)
    now = await host.engine.store.read(templates.template, good.id)
    assert now.active_version_id == good.active_version_id


def test_a_folder_with_terraform_files_is_told_from_a_local_one(tmp_path: Path) -> None:
    (tmp_path / "template.toml").write_text('name = "x"\n')
    local = provisioner_of(tmp_path)
    (tmp_path / "main.tf").write_text("")

    assert (local, provisioner_of(tmp_path)) == (ProvisionerType.LOCAL, ProvisionerType.TERRAFORM)


async def test_the_local_example_lives_through_everything(host: TerraformEngine) -> None:
    example, root = EXAMPLES / "terraform-local", host.folder / "workspaces"
    with pytest.raises(RequestError):
        await host.engine.push_template(example)
    template = await host.engine.push_template(example, variables={"workspaces": str(root)})

    created = await host.call("create_workspace", template_id=str(template.id), name="dev")
    (home,) = root.iterdir()
    (home / "mine.txt").write_text("from the user")
    cost = await host.consumed()
    stopped = await host.call("stop_workspace")
    agent_after_stop = (home / ".agent.pid").exists()
    stopped_cost = await host.consumed()
    started = await host.call("start_workspace", parameters={"size": "large", "greeting": "Salut"})
    large_cost = await host.consumed()
    await host.delete(created["workspace_id"])

    assert (created["agent_status"], started["agent_status"]) == ("ready", "ready")
    assert "error" not in stopped
    assert (cost, stopped_cost, large_cost, await host.consumed()) == (10, 2, 30, 0)
    assert not agent_after_stop
    assert list(root.iterdir()) == []
    assert await host.deleted(created["workspace_id"])


KILLED = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from provisioner.settings import ProvisionerSettings
from tests.integration.terraform.engine_host import terraform_engine

async def main():
    folder = Path(sys.argv[1])
    settings = ProvisionerSettings(job_lease=timedelta(seconds=3), heartbeat_interval=timedelta(seconds=1))
    async with terraform_engine(folder, folder / "plugins", settings) as host:
        await host.engine.set_allowance("Everyone", 100)
        template = await host.template("tf", (folder / "module.tf").read_text())
        await host.call("create_workspace", template_id=str(template.id), name="dev")

asyncio.run(main())
"""


def column(folder: Path, name: str) -> list[Any]:
    """One column of the builds, read beside whoever writes them."""
    with (
        closing(sqlite3.connect(folder / "chattool.sqlite3")) as database,
        suppress(sqlite3.OperationalError),
    ):
        return [value for (value,) in database.execute(f"select {name} from workspace_builds")]  # noqa: S608
    return []


async def test_what_a_killed_daemon_had_made_is_known_to_the_next_build(
    tmp_path: Path, plugin_cache: Path
) -> None:
    (tmp_path / "module.tf").write_text(two("echo $$ > OUT/pid; exec sleep 60"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    daemon = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), env=environment
    )
    async with asyncio.timeout(GUARD_SECONDS):
        while not any(b"first" in state for state in column(tmp_path, "state")):
            await SystemClock().sleep(timedelta(milliseconds=50))
    daemon.send_signal(signal.SIGKILL)
    await daemon.wait()

    settings = ProvisionerSettings(
        job_lease=timedelta(seconds=3),
        heartbeat_interval=timedelta(seconds=1),
        lease_grace=timedelta(seconds=1),
        reaper_interval=timedelta(seconds=1),
    )
    async with terraform_engine(tmp_path, plugin_cache, settings) as host:
        (workspace_id,), (build_id,) = column(tmp_path, "workspace_id"), column(tmp_path, "id")
        await host.ended(BuildId(UUID(build_id)))
        failed = await host.engine.backend.build(BuildId(UUID(build_id)))
        await host.delete(workspace_id)

    assert await asyncio.to_thread(is_gone, int((tmp_path / "pid").read_text()))
    assert failed.job.retryable
    assert (tmp_path / "gone").exists()
