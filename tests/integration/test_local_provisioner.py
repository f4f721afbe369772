"""The local provisioner makes real directories and real processes, and ends every one of them."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from chattool.api.endpoint import AgentsEndpoint
from chattool.bundled_templates import bundled_templates
from db.clock import SystemClock
from db.ids import BuildId, TemplateId, TemplateVersionId, UserId, WorkspaceId
from db.states import AgentLifecycle, LogLevel, Transition
from provisioner.errors import MissingParameter, TemplateInvalid
from provisioner.protocol import ApplyResult, Request, WorkspaceMetadata
from provisioner.provisioners.local import LocalProvisioner
from provisioner.provisioners.processes import find_processes, kill_processes
from provisioner.provisioners.workspace_directory import DirectoryOutside
from provisioner.template_toml import read_template
from provisioner.terminal import FailureReason, TerminalError, failure_detail
from tests.agents import GUARD_SECONDS, RecordingAgents

TEMPLATE = """
name = "dev"
[cost]
start = 20
stop = 2
[[parameters]]
name = "my-size"
default = "small"
options = [{ value = "small" }, { value = "large", cost = 5 }]
[[parameters]]
name = "region"
[[variables]]
name = "licence"
sensitive = true
"""


def log(level: LogLevel, output: str, *, stage: str | None = None) -> None:
    """Nobody reads it here."""


async def nowhere() -> str:
    """Where agents report that nobody starts."""
    return "http://server.example"


def is_alive(process: psutil.Process) -> bool:
    # An ended process that its new parent has not collected yet is still listed.
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@dataclass
class Host:
    """A workspace root, a template, an endpoint, and one workspace."""

    root: Path
    source: Path
    agents: RecordingAgents
    provisioner: LocalProvisioner
    workspace: WorkspaceMetadata
    values: Mapping[str, str] = field(default_factory=lambda: {"region": "eu"})
    state: bytes = b""

    @property
    def directory(self) -> Path:
        return self.root / "ada" / f"dev-{self.workspace.workspace_id.hex[:8]}"

    def request(self, transition: Transition, **parameters: str) -> Request:
        return Request(
            transition=transition,
            state=self.state,
            parameters={**self.values, **parameters},
            variables={"licence": "L-1"},
            workspace=self.workspace,
            agent_token=self.agents.accepted,
        )

    async def apply(self, transition: Transition, **parameters: str) -> ApplyResult:
        async with asyncio.timeout(GUARD_SECONDS):
            result = await self.provisioner.apply(
                self.source, self.request(transition, **parameters), log, asyncio.Event()
            )
        if result.state is not None:
            self.state = result.state
        return result

    async def start(self, **parameters: str) -> ApplyResult:
        """Start, and wait until the agent's script has ended."""
        self.agents.lifecycles.clear()
        result = await self.apply(Transition.START, **parameters)
        assert result.error == ""
        await self.agents.until_state(AgentLifecycle.READY)
        return result

    def processes(self) -> list[psutil.Process]:
        return find_processes(str(self.workspace.workspace_id))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    source = tmp_path / "template"
    source.mkdir()
    (source / "template.toml").write_text(TEMPLATE)
    (source / "hello.txt").write_text("from the template")
    agents = RecordingAgents()
    async with AgentsEndpoint(agents) as endpoint:

        async def url() -> str:
            return endpoint.url

        workspace = WorkspaceMetadata(
            workspace_id=WorkspaceId(uuid4()),
            workspace_name="dev",
            owner_id=UserId(uuid4()),
            owner_name="ada",
            owner_email="ada@example.com",
            owner_groups=("Everyone",),
            build_id=BuildId(uuid4()),
            template_id=TemplateId(uuid4()),
            template_name="dev",
            template_version_id=TemplateVersionId(uuid4()),
            template_version_name="v1",
        )
        root = tmp_path / "root"
        provisioner = LocalProvisioner(root, SystemClock(), url, exit_timeout=timedelta(seconds=2))
        host = Host(root, source, agents, provisioner, workspace)
        try:
            yield host
        finally:
            kill_processes(str(workspace.workspace_id))
            await asyncio.to_thread(psutil.wait_procs, host.processes(), GUARD_SECONDS)


async def test_a_workspace_lives_through_start_stop_start_and_delete(host: Host) -> None:
    host.agents.startup_script = "echo run >> runs.txt"

    started = await host.start()
    (host.directory / "hello.txt").write_text("from the user")
    stopped = await host.apply(Transition.STOP)
    after_stop = host.processes()
    await host.start()
    deleted = await host.apply(Transition.DELETE)

    assert [(resource.type, resource.daily_cost) for resource in started.resources] == [
        ("local_workspace", 20)
    ]
    assert [agent.name for agent in started.resources[0].agents] == ["main"]
    assert (stopped.error, stopped.resources, after_stop) == ("", (), [])
    assert (deleted.error, deleted.state) == ("", b"")
    assert not host.directory.exists()
    assert host.processes() == []
    assert [path for path in host.root.rglob("*") if path.is_file()] == []


async def test_files_of_the_user_survive_a_stop(host: Host) -> None:
    await host.start()
    (host.directory / "hello.txt").write_text("from the user")
    await host.apply(Transition.STOP)
    await host.start()

    assert (host.directory / "hello.txt").read_text() == "from the user"
    assert not (host.directory / "template.toml").exists()


async def test_a_stop_ends_processes_that_tried_to_get_away(host: Host) -> None:
    host.agents.startup_script = (
        "sleep 300 &\n"
        "setsid sh -c 'echo $$ > session; exec sleep 300' &\n"
        "env -i /usr/bin/env sh -c 'echo $$ > cleaned; trap \"\" TERM; while :; do sleep 300; done' &\n"
        "setsid env -i sh -c '(echo $$ > orphan; exec sleep 300) &' &\n"
        "while [ ! -s session ] || [ ! -s cleaned ] || [ ! -s orphan ]; do :; done"
    )
    await host.start()
    agent = json.loads(host.state)["agents"][0]["pid"]
    processes = [psutil.Process(agent), *psutil.Process(agent).children(recursive=True)]

    stopped = await host.apply(Transition.STOP)

    assert stopped.error == ""
    assert len(processes) >= 5
    assert not list(filter(is_alive, processes))


async def test_a_suspended_workspace_can_be_stopped(host: Host) -> None:
    await host.start()
    for process in host.processes():
        process.suspend()

    assert (await host.apply(Transition.STOP)).error == ""
    assert host.processes() == []


async def test_a_workspace_whose_agent_was_killed_can_be_stopped(host: Host) -> None:
    host.agents.startup_script = "sleep 300 & echo started"
    await host.start()
    psutil.Process(json.loads(host.state)["agents"][0]["pid"]).kill()

    assert (await host.apply(Transition.STOP)).error == ""
    assert host.processes() == []


async def test_a_process_id_that_was_used_again_is_never_signalled(host: Host) -> None:
    await host.start()
    await host.apply(Transition.STOP)
    bystander = await asyncio.create_subprocess_exec("sleep", "300")
    document = json.loads(host.state)
    document["agents"] = [{"name": "main", "pid": bystander.pid, "started": 1.0}]
    host.state = json.dumps(document).encode()

    await host.apply(Transition.STOP)

    assert bystander.returncode is None
    assert psutil.pid_exists(bystander.pid)
    bystander.kill()
    await bystander.wait()


async def test_processes_of_another_workspace_are_left_alone(host: Host) -> None:
    other = await asyncio.create_subprocess_exec(
        "sleep", "300", env={**os.environ, "CHATTOOL_WORKSPACE_ID": str(uuid4())}
    )
    await host.start()

    await host.apply(Transition.STOP)

    assert psutil.Process(other.pid).status() != psutil.STATUS_ZOMBIE
    other.kill()
    await other.wait()


async def test_a_repeated_start_replaces_the_agents(host: Host) -> None:
    await host.start()
    first = json.loads(host.state)["agents"][0]
    await host.start()
    second = json.loads(host.state)["agents"][0]

    assert first["pid"] != second["pid"]
    assert {process.pid for process in host.processes()} == {second["pid"]}


@pytest.mark.parametrize("transition", [Transition.STOP, Transition.DELETE])
async def test_stop_and_delete_may_be_repeated_and_need_no_state(host: Host, transition: Transition) -> None:
    assert await host.apply(transition) == ApplyResult()

    await host.start()
    await host.apply(transition)

    assert (await host.apply(transition)).error == ""


async def test_an_agent_gets_what_it_needs_and_nothing_of_the_daemons_secrets(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    await host.start(**{"my-size": "large"})

    agent = psutil.Process(json.loads(host.state)["agents"][0]["pid"])
    environment = agent.environ()

    assert environment["CHATTOOL_PARAMETER_MY_SIZE"] == "large"
    assert environment["CHATTOOL_PARAMETER_REGION"] == "eu"
    assert environment["CHATTOOL_VARIABLE_LICENCE"] == "L-1"
    assert environment["CHATTOOL_WORKSPACE_NAME"] == "dev"
    assert "DATABASE_PASSWORD" not in environment
    assert not [part for part in agent.cmdline() if "secret" in part]
    assert b"secret" not in host.state


@pytest.mark.parametrize("folder", bundled_templates(), ids=lambda folder: folder.name)
async def test_a_bundled_template_starts(host: Host, folder: Path) -> None:
    host.source, host.values = folder, {}
    host.agents.startup_script = read_template(folder).agents[0].startup_script

    await host.start()
    await host.agents.until(lambda agents: len(agents.lines) > 0)

    assert len(list(host.directory.iterdir())) > 1


async def test_a_file_in_the_workspace_is_not_taken_for_a_module(host: Host) -> None:
    (host.source / "asyncio.py").write_text("raise SystemExit(9)")
    (host.source / "chattool").mkdir()
    (host.source / "chattool" / "__init__.py").write_text("raise SystemExit(9)")

    await host.start()


async def test_the_plan_costs_options_and_touches_nothing(host: Host) -> None:
    interrupt = asyncio.Event()
    plans = [
        await host.provisioner.plan(host.source, host.request(transition, **values), log, interrupt)
        for transition, values in (
            (Transition.START, {}),
            (Transition.START, {"my-size": "large"}),
            (Transition.STOP, {}),
            (Transition.DELETE, {}),
        )
    ]

    assert [plan.cost for plan in plans] == [20, 25, 2, 0]
    assert not host.root.exists()


async def test_a_plan_checks_parameters(host: Host) -> None:
    start = host.request(Transition.START)
    interrupt = asyncio.Event()

    with pytest.raises(MissingParameter):
        await host.provisioner.plan(host.source, replace(start, parameters={}), log, interrupt)
    with pytest.raises(TerminalError) as wrong:
        await host.provisioner.plan(
            host.source, host.request(Transition.START, **{"my-size": "huge"}), log, interrupt
        )
    imported = await host.provisioner.plan(host.source, Request(transition=Transition.START), log, interrupt)

    found = failure_detail(wrong.value)
    assert found is not None
    assert found.reason is FailureReason.VALIDATION_FAILURE
    assert "my-size" in found.detail
    assert (imported.error, imported.cost) == ("", 20)
    assert [parameter.name for parameter in imported.parameters] == ["my-size", "region"]


async def test_a_parse_tells_of_variables_and_of_mistakes(host: Host) -> None:
    parsed = await host.provisioner.parse(host.source, log)
    (host.source / "template.toml").unlink()

    assert (parsed.name, [variable.name for variable in parsed.variables]) == ("dev", ["licence"])
    with pytest.raises(TemplateInvalid):
        await host.provisioner.parse(host.source, log)


async def test_a_delete_does_not_need_the_template(host: Host) -> None:
    await host.start()
    (host.source / "template.toml").write_text("broken = ")

    plan = await host.provisioner.plan(host.source, host.request(Transition.DELETE), log, asyncio.Event())

    assert plan.error == ""
    assert (await host.apply(Transition.DELETE)).error == ""


async def test_a_root_that_cannot_be_written_is_an_error_that_says_so(host: Host) -> None:
    host.root.write_text("a file, no folder")

    result = await host.apply(Transition.START)

    assert str(host.root) in result.error
    assert result.state is not None


async def test_a_place_where_we_may_not_write_is_a_final_refusal(host: Host) -> None:
    # Nobody may make a folder there, not even root.
    host.provisioner = LocalProvisioner(Path("/sys/chattool"), SystemClock(), nowhere)
    kept: list[bytes] = []

    async def keep(state: bytes) -> None:
        kept.append(state)

    with pytest.raises(TerminalError) as refused:
        await host.provisioner.apply(
            host.source, host.request(Transition.START), log, asyncio.Event(), checkpoint=keep
        )

    found = failure_detail(refused.value)
    assert found is not None
    assert found.reason is FailureReason.OPERATION_NOT_PERMITTED
    assert "/sys/chattool" in found.detail
    assert kept


async def test_a_state_that_names_a_foreign_directory_is_refused(host: Host, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    host.state = json.dumps({"directory": str(tmp_path / "precious"), "agents": []}).encode()

    for transition in Transition:
        with pytest.raises(DirectoryOutside):
            await host.apply(transition)

    assert (tmp_path / "precious").exists()


async def test_an_interrupted_start_answers_the_state_so_far(host: Host) -> None:
    interrupt = asyncio.Event()
    interrupt.set()

    result = await host.provisioner.apply(host.source, host.request(Transition.START), log, interrupt)

    assert result.error == "canceled"
    assert json.loads(result.state or b"")["agents"] == []


async def test_a_cancelled_stop_kills_what_is_left(host: Host) -> None:
    host.agents.startup_script = "trap '' TERM; sh -c 'trap \"\" TERM; while :; do sleep 1; done' &"
    await host.start()
    asked = asyncio.create_task(host.apply(Transition.STOP))
    await host.agents.until_state(AgentLifecycle.SHUTTING_DOWN)

    asked.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asked
    await asyncio.to_thread(psutil.wait_procs, host.processes(), GUARD_SECONDS)
    assert host.processes() == []
