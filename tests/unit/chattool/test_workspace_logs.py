"""get_workspace_build_logs and get_workspace_agent_logs: pages of a log."""

from dataclasses import replace
from uuid import uuid4

import pytest

from chattool.errors import JobUnreadable
from chattool.inspection_backend import AgentLog
from db.errors import RequestError
from db.ids import AgentId
from tests.unit.chattool.fake_backend import log_lines
from tests.unit.chattool.host import QUOTA, Host, fields


def write(host: Host, *outputs: str) -> None:
    host.backend.log = [replace(line, id=line.id + 1) for line in log_lines(outputs)]


async def test_a_build_comes_with_its_log(host: Host) -> None:
    _, build = host.has()
    write(host, "hello")

    answer = fields(await host.call("get_workspace_build_logs", build_id=str(build.id)))

    assert answer == {
        "build_id": str(build.id),
        "build_number": 1,
        "transition": "start",
        "job_status": "succeeded",
        "logs": [{"id": 1, "stage": "Starting workspace", "level": "info", "output": "hello"}],
        "has_more": False,
    }


async def test_a_failed_build_says_why_without_the_key_of_failures(host: Host) -> None:
    _, build = host.has(**QUOTA)

    response = await host.call("get_workspace_build_logs", build_id=str(build.id))

    answer = fields(response)
    assert (answer["job_status"], answer["job_error"]) == ("failed", "insufficient quota")
    assert answer["job_error_code"] == "INSUFFICIENT_QUOTA"
    assert response.ok


async def test_a_page_has_400_lines_and_says_where_to_go_on(host: Host) -> None:
    _, build = host.has()
    write(host, *(["x"] * 401))

    first = fields(await host.call("get_workspace_build_logs", build_id=str(build.id)))
    rest = fields(
        await host.call(
            "get_workspace_build_logs", build_id=str(build.id), after_id=str(first["next_after_id"])
        )
    )

    assert (len(first["logs"]), first["has_more"]) == (400, True)
    assert first["next_after_id"] == first["logs"][-1]["id"]
    assert [line["id"] for line in rest["logs"]] == [401]
    assert (rest["has_more"], "next_after_id" in rest) == (False, False)


async def test_a_page_ends_before_it_gets_too_long_for_a_model(host: Host) -> None:
    _, build = host.has()
    write(host, *(["x" * 3500] * 20))

    seen: list[int] = []
    after = 0
    for _ in range(20):
        answer = fields(await host.call("get_workspace_build_logs", build_id=str(build.id), after_id=after))
        assert sum(len(line["output"]) for line in answer["logs"]) <= 40_000
        seen += [line["id"] for line in answer["logs"]]
        if not answer["has_more"]:
            break
        after = answer["next_after_id"]

    assert seen == list(range(1, 21))
    assert after == 11


async def test_a_very_long_line_is_cut_with_a_mark(host: Host) -> None:
    _, build = host.has()
    write(host, "x" * 60_000)

    answer = fields(await host.call("get_workspace_build_logs", build_id=str(build.id)))

    assert answer["logs"][0]["output"] == "x" * 4000 + "… (56000 more characters)"
    assert answer["has_more"] is False


@pytest.mark.parametrize("after_id", [0, -7, "-1", -(10**30)])
async def test_an_after_id_up_to_0_means_from_the_start(host: Host, after_id: object) -> None:
    _, build = host.has()
    write(host, "hello")

    answer = fields(await host.call("get_workspace_build_logs", build_id=str(build.id), after_id=after_id))

    assert len(answer["logs"]) == 1


async def test_an_after_id_must_be_a_whole_number(host: Host) -> None:
    response = await host.call("get_workspace_build_logs", build_id=str(uuid4()), after_id="soon")

    assert response.content == "after_id must be a whole number"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (JobUnreadable("no such job"), "workspace build job not found"),
        (RequestError(400, "broken"), "read build logs: broken"),
    ],
)
async def test_a_build_log_that_cannot_be_read_is_a_text_error(
    host: Host, error: Exception, text: str
) -> None:
    host.backend.failures["build_log"] = [error]

    response = await host.call("get_workspace_build_logs", build_id=str(uuid4()))

    assert (response.is_error, response.content) == (True, text)


async def test_an_agent_comes_with_what_its_script_wrote(host: Host) -> None:
    agent_id = AgentId(uuid4())
    host.backend.agent_logs[agent_id] = AgentLog(
        agent_id=agent_id,
        agent_name="main",
        lifecycle_state="start_error",
        troubleshooting_url="https://help.example",
        lines=log_lines(["pip: not found"], stage=""),
    )

    answer = fields(await host.call("get_workspace_agent_logs", agent_id=str(agent_id)))

    assert answer == {
        "agent_id": str(agent_id),
        "name": "main",
        "lifecycle_state": "start_error",
        "logs": [{"id": 0, "level": "info", "output": "pip: not found"}],
        "has_more": False,
        "troubleshooting_url": "https://help.example",
    }


async def test_an_agent_log_that_cannot_be_read_is_a_text_error(host: Host) -> None:
    host.backend.failures["agent_log"] = [RequestError(400, "broken")]

    response = await host.call("get_workspace_agent_logs", agent_id=str(uuid4()))

    assert (response.is_error, response.content) == (True, "read agent logs: broken")
