"""spec: quota results and other build failures."""

import asyncio
from typing import Any

import pytest

from chattool.backend import Quota
from chattool.errors import WorkspaceBuildCanceled, WorkspaceBuildError
from chattool.quota_error import Verb, quota_error_result
from db.errors import ChattoolError, StoreBusy
from db.ids import BuildId, new_id
from db.states import Transition
from tests.unit.chattool.fake_backend import log_lines, settle
from tests.unit.chattool.host import QUOTA, Host, fields

MESSAGE = (
    "chattool could not {} this workspace because your workspace quota is full. Delete a workspace you "
    "no longer need to free quota, or ask an administrator to raise your group quota allowance."
)


def test_the_quota_result_has_exactly_these_keys() -> None:
    build_id = BuildId(new_id())
    error = WorkspaceBuildError("insufficient quota", "INSUFFICIENT_QUOTA", build_id, planned_cost=20)

    result = quota_error_result(error, quota=Quota(credits_consumed=40, budget=40))

    assert result.document() == {
        "error_code": "INSUFFICIENT_QUOTA",
        "error": "workspace build failed: insufficient quota",
        "title": "Workspace quota reached",
        "message": MESSAGE.format("create"),
        "build_id": str(build_id),
        "quota": {"credits_consumed": 40, "budget": 40, "cost": 20},
    }


def test_zero_credits_are_values_and_an_unknown_cost_is_left_out() -> None:
    error = WorkspaceBuildError("x", "INSUFFICIENT_QUOTA")

    result = quota_error_result(error, quota=Quota(credits_consumed=0, budget=0), verb=Verb.START)

    document = result.document()
    assert document["quota"] == {"credits_consumed": 0, "budget": 0}
    assert document["message"] == MESSAGE.format("start")
    assert "build_id" not in document


@pytest.mark.parametrize(
    "error",
    [
        WorkspaceBuildError("insufficient quota"),
        WorkspaceBuildError("insufficient quota", "OTHER"),
        WorkspaceBuildCanceled("insufficient quota"),
    ],
)
def test_nothing_but_the_code_makes_a_quota_result(error: WorkspaceBuildError) -> None:
    with pytest.raises(ValueError, match="not a quota refusal"):
        quota_error_result(error)


async def test_a_refused_create_says_by_how_much(host: Host) -> None:
    host.backend.ends = QUOTA
    host.backend.credits = Quota(credits_consumed=40, budget=40)

    response = fields(await host.create())

    assert response == {
        "error_code": "INSUFFICIENT_QUOTA",
        "error": "workspace build failed: insufficient quota",
        "title": "Workspace quota reached",
        "message": MESSAGE.format("create"),
        "build_id": str(host.latest.id),
        "quota": {"credits_consumed": 40, "budget": 40, "cost": 20},
        "workspace_id": str(host.latest.workspace_id),
        "workspace_name": response["workspace_name"],
    }
    assert len(host.heard) == 1


async def test_a_failure_that_only_talks_of_quota_is_an_ordinary_one(host: Host) -> None:
    host.backend.ends = {**QUOTA, "error_code": ""}

    response = fields(await host.create())

    assert response["error"] == "workspace build failed: insufficient quota"
    assert not response.keys() & {"error_code", "quota", "title", "message"}
    assert "quota" not in host.calls


@pytest.mark.parametrize(
    ("tool", "joined", "prefix", "verb"),
    [
        ("create_workspace", Transition.START, "existing workspace build failed: ", "start"),
        ("create_workspace", Transition.STOP, "existing workspace build failed: ", "create"),
        ("start_workspace", Transition.START, "waiting for in-progress build: ", "start"),
    ],
)
async def test_a_refused_joined_build_has_the_words_of_its_path(
    host: Host, tool: str, joined: Transition, prefix: str, verb: str
) -> None:
    _, build = host.has(joined, status="running")
    given = {"template_id": str(host.template.id)} if tool == "create_workspace" else {}
    call = host.begin(tool, **given)
    await settle(host.backend.clock)

    host.backend.change(build.id, **QUOTA)

    response = fields(await call)
    assert response["error"] == prefix + "insufficient quota"
    assert response["message"] == MESSAGE.format(verb)
    assert response["build_id"] == str(build.id)


async def test_a_refused_rebuild_has_the_words_of_a_creation(host: Host) -> None:
    host.has(Transition.START, **QUOTA)
    host.backend.ends = QUOTA

    response = fields(await host.create())

    assert response["error"] == "workspace build failed: insufficient quota"
    assert response["message"] == MESSAGE.format("create")


async def test_a_refused_start_has_its_own_words(host: Host) -> None:
    host.has(Transition.STOP)
    host.backend.ends = QUOTA

    response = fields(await host.start())

    assert response["error"] == "workspace start build failed: insufficient quota"
    assert response["message"] == MESSAGE.format("start")


@pytest.mark.parametrize("failing", ["as_owner", "quota"])
@pytest.mark.parametrize("error", [ChattoolError("denied"), StoreBusy("locked"), KeyError("x")])
async def test_a_failed_lookup_drops_the_figures_and_nothing_else(
    host: Host, failing: str, error: Exception
) -> None:
    _, build = host.has(Transition.START, status="running")
    host.backend.failures[failing] = [error]
    call = host.begin("start_workspace")
    await settle(host.backend.clock)

    host.backend.change(build.id, **QUOTA)

    response = fields(await call)
    assert response["error_code"] == "INSUFFICIENT_QUOTA"
    assert "quota" not in response
    assert host.calls.count(failing) == 1


async def test_a_lookup_that_takes_too_long_is_dropped(host: Host) -> None:
    host.backend.ends = QUOTA
    host.backend.hangs["quota"] = asyncio.Event()

    response = fields(await host.create())

    assert "quota" not in response
    assert host.backend.clock.monotonic() == host.context.settings.quota_lookup_timeout


async def test_a_backend_without_quota_is_not_asked(host: Host) -> None:
    host.backend.can_read_quota = False
    host.backend.ends = QUOTA

    assert "quota" not in fields(await host.create())
    assert "quota" not in host.calls


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({}, {}),
        (
            {"error_code": "MISSING_TEMPLATE_PARAMETER"},
            {"error_code": "MISSING_TEMPLATE_PARAMETER", "retryable": False},
        ),
        (
            {"failure_reason": "capacity", "retryable": False},
            {"failure_reason": "capacity", "retryable": False},
        ),
        ({"retryable": True}, {"retryable": True}),
    ],
)
async def test_an_ordinary_failure_passes_on_what_the_job_says(
    host: Host, job: dict[str, Any], expected: dict[str, Any]
) -> None:
    host.backend.ends = {"status": "failed", "error": "no such image", **job}

    response = dict(fields(await host.create()))

    assert response.pop("error") == "workspace build failed: no such image"
    for name in ("build_id", "workspace_id", "workspace_name", "next_step"):
        response.pop(name)
    assert response == expected


@pytest.mark.parametrize(
    ("job", "tools"),
    [
        ({}, ["get_workspace_build_logs", "create_workspace"]),
        ({"error_code": "MISSING_TEMPLATE_PARAMETER"}, ["get_workspace_build_logs", "create_workspace"]),
        ({"retryable": True}, ["create_workspace"]),
        ({"status": "canceled"}, ["create_workspace"]),
    ],
)
async def test_a_failure_names_the_tools_that_come_next(
    host: Host, job: dict[str, Any], tools: list[str]
) -> None:
    host.backend.ends = {"status": "failed", "error": "no such image", **job}

    next_step = fields(await host.create())["next_step"]

    assert [word for word in next_step.split() if "_workspace" in word] == tools


async def test_somebody_elses_cancel_is_a_structured_failure(host: Host) -> None:
    host.backend.ends = {"status": "canceled"}

    response = fields(await host.create())

    assert response["error"] == "workspace build failed: build was canceled"
    assert response["build_id"] == str(host.latest.id)


async def test_a_failure_ends_with_the_last_log_lines(host: Host) -> None:
    host.backend.ends = {"status": "failed", "error": "x"}
    host.backend.log = log_lines(f"line {number}" for number in range(30))

    lines = fields(await host.create())["last_log_lines"]

    assert lines == [f"[Starting workspace] line {number}" for number in range(10, 30)]


async def test_log_lines_stay_within_eight_kibibytes_and_the_last_one_is_kept(host: Host) -> None:
    host.backend.ends = {"status": "failed", "error": "x"}
    host.backend.log = log_lines(["é" * 3000] * 3)
    lines = fields(await host.create())["last_log_lines"]
    assert len(lines) == 1

    host.backend.log = log_lines(["short", "é" * 9000])
    lines = fields(await host.create())["last_log_lines"]

    assert len(lines) == 1
    assert len(lines[0].encode()) <= 8 * 1024


async def test_an_unreadable_log_is_dropped(host: Host) -> None:
    host.backend.ends = {"status": "failed", "error": "x"}
    host.backend.failures["build_log_tail"] = [ChattoolError("denied")]

    assert "last_log_lines" not in fields(await host.create())
