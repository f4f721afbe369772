"""spec: the lease per chat, bounds of waiting, interrupts."""

import asyncio
from datetime import timedelta

import pytest

from db.errors import StoreBusy
from db.states import Transition
from tests.unit.chattool.fake_backend import FakeLease, an_agent, in_time, pass_time, settle
from tests.unit.chattool.host import BROKEN, Host, fields

BUSY = "another call for this chat is in progress; try again"


# The lease


async def test_a_call_gives_its_lease_back_before_it_waits(host: Host) -> None:
    host.backend.ends = None
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)

    assert host.chats.holder is None
    assert not call.done()
    assert host.calls.index("bind") < host.calls.index("release")
    call.cancel()


async def test_a_waiting_call_is_woken_by_the_release(host: Host) -> None:
    host.has(Transition.STOP)
    held = FakeLease()
    host.chats.holder = held
    call = host.begin("stop_workspace")
    await settle(host.backend.clock)
    assert not call.done()

    await host.chats.release(host.context.chat_id, held)

    assert fields(await call)["stopped"] is True


async def test_a_crashed_holders_lease_is_taken_once_it_has_expired(host: Host) -> None:
    host.has(Transition.STOP)
    host.chats.holder = FakeLease()
    call = host.begin("stop_workspace")
    await settle(host.backend.clock)
    host.chats.holder = None  # expired: nobody is woken

    await pass_time(host.backend.clock, timedelta(seconds=5))

    assert call.done()
    assert fields(await call)["stopped"] is True


async def test_waiting_for_the_lease_can_be_interrupted(host: Host) -> None:
    host.chats.holder = FakeLease()
    call = host.begin("stop_workspace")
    await settle(host.backend.clock)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.parametrize(("wait_seconds", "bound"), [(0, 5), (3, 3), (20, 20)])
async def test_at_the_bound_without_a_build_the_call_says_to_try_again(
    host: Host, wait_seconds: int, bound: int
) -> None:
    host.has(Transition.STOP)
    host.chats.holder = FakeLease()

    response = await host.stop(wait_seconds=wait_seconds)

    assert (response.is_error, response.content) == (True, BUSY)
    assert host.backend.clock.monotonic() == timedelta(seconds=bound)


async def test_at_the_bound_a_build_in_progress_is_the_answer(host: Host) -> None:
    _, build = host.has(Transition.START, status="running")
    host.chats.holder = FakeLease()

    response = fields(await host.start(wait_seconds=0))

    assert (response["status"], response["build_id"]) == ("building", str(build.id))


async def test_a_lease_is_renewed_right_before_the_call_that_changes_something(host: Host) -> None:
    host.has(Transition.STOP)

    await host.start()

    assert [lease.renewals for lease in host.chats.leases] == [1]


async def test_a_lost_lease_starts_the_round_over_and_nothing_was_called(host: Host) -> None:
    host.has(Transition.STOP)
    host.chats.loses_leases = 1

    response = fields(await host.start())

    assert response["started"] is True
    assert len(host.chats.leases) == 2
    assert len(host.backend.requests) == 1


async def test_a_lease_that_is_always_lost_changes_nothing(host: Host) -> None:
    host.chats.loses_leases = 99

    response = await host.create()

    assert response.content == BUSY
    assert host.backend.requests == []


async def test_a_long_round_renews_its_lease_every_ten_seconds(host: Host) -> None:
    host.has(Transition.STOP)
    host.backend.hangs["as_owner"] = gate = asyncio.Event()
    call = host.begin("start_workspace")

    await pass_time(host.backend.clock, timedelta(seconds=25))

    assert [lease.renewals for lease in host.chats.leases] == [2]
    gate.set()
    assert fields(await call)["started"] is True


async def test_a_store_that_cannot_renew_is_a_text_error_and_nothing_is_called(host: Host) -> None:
    host.has(Transition.STOP)
    host.chats.failures["try_lease"] = [StoreBusy("locked")] * 3

    assert (await host.start()).content == "take chat lease: locked"
    assert host.backend.requests == []


# Bounds


async def test_without_waiting_a_new_build_is_answered_at_once(host: Host) -> None:
    host.backend.ends = None

    response = dict(fields(await host.create(wait_seconds=0)))

    assert "call wait_for_workspace" in response.pop("message").lower()
    assert response == {
        "created": True,
        "status": "building",
        "transition": "start",
        "build_id": str(host.latest.id),
        "workspace_id": str(host.latest.workspace_id),
        "workspace_name": response["workspace_name"],
        "agent_status": "starting",
    }
    assert host.chats.only.build_id == host.latest.id
    assert len(host.heard) == 1


async def test_without_waiting_a_joined_build_is_answered_at_once(host: Host) -> None:
    _, build = host.has(Transition.STOP, status="running")

    response = fields(await host.start(wait_seconds=0))

    assert response["started"] is False
    assert (response["status"], response["transition"]) == ("building", "stop")
    assert response["build_id"] == str(build.id)


async def test_a_stop_that_is_building_has_no_agent_status(host: Host) -> None:
    host.has(Transition.START)
    host.backend.ends = None

    response = fields(await host.stop(wait_seconds=0))

    assert (response["stopped"], response["status"]) == (False, "building")
    assert "agent_status" not in response


async def test_the_bound_during_a_build_leaves_it_going(host: Host) -> None:
    host.backend.ends = None

    response = fields(await host.create(wait_seconds=7))

    assert response["status"] == "building"
    assert host.backend.clock.monotonic() == timedelta(seconds=7)
    assert host.latest.job.status == "pending"


async def test_calling_again_joins_the_build(host: Host) -> None:
    host.backend.ends = None
    first = fields(await host.create(wait_seconds=0))

    again = fields(await host.create(wait_seconds=0))

    assert again["build_id"] == first["build_id"]
    assert (first["created"], again["created"]) == (True, False)
    assert len(host.backend.requests) == 1


async def test_a_build_that_no_daemon_takes_says_so(host: Host) -> None:
    host.backend.ends = {"status": "pending", "matched_provisioners": 0}

    assert "daemon" in fields(await host.create(wait_seconds=0))["message"]


async def test_a_build_of_unknown_daemons_says_nothing_about_them(host: Host) -> None:
    host.backend.ends = {"status": "pending", "matched_provisioners": None}

    assert "daemon" not in fields(await host.create(wait_seconds=0))["message"]


async def test_the_bound_during_readiness_gives_the_ordinary_answer(host: Host) -> None:
    host.backend.agents_of_new_builds = [an_agent(lifecycle_state="starting")]

    response = fields(await host.create(wait_seconds=7))

    assert (response["created"], response["agent_status"]) == (True, "starting")
    assert not response.keys() & {"status", "startup_scripts"}
    assert host.backend.clock.monotonic() == timedelta(seconds=7)


async def test_a_wait_above_the_limits_is_cut_to_them(host: Host) -> None:
    host.backend.ends = None

    response = fields(await host.create(wait_seconds=999_999))

    assert response["status"] == "building"
    assert host.backend.clock.monotonic() == timedelta(minutes=10)


# Interrupts


async def test_an_interrupt_while_waiting_leaves_binding_and_build(host: Host) -> None:
    host.backend.ends = None
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert host.chats.only.build_id == host.latest.id
    assert host.latest.job.status == "pending"
    assert host.chats.holder is None


@pytest.mark.parametrize("tool", ["create_workspace", "start_workspace", "stop_workspace"])
async def test_an_interrupt_during_the_create_call_still_binds_what_it_makes(host: Host, tool: str) -> None:
    if tool != "create_workspace":
        host.has(Transition.START, **BROKEN)
    step = "create_workspace" if tool == "create_workspace" else "create_build"
    host.backend.hangs[step] = gate = asyncio.Event()
    given = {"template_id": str(host.template.id)} if tool == "create_workspace" else {}
    call = host.begin(tool, **given)
    await settle(host.backend.clock)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert host.chats.holder is not None, "the step still needs the lease"
    gate.set()
    await settle(host.backend.clock)
    assert host.chats.only.build_id == host.latest.id
    assert host.chats.holder is None


async def test_an_interrupt_while_the_lease_is_granted_gives_it_back(host: Host) -> None:
    host.has(Transition.STOP)
    gate = asyncio.Event()
    granted = host.chats.try_lease

    async def slow(*args: object) -> object:
        lease = await granted(*args)  # type: ignore[arg-type]  # passed on as they are
        await gate.wait()
        return lease

    host.chats.try_lease = slow  # type: ignore[assignment,method-assign]  # a store that is slow to say so
    call = host.begin("stop_workspace")
    await settle(host.backend.clock)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    gate.set()
    await settle(host.backend.clock)

    assert host.chats.holder is None


async def test_an_interrupted_wait_can_be_taken_up_again(host: Host) -> None:
    host.backend.ends = None
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)
    call.cancel()
    await asyncio.wait({call})

    again = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)
    host.backend.change(host.latest.id, status="succeeded")

    assert fields(await in_time(host.backend.clock, again))["message"] == "workspace build completed"
