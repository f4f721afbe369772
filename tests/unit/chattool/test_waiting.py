"""spec: wait_for_build."""

import asyncio
import logging
from datetime import timedelta
from uuid import uuid4

import pytest

from chattool.backend import Build
from chattool.errors import (
    JobUnreadable,
    WorkspaceBuildCanceled,
    WorkspaceBuildError,
    WorkspaceBuildTimeout,
    WorkspaceBuildUnreadable,
)
from chattool.waiting import wait_for_build
from db.errors import RequestError, StoreBusy
from db.ids import BuildId
from db.states import Transition
from provisioner.terminal import failure_detail, wire_form
from tests.unit.chattool.fake_backend import FakeBackend, in_time, pass_time, settle
from tests.unit.chattool.host import Host

SECOND = timedelta(seconds=1)


@pytest.fixture
def backend(host: Host) -> FakeBackend:
    return host.backend


@pytest.fixture
def build(host: Host) -> Build:
    _, build = host.has(Transition.START, status="pending")
    return build


async def test_a_succeeded_build_is_returned(backend: FakeBackend, build: Build) -> None:
    done = backend.change(build.id, status="succeeded")

    assert await wait_for_build(backend, build.id) == done


async def test_a_failed_build_raises_with_everything_its_job_says(backend: FakeBackend, build: Build) -> None:
    backend.change(
        build.id,
        status="failed",
        error="insufficient quota",
        error_code="INSUFFICIENT_QUOTA",
        failure_reason="quota",
        retryable=False,
        planned_cost=20,
    )

    with pytest.raises(WorkspaceBuildError) as caught:
        await wait_for_build(backend, build.id)

    error = caught.value
    assert (str(error), error.message) == ("insufficient quota", "insufficient quota")
    assert (error.code, error.build_id) == ("INSUFFICIENT_QUOTA", build.id)
    assert (error.failure_reason, error.retryable, error.planned_cost) == ("quota", False, 20)


async def test_a_final_refusal_is_found_in_the_error(backend: FakeBackend, build: Build) -> None:
    reason, detail = "OPERATION_NOT_PERMITTED", "E-7: not here"
    backend.change(
        build.id, status="failed", error=detail, failure_reason=reason, failure_detail=detail, retryable=False
    )

    with pytest.raises(WorkspaceBuildError) as caught:
        await wait_for_build(backend, build.id)

    found = failure_detail(ExceptionGroup("several", [ValueError(), caught.value]))
    assert found is not None
    assert wire_form(found) == {"failure_reason": reason, "failure_detail": detail}


async def test_a_failure_without_text_or_code_says_that_the_build_failed(
    backend: FakeBackend, build: Build
) -> None:
    backend.change(build.id, status="failed", error="  ")

    with pytest.raises(WorkspaceBuildError) as caught:
        await wait_for_build(backend, build.id)

    assert (str(caught.value), caught.value.code, caught.value.retryable) == ("build failed", None, None)


async def test_a_code_from_a_server_that_does_not_say_more_is_not_retryable(
    backend: FakeBackend, build: Build
) -> None:
    backend.change(build.id, status="failed", error="x", error_code="SOME_CODE")

    with pytest.raises(WorkspaceBuildError) as caught:
        await wait_for_build(backend, build.id)

    assert caught.value.retryable is False


async def test_a_canceled_build_raises_an_error_of_its_own(backend: FakeBackend, build: Build) -> None:
    backend.change(build.id, status="canceled")

    with pytest.raises(WorkspaceBuildCanceled) as caught:
        await wait_for_build(backend, build.id)

    assert (str(caught.value), caught.value.build_id) == ("build was canceled", build.id)


@pytest.mark.parametrize("status", ["pending", "running", "canceling"])
async def test_an_active_build_is_waited_for_and_a_wakeup_ends_the_wait(
    backend: FakeBackend, build: Build, status: str
) -> None:
    backend.change(build.id, status=status)
    waiting = asyncio.create_task(wait_for_build(backend, build.id))
    await settle(backend.clock)
    assert not waiting.done()

    backend.change(build.id, status="succeeded")

    async with asyncio.timeout(20):
        assert (await waiting).job.status == "succeeded"


async def test_a_status_that_nobody_knows_is_an_error(backend: FakeBackend, build: Build) -> None:
    backend.change(build.id, status="unknown")

    with pytest.raises(WorkspaceBuildError, match="unexpected job status: unknown"):
        await wait_for_build(backend, build.id)


async def test_a_missing_build_is_an_error_at_once(backend: FakeBackend) -> None:
    with pytest.raises(WorkspaceBuildUnreadable, match=r"^get build: ") as caught:
        await wait_for_build(backend, BuildId(uuid4()))

    assert (caught.value.code, caught.value.retryable) == (None, None)


async def test_a_missing_job_is_an_error_at_once(backend: FakeBackend, build: Build) -> None:
    backend.failures["build"] = [JobUnreadable("no such job")]

    with pytest.raises(WorkspaceBuildUnreadable, match=r"^get provisioner job: no such job$"):
        await wait_for_build(backend, build.id)


@pytest.mark.parametrize("error", [StoreBusy("locked"), RequestError(502, "bad gateway")])
async def test_transient_read_errors_are_sat_out(
    backend: FakeBackend, build: Build, error: Exception
) -> None:
    backend.change(build.id, status="succeeded")
    backend.failures["build"] = [error] * 5

    done = await in_time(backend.clock, wait_for_build(backend, build.id))

    assert done.job.status == "succeeded"
    assert backend.clock.monotonic() == timedelta(seconds=0.2 + 0.4 + 0.8 + 1.6 + 3.2)


async def test_thirty_seconds_without_one_good_read_end_the_wait(backend: FakeBackend, build: Build) -> None:
    backend.failures["build"] = [StoreBusy("locked")] * 99

    with pytest.raises(WorkspaceBuildUnreadable, match=r"^get build: locked$") as caught:
        await in_time(backend.clock, wait_for_build(backend, build.id))

    assert caught.value.retryable is True
    assert timedelta(seconds=30) <= backend.clock.monotonic() <= timedelta(seconds=36)


async def test_a_good_read_starts_the_thirty_seconds_anew(backend: FakeBackend, build: Build) -> None:
    errors: list[Exception | None] = [StoreBusy("locked")] * 7  # 0.2 + 0.4 + ... = 16.2 s
    backend.failures["build"] = [*errors, None, *errors, None]
    backend.failures["builds_by_id"] = [StoreBusy("locked")] * 99

    waiting = asyncio.create_task(wait_for_build(backend, build.id))
    await pass_time(backend.clock, timedelta(minutes=2))

    assert not waiting.done()
    backend.change(build.id, status="succeeded")
    assert (await waiting).job.status == "succeeded"


async def test_a_poll_is_a_good_read(backend: FakeBackend, build: Build) -> None:
    waiting = asyncio.create_task(wait_for_build(backend, build.id))
    await pass_time(backend.clock, timedelta(minutes=2))
    backend.failures["build"] = [StoreBusy("locked")]
    backend.change(build.id, status="succeeded")

    assert (await in_time(backend.clock, waiting)).job.status == "succeeded"


async def test_many_builds_are_polled_with_one_read(host: Host, build: Build) -> None:
    backend = host.backend
    workspace = backend.workspaces[build.workspace_id]
    others = [backend.add_build(workspace, Transition.START, job={"status": "pending"}) for _ in range(9)]
    waiting = [asyncio.create_task(wait_for_build(backend, each.id)) for each in (build, *others)]
    await settle(backend.clock)
    backend.calls.clear()

    await pass_time(backend.clock, 5 * SECOND)
    assert backend.calls == ["builds_by_id"]

    backend.wakeups.filter = lambda _: ()
    backend.change(build.id, status="succeeded")
    await pass_time(backend.clock, 5 * SECOND)
    assert backend.calls == ["builds_by_id", "builds_by_id", "build"]
    assert [each.done() for each in waiting] == [True] + [False] * 9
    for each in waiting:
        each.cancel()


async def test_a_poll_that_breaks_goes_on(
    backend: FakeBackend, build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    backend.wakeups.filter = lambda _: ()
    waiting = asyncio.create_task(wait_for_build(backend, build.id))
    await settle(backend.clock)
    backend.failures["builds_by_id"] = [RuntimeError("a mistake of ours")]
    await pass_time(backend.clock, 5 * SECOND)
    assert "cannot poll builds" in caplog.text

    backend.change(build.id, status="succeeded")
    await pass_time(backend.clock, 5 * SECOND)

    assert (await waiting).job.status == "succeeded"


async def test_the_deadline_ends_the_wait_and_not_the_build(backend: FakeBackend, build: Build) -> None:
    with pytest.raises(WorkspaceBuildTimeout) as caught:
        await in_time(backend.clock, wait_for_build(backend, build.id, timeout=9 * SECOND))

    assert str(caught.value) == "timed out waiting for workspace build"
    assert backend.clock.monotonic() == 9 * SECOND
    assert backend.builds[build.id].job.status == "pending"


async def test_the_default_deadline_is_ten_minutes(backend: FakeBackend, build: Build) -> None:
    with pytest.raises(WorkspaceBuildTimeout):
        await in_time(backend.clock, wait_for_build(backend, build.id))

    assert backend.clock.monotonic() == timedelta(minutes=10)


async def test_an_interrupt_is_never_a_timeout(backend: FakeBackend, build: Build) -> None:
    waiting = asyncio.create_task(wait_for_build(backend, build.id))
    await settle(backend.clock)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    await settle(backend.clock)
    assert not backend.wakeups.in_use


async def test_a_lost_wakeup_costs_at_most_one_poll(backend: FakeBackend, build: Build) -> None:
    backend.wakeups.filter = lambda _: ()
    waiting = asyncio.create_task(wait_for_build(backend, build.id))
    await settle(backend.clock)
    backend.change(build.id, status="succeeded")

    await pass_time(backend.clock, 5 * SECOND)

    assert waiting.done()
    assert (await waiting).job.status == "succeeded"


async def test_fifty_waiters_share_one_subscription_and_one_read(backend: FakeBackend, build: Build) -> None:
    waiting = [asyncio.create_task(wait_for_build(backend, build.id)) for _ in range(50)]
    await settle(backend.clock)
    assert backend.calls == ["build_changes", "build"]

    backend.change(build.id, status="succeeded")
    async with asyncio.timeout(20):
        await asyncio.gather(*waiting)

    assert backend.calls == ["build_changes", "build", "build"]
    assert not backend.wakeups.in_use


async def test_a_waiter_that_comes_later_reads_afresh(backend: FakeBackend, build: Build) -> None:
    backend.wakeups.filter = lambda _: ()
    first = asyncio.create_task(wait_for_build(backend, build.id))
    await settle(backend.clock)
    backend.change(build.id, status="succeeded")

    async with asyncio.timeout(20):
        await wait_for_build(backend, build.id)

    assert (await first).job.status == "succeeded"


async def test_one_interrupted_waiter_leaves_the_others_waiting(backend: FakeBackend, build: Build) -> None:
    one, other = (asyncio.create_task(wait_for_build(backend, build.id)) for _ in range(2))
    await settle(backend.clock)

    one.cancel()
    await settle(backend.clock)
    backend.change(build.id, status="succeeded")

    async with asyncio.timeout(20):
        assert (await other).job.status == "succeeded"


async def test_a_build_that_is_stopped_next_is_not_followed(host: Host, build: Build) -> None:
    host.backend.change(build.id, status="succeeded")
    workspace = host.backend.workspaces[build.workspace_id]
    host.backend.add_build(workspace, Transition.STOP, job={"status": "running"})

    assert (await wait_for_build(host.backend, build.id)).id == build.id


async def test_progress_hears_of_each_phase_once(backend: FakeBackend, build: Build) -> None:
    heard: list[tuple[str, str, int]] = []

    async def hear(build: Build) -> None:
        heard.append((build.job.status, build.job.stage, build.job.queue_position))

    backend.change(build.id, queue_position=2)
    waiting = asyncio.create_task(wait_for_build(backend, build.id, on_progress=hear))
    for change in (
        {"queue_position": 1},
        {"queue_position": 1},
        {"status": "running", "stage": "Setting up", "queue_position": 0},
        {"stage": "Planning infrastructure"},
        {"status": "succeeded"},
    ):
        await settle(backend.clock)
        backend.change(build.id, **change)
    async with asyncio.timeout(20):
        await waiting

    assert heard == [
        ("pending", "", 2),
        ("pending", "", 1),
        ("running", "Setting up", 0),
        ("running", "Planning infrastructure", 0),
        ("succeeded", "Planning infrastructure", 0),
    ]


async def test_progress_cannot_fail_the_wait(
    backend: FakeBackend, build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(build: Build) -> None:
        raise RuntimeError("no more room")

    backend.change(build.id, status="succeeded")

    with caplog.at_level(logging.ERROR):
        await wait_for_build(backend, build.id, on_progress=fail)

    assert "on_progress failed" in caplog.text
