"""spec: agents and readiness."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from chattool.agent_selection import selected_agent
from chattool.errors import AgentSelectionError
from db.errors import ChattoolError
from db.ids import AgentId
from db.states import AgentConnection, Transition
from tests.unit.chattool.fake_backend import an_agent, in_time, settle
from tests.unit.chattool.host import Host, fields

CONNECTING = AgentConnection.CONNECTING


class Wire:
    """A host's own way to connect, which fails ``failures`` times."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.attempts = 0
        self.released = 0
        self.hangs = False

    @asynccontextmanager
    async def __call__(self, agent_id: AgentId) -> AsyncIterator[None]:
        self.attempts += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.attempts <= self.failures:
            raise ConnectionError(f"refused {self.attempts}")
        yield
        self.released += 1


# Selection


def test_without_agents_there_is_nothing_to_select() -> None:
    with pytest.raises(AgentSelectionError, match=r"^no eligible workspace agents found$"):
        selected_agent([], "-chat")


def test_agents_with_a_parent_are_not_eligible() -> None:
    with pytest.raises(AgentSelectionError, match="no eligible workspace agents found"):
        selected_agent([an_agent(parent_id=AgentId(an_agent().id))], "-chat")


def test_the_first_by_order_then_name_then_id_is_selected() -> None:
    first = an_agent("b", display_order=0)
    agents = [an_agent("a", display_order=1), an_agent("C", display_order=0), first]

    assert selected_agent(agents, "-chat") is first
    twins = [an_agent("x"), an_agent("X")]
    assert selected_agent(twins, "-chat") is min(twins, key=lambda agent: agent.id)


@pytest.mark.parametrize("name", ["dev-chat", "Dev-CHAT", "-chat"])
def test_the_one_with_the_suffix_is_selected_whatever_its_order(name: str) -> None:
    match = an_agent(name, display_order=9)

    assert selected_agent([an_agent("main"), match], "-chat") is match


def test_several_with_the_suffix_are_an_error_that_names_them() -> None:
    with pytest.raises(AgentSelectionError) as caught:
        selected_agent([an_agent("b-chat"), an_agent("a-chat")], "-chat")

    text = str(caught.value)
    assert 'multiple agents match the chat suffix "-chat": a-chat, b-chat' in text
    assert "only one agent should use this suffix" in text


async def test_a_selection_error_connects_to_nothing(host: Host) -> None:
    wire = Wire()
    host.configure(connect_agent=wire)
    host.has(Transition.START, agents=[an_agent("a-chat"), an_agent("b-chat")])

    response = fields(await host.start())

    assert response["agent_status"] == "selection_error"
    assert "multiple agents" in response["agent_error"]
    assert wire.attempts == 0


# Connecting


async def test_the_hosts_connection_is_tried_at_once_and_released(host: Host) -> None:
    wire = Wire()
    host.configure(connect_agent=wire)
    host.has(Transition.START, agents=[an_agent(connection=CONNECTING)])

    assert fields(await host.start())["agent_status"] == "ready"
    assert (wire.attempts, wire.released) == (1, 1)
    assert host.backend.clock.monotonic() == timedelta()


async def test_the_next_attempt_comes_after_two_seconds(host: Host) -> None:
    wire = Wire(failures=2)
    host.configure(connect_agent=wire)
    host.has(Transition.START, agents=[an_agent(connection=CONNECTING)])

    assert fields(await host.start())["agent_status"] == "ready"
    assert host.backend.clock.monotonic() == timedelta(seconds=4)


async def test_the_agents_wakeup_brings_the_next_attempt_forward(host: Host) -> None:
    wire = Wire(failures=1)
    agent = an_agent(connection=CONNECTING)
    host.configure(connect_agent=wire)
    host.has(Transition.START, agents=[agent])
    call = host.begin("start_workspace")
    await settle(host.backend.clock)
    assert wire.attempts == 1

    host.backend.change_agent(agent)

    assert fields(await call)["agent_status"] == "ready"


async def test_an_attempt_that_hangs_is_given_up_after_five_seconds(host: Host) -> None:
    wire = Wire()
    wire.hangs = True
    host.configure(connect_agent=wire)
    host.has(Transition.START, agents=[an_agent(connection=CONNECTING)])

    response = fields(await host.start())

    assert response["agent_status"] == "not_ready"
    assert "timed out" in response["agent_error"]
    assert host.backend.clock.monotonic() == timedelta(minutes=2)
    assert wire.attempts == 18


async def test_when_the_window_is_over_the_last_attempts_text_is_told(host: Host) -> None:
    wire = Wire(failures=999)
    host.configure(connect_agent=wire)
    host.has(Transition.START, agents=[an_agent(connection=CONNECTING)])

    response = fields(await host.start())

    assert response["agent_status"] == "not_ready"
    assert response["agent_error"] == f"refused {wire.attempts}"
    assert "startup_scripts" not in response


@pytest.mark.parametrize(("connected", "advice"), [("never", "start it"), ("before", "reconnect it")])
async def test_an_external_agent_is_left_to_the_user(host: Host, connected: str, advice: str) -> None:
    agent = an_agent(connection=CONNECTING, external=True, ever_connected=connected == "before")
    host.has(Transition.START, agents=[agent])

    assert advice in fields(await host.start())["agent_error"]


async def test_a_backend_that_cannot_connect_skips_the_phase(host: Host) -> None:
    host.backend.can_connect_agents = False
    host.has(Transition.START, agents=[an_agent(connection=CONNECTING)])

    assert fields(await host.start())["agent_status"] == "ready"


async def test_the_engines_own_attempt_succeeds_when_the_record_says_connected(host: Host) -> None:
    agent = an_agent(connection=CONNECTING)
    host.has(Transition.START, agents=[agent])
    call = host.begin("start_workspace")
    await settle(host.backend.clock)
    assert not call.done()

    host.backend.change_agent(agent, connection=AgentConnection.CONNECTED)

    assert fields(await call)["agent_status"] == "ready"


async def test_a_create_that_finds_the_agent_connected_does_not_connect_to_it(host: Host) -> None:
    wire = Wire()
    host.configure(connect_agent=wire)
    host.has(Transition.START, agents=[an_agent()])

    assert fields(await host.create())["agent_status"] == "ready"
    assert wire.attempts == 0


# Start-up


async def test_a_ready_agent_is_ready(host: Host) -> None:
    host.has(Transition.START, agents=[an_agent()])

    response = fields(await host.start())

    assert response["agent_status"] == "ready"
    assert not response.keys() & {"agent_error", "startup_scripts", "lifecycle_state"}


@pytest.mark.parametrize("state", ["created", "starting", "only_elsewhere"])
async def test_an_agent_that_starts_is_waited_for(host: Host, state: str) -> None:
    agent = an_agent(lifecycle_state=state)
    host.has(Transition.START, agents=[agent])
    call = host.begin("start_workspace")
    await settle(host.backend.clock)
    assert not call.done()

    host.backend.change_agent(agent, lifecycle_state="ready")

    assert fields(await call)["agent_status"] == "ready"


@pytest.mark.parametrize("tool", ["create", "start"])
async def test_a_new_build_whose_scripts_failed_says_where_their_log_is(host: Host, tool: str) -> None:
    agent = an_agent(lifecycle_state="start_error")
    host.backend.agents_of_new_builds = [agent]
    if tool == "start":
        host.has(Transition.STOP)

    response = fields(await (host.create() if tool == "create" else host.start()))

    assert response["startup_scripts"] == "startup_scripts_failed"
    assert f"get_workspace_agent_logs with agent_id {agent.id}" in response["message"]


@pytest.mark.parametrize("tool", ["create_workspace", "start_workspace", "wait_for_workspace"])
async def test_scripts_that_failed_before_the_call_are_told_with_their_log(host: Host, tool: str) -> None:
    agent = an_agent(lifecycle_state="start_error")
    host.has(agents=[agent])
    arguments = {"template_id": str(host.template.id)} if tool == "create_workspace" else {}

    response = fields(await host.call(tool, **arguments))

    assert f"get_workspace_agent_logs with agent_id {agent.id}" in response["message"]


@pytest.mark.parametrize("tool", ["create", "start"])
async def test_a_wait_that_ends_during_the_scripts_names_the_tool_that_goes_on(host: Host, tool: str) -> None:
    host.backend.agents_of_new_builds = [an_agent(lifecycle_state="starting")]
    if tool == "start":
        host.has(Transition.STOP)

    response = fields(await (host.create(wait_seconds=5) if tool == "create" else host.start(wait_seconds=5)))

    assert response["agent_status"] == "starting"
    assert "wait_for_workspace" in response["message"]


@pytest.mark.parametrize("state", ["start_error", "start_timeout"])
async def test_failed_startup_scripts_leave_a_usable_agent(host: Host, state: str) -> None:
    host.has(Transition.START, agents=[an_agent(lifecycle_state=state)])

    response = fields(await host.start())

    assert response["agent_status"] == "ready"
    assert response["startup_scripts"] == "startup_scripts_failed"
    assert response["lifecycle_state"] == state


@pytest.mark.parametrize("state", ["shutting_down", "shutdown_timeout", "shutdown_error", "off"])
async def test_an_agent_that_shuts_down_is_not_ready(host: Host, state: str) -> None:
    host.has(Transition.START, agents=[an_agent(lifecycle_state=state)])

    response = fields(await host.start())

    assert response["agent_status"] == "not_ready"
    assert response["startup_scripts"] == "startup_scripts_failed"
    assert response["lifecycle_state"] == state


async def test_startup_is_waited_for_ten_minutes(host: Host) -> None:
    host.has(Transition.START, agents=[an_agent(lifecycle_state="starting")])

    response = fields(await host.start())

    assert (response["agent_status"], response["startup_scripts"]) == (
        "starting",
        "startup_scripts_timeout",
    )
    assert host.backend.clock.monotonic() == timedelta(minutes=10)


async def test_startup_that_was_never_read_is_unknown(host: Host) -> None:
    host.has(Transition.START, agents=[an_agent()])
    host.configure(connect_agent=Wire())
    host.backend.failures["agents"] = [None, *[ChattoolError("denied")] * 999]

    response = fields(await host.start())

    assert (response["agent_status"], response["startup_scripts"]) == (
        "starting",
        "startup_scripts_unknown",
    )
    assert host.backend.clock.monotonic() == timedelta(minutes=10)


async def test_a_failed_look_at_the_startup_is_ignored(host: Host) -> None:
    agent = an_agent(lifecycle_state="starting")
    host.has(Transition.START, agents=[agent])
    call = host.begin("start_workspace")
    await settle(host.backend.clock)
    host.backend.failures["agents"] = [ChattoolError("denied")]
    host.backend.change_agent(agent, lifecycle_state="ready")

    response = fields(await in_time(host.backend.clock, call))

    assert response["agent_status"] == "ready"


# Without waiting


@pytest.mark.parametrize(
    ("connection", "lifecycle", "status"),
    [
        (AgentConnection.CONNECTED, "ready", "ready"),
        (AgentConnection.CONNECTED, "starting", "starting"),
        (AgentConnection.CONNECTED, "start_error", "ready"),
        (AgentConnection.CONNECTED, "off", "not_ready"),
        (AgentConnection.CONNECTING, "created", "starting"),
        (AgentConnection.DISCONNECTED, "ready", "not_ready"),
        (AgentConnection.TIMEOUT, "created", "not_ready"),
    ],
)
async def test_without_waiting_one_look_at_the_record_decides(
    host: Host, connection: AgentConnection, lifecycle: str, status: str
) -> None:
    wire = Wire()
    host.configure(connect_agent=wire)
    host.has(Transition.START, agents=[an_agent(connection=connection, lifecycle_state=lifecycle)])

    response = fields(await host.start(wait_seconds=0))

    assert (response["started"], response["agent_status"]) == (True, status)
    assert wire.attempts == 0


async def test_a_workspace_without_agents_says_so(host: Host) -> None:
    host.has(Transition.START)

    assert fields(await host.start())["agent_status"] == "no_agent"


async def test_unreadable_agents_do_not_fail_the_call(host: Host) -> None:
    host.has(Transition.START)
    host.backend.failures["agents"] = [ChattoolError("denied")]

    response = fields(await host.start())

    assert (response["started"], response["agent_status"]) == (True, "not_ready")
    assert "denied" in response["agent_error"]
