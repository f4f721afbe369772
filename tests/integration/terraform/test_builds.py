"""Builds of templates with the real program, the good ones and the bad ones."""

import asyncio
import json
import shlex
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest

from db.clock import SystemClock
from db.states import LogLevel, Transition
from provisioner.provisioners.terraform import TerraformProvisioner
from provisioner.provisioners.terraform.job_folder import has_resources
from provisioner.provisioners.terraform.program import find_command
from provisioner.terminal import FailureReason, TerminalError, failure_detail
from tests.integration.terraform.modules import TWO, silent_server, two
from tests.integration.terraform.terraform_host import TerraformHost, nowhere
from tests.process_ends import is_gone

COSTS = """
variable "chattool_workspace_transition" { type = string }
variable "chattool_workspace_name" { type = string }
variable "size" {
  type    = number
  default = 1
}
variable "password" {
  type      = string
  sensitive = true
}
locals { started = var.chattool_workspace_transition == "start" }
resource "terraform_data" "home" {
  input = "OUT/home"
  provisioner "local-exec" { command = "touch ${self.input}" }
  provisioner "local-exec" {
    when    = destroy
    command = "rm ${self.input}"
  }
}
resource "terraform_data" "machine" {
  count = local.started ? var.size : 0
  input = var.chattool_workspace_name
}
output "daily_cost" { value = local.started ? var.size * 9.5 : 1 }
output "agents" { value = [for _ in terraform_data.machine : { name = "main" }] }
output "name" { value = one(terraform_data.machine[*].output) }
output "password" {
  value     = "in ${var.password}"
  sensitive = true
}
"""


async def test_a_workspace_is_started_stopped_and_deleted(host: TerraformHost) -> None:
    host.write(COSTS)
    host.variables = {"password": "hunter22"}

    planned = await host.plan()
    started = await host.build()
    stopped = await host.build(Transition.STOP)
    home = (host.out / "home").exists()
    deleted = await host.build(Transition.DELETE)

    assert (planned.error, planned.cost) == ("", 10)
    assert started.error == ""
    outputs = started.resources[-1]
    assert [r.type for r in started.resources] == ["terraform_data", "terraform_data", "terraform_output"]
    assert (outputs.daily_cost, [agent.name for agent in outputs.agents]) == (10, ["main"])
    assert [(item.key, item.value) for item in outputs.metadata] == [
        ("name", "dev"),
        ("password", "********"),
    ]
    assert [r.name for r in stopped.resources] == ["home", "outputs"]
    assert (stopped.resources[-1].daily_cost, stopped.resources[-1].agents) == (1, ())
    assert home
    assert (deleted.error, deleted.state, list(host.out.iterdir())) == ("", b"", [])


async def test_a_log_reads_well_and_holds_no_secret(host: TerraformHost) -> None:
    host.write(
        COSTS
        + """
resource "terraform_data" "loud" {
  provisioner "local-exec" { command = "echo token $CHATTOOL_AGENT_TOKEN; cat OUT/secret" }
}
"""
    )
    (host.out / "secret").write_text("in hunter22\n")
    host.variables = {"password": "hunter22"}

    await host.build()

    assert "terraform_data.home: Creation complete" in host.log.text
    assert "(local-exec): token ********" in host.log.text
    assert "hunter22" not in host.log.text
    assert "agent-token-1" not in host.log.text
    assert host.log.at(LogLevel.ERROR) == []


async def test_a_failed_apply_keeps_what_it_made_and_a_delete_removes_it(host: TerraformHost) -> None:
    host.write(two("echo no disk; exit 3"))

    failed = await host.build()
    made = (host.out / "first").exists()
    deleted = await host.build(Transition.DELETE)

    assert failed.error.startswith("main.tf:11: local-exec provisioner error: Error running command")
    assert "no disk" in failed.error
    assert has_resources(failed.state or b"")
    assert "Error: local-exec provisioner error" in host.log.at(LogLevel.ERROR)
    assert (made, deleted.error, (host.out / "first").exists()) == (True, "", False)


async def test_a_cancelled_apply_ends_with_everything_it_started(host: TerraformHost) -> None:
    host.write(two("sleep 60 & echo $! > OUT/pid; echo ready; wait"))
    building = asyncio.create_task(host.build())
    await host.until_said("ready")

    host.interrupt.set()
    result = await building

    assert result.error == "canceled"
    state = json.loads(result.state or b"")
    assert {resource["name"] for resource in state["resources"]} == {"first", "second"}
    assert await asyncio.to_thread(is_gone, int((host.out / "pid").read_text()))


async def test_what_exists_is_kept_while_the_apply_goes_on(host: TerraformHost) -> None:
    host.write(two("echo ready; while [ ! -e OUT/go ]; do sleep 0.05; done"))
    kept: asyncio.Queue[bytes] = asyncio.Queue()
    building = asyncio.create_task(host.build(checkpoint=kept.put))
    await host.until_said("ready")

    async with asyncio.timeout(20):
        state = json.loads(await kept.get())
    (host.out / "go").touch()
    result = await building

    assert [resource["name"] for resource in state["resources"]] == ["first"]
    assert result.error == ""


async def test_an_apply_that_is_killed_hands_on_its_last_state(host: TerraformHost) -> None:
    host.write(two("echo ready; sleep 60"))
    kept: list[bytes] = []

    async def keep(state: bytes) -> None:
        kept.append(state)

    building = asyncio.create_task(host.build(checkpoint=keep))
    await host.until_said("ready")

    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building

    assert [resource["name"] for resource in json.loads(kept[-1])["resources"]] == ["first"]


async def test_a_cancelled_plan_applies_nothing(host: TerraformHost, plugin_cache: Path) -> None:
    """The plan waits for a server that never answers."""
    async with silent_server() as server:
        config = f'backend = "http"\n  config = {{ address = "http://127.0.0.1:{server.port}" }}'
        host.write(f'data "terraform_remote_state" "x" {{\n  {config}\n}}\n' + TWO)
        host.provisioner = TerraformProvisioner(
            plugin_cache, SystemClock(), nowhere, exit_timeout=timedelta(milliseconds=200)
        )
        planning = asyncio.create_task(host.plan())
        async with asyncio.timeout(20):
            await server.asked.wait()

        host.interrupt.set()
        result = await planning
        await server.left.wait()

    assert result.error
    assert list(host.out.iterdir()) == []


async def test_an_apply_without_a_plan_makes_one(host: TerraformHost) -> None:
    host.write(two("true"))

    with tempfile.TemporaryDirectory() as name:
        request = host.request(Transition.START, {}, Path(name), LogLevel.INFO)
        result = await host.provisioner.apply(host.source, request, host.log, host.interrupt)

    assert result.error == ""
    assert (host.out / "first").exists()


async def test_nothing_is_run_to_delete_nothing(host: TerraformHost) -> None:
    host.write("this is not HCL")
    host.state = b'{"version": 4, "resources": []}'

    result = await host.build(Transition.DELETE)

    assert (result.error, result.state) == ("", b"")
    assert "nothing to destroy" in host.log.text


async def test_a_backend_of_the_template_is_not_used(host: TerraformHost) -> None:
    host.write('terraform {\n  backend "local" { path = "OUT/elsewhere.tfstate" }\n}\n' + TWO)

    result = await host.build()

    assert has_resources(result.state or b"")
    assert not (host.out / "elsewhere.tfstate").exists()


async def test_binary_output_of_a_script_does_not_hang_a_build(host: TerraformHost) -> None:
    last = "head -c 1048576 /dev/urandom; printf '\\\\n\\\\377\\\\000\\\\001end\\\\n'"
    host.write(two(last))

    result = await host.build()

    assert result.error == ""
    await host.log.until_ends("\x01end")


async def test_a_line_of_a_mebibyte_does_not_hang_a_build(host: TerraformHost, plugin_cache: Path) -> None:
    """The real program, behind a script that writes such lines before it: Terraform itself drops them."""
    program = host.out.parent / "noisy"
    noise = "head -c 1048576 /dev/zero | tr '\\0' x; echo; printf '\\377\\000\\001'"
    program.write_text(
        f"#!/bin/sh\ncase $1 in plan|apply) {noise}; echo; {noise} >&2;; esac\n"
        f'exec {shlex.join(find_command())} "$@"\n'
    )
    program.chmod(0o755)
    host.provisioner = TerraformProvisioner(plugin_cache, SystemClock(), nowhere, program=str(program))
    host.write(two("true"))

    result = await host.build()

    assert result.error == ""
    assert [len(output) for _, output in host.log.lines if len(output) >= 1 << 20] == [1 << 20] * 4


async def test_templates_see_no_secret_of_the_daemon(
    host: TerraformHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATTOOL_TOKEN", "t-1")
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    host.write(two("env > OUT/env"))

    await host.build()

    names = {line.partition("=")[0] for line in (host.out / "env").read_text().splitlines()}
    assert {"CHATTOOL_WORKSPACE_ID", "CHATTOOL_AGENT_TOKEN", "CHATTOOL_SERVER_URL"} <= names
    assert not {"CHATTOOL_TOKEN", "DATABASE_URL", "CHATTOOL_CANARY"} & names


@pytest.mark.parametrize("reason", [r for r in FailureReason if r > 0], ids=lambda r: r.name)
async def test_every_reason_reaches_the_caller_from_a_real_apply(
    host: TerraformHost, reason: FailureReason
) -> None:
    host.write(two(f"echo 'chattool: {reason.name}: HR-412: W17 is on leave'; exit 1"))
    kept: list[bytes] = []

    async def keep(state: bytes) -> None:
        kept.append(state)

    with pytest.raises(TerminalError) as raised:
        await host.build(checkpoint=keep)

    found = failure_detail(raised.value)
    assert found is not None
    assert (found.reason, found.detail) == (reason, "HR-412: W17 is on leave")
    assert has_resources(kept[-1])


async def test_a_value_against_a_rule_of_the_template_is_final(host: TerraformHost) -> None:
    host.write(
        'variable "size" {\n  type = string\n  validation {\n'
        '    condition     = var.size == "s"\n    error_message = "The size is s."\n  }\n}\n'
    )
    host.variables["size"] = "xxl"

    with pytest.raises(TerminalError) as raised:
        await host.plan()

    found = failure_detail(raised.value)
    assert found is not None
    assert found.reason is FailureReason.VALIDATION_FAILURE
    assert found.detail.startswith("Invalid value for variable: The size is s.")


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ('output "daily_cost" { value = "ten" }', 'output "daily_cost" is not a number'),
        ('output "agents" { value = "main" }', 'output "agents" must be a list'),
        (
            'resource "terraform_data" "x" { input = file("OUT/none") }',
            "main.tf:1: Invalid function argument",
        ),
        ('module "x" { source = "./none" }', "Unreadable module directory"),
        (
            'terraform {\n  required_providers {\n    none = { source = "127.0.0.1:1/acme/none" }\n  }\n}\n',
            "127.0.0.1:1/acme/none",
        ),
    ],
    ids=["cost", "agents", "function", "module", "provider"],
)
async def test_a_plan_that_fails_says_why(host: TerraformHost, module: str, words: str) -> None:
    host.write(module)

    planned = await host.plan()

    assert words in planned.error


async def test_costs_that_are_known_later_are_said(host: TerraformHost) -> None:
    host.write(
        'resource "terraform_data" "x" {}\noutput "daily_cost" { value = length(terraform_data.x.id) }\n'
    )

    planned = await host.plan()

    assert (planned.cost, planned.unknown_costs) == (0, ("output.daily_cost",))
    assert host.log.at(LogLevel.WARN)[-1] == "The cost of output.daily_cost is not known yet; it counts 0."


async def test_a_debug_build_logs_more(host: TerraformHost) -> None:
    host.write(TWO)

    await host.plan(level=LogLevel.DEBUG)

    assert len(host.log.at(LogLevel.DEBUG)) > 20
    assert host.log.at(LogLevel.TRACE) == []


async def test_what_the_host_sets_for_terraform_is_named_without_its_value(
    host: TerraformHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CLI_ARGS_plan", "-parallelism=7")
    host.write(two("true"))

    await host.plan()

    warned = [line for line in host.log.at(LogLevel.WARN) if "TF_CLI_ARGS_plan" in line]
    assert warned == ["The daemon's host sets TF_CLI_ARGS_plan: they change what Terraform does."]
    assert "parallelism" not in host.log.text
