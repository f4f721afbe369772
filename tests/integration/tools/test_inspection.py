"""Logs, files and quota on a real engine."""

from typing import Any

import pytest

from db import agents, allowances, users
from db.errors import RequestError
from db.states import AgentLifecycle, LogLevel
from tests.integration.tools.engine_host import EngineHost, costing, fields


async def look(host: EngineHost, tool: str, **arguments: object) -> dict[str, Any]:
    return fields(await host.call(tool, arguments))


async def test_the_log_of_a_refused_build_says_why(host: EngineHost) -> None:
    answer = await host.create(await host.template(start_apply=costing(50)))

    log = await look(host, "get_workspace_build_logs", build_id=answer["build_id"])

    outputs = [line["output"] for line in log["logs"]]
    assert "Build cost: 50" in outputs
    assert (log["build_number"], log["transition"], log["job_status"]) == (1, "start", "failed")
    assert (log["job_error"], log["job_error_code"]) == ("insufficient quota", "INSUFFICIENT_QUOTA")


async def test_a_log_goes_on_after_the_last_line_one_has(host: EngineHost) -> None:
    answer = await host.create(await host.template())
    build_id = answer["build_id"]
    log = await look(host, "get_workspace_build_logs", build_id=build_id)
    middle = log["logs"][1]["id"]

    rest = await look(host, "get_workspace_build_logs", build_id=build_id, after_id=middle)

    assert rest["logs"] == log["logs"][2:]


async def test_the_log_of_an_agent_is_what_its_script_wrote(host: EngineHost) -> None:
    await host.create(await host.template(start_apply=costing(5, "main")), wait_seconds=0)
    await host.built()
    agent = await host.agent()
    await host.report(agent, AgentLifecycle.START_ERROR)
    await host.engine.store.write(agents.append_logs, agent.id, [(LogLevel.INFO, "pip: not found")])

    log = await look(host, "get_workspace_agent_logs", agent_id=str(agent.id))

    assert (log["name"], log["lifecycle_state"]) == ("main", "start_error")
    assert [line["output"] for line in log["logs"]] == ["pip: not found"]


async def test_the_files_of_a_version_can_be_listed_and_read(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(20))
    version_id = str(template.active_version_id)

    listed = await look(host, "get_template_version_files", template_version_id=version_id)
    read = await look(
        host, "get_template_version_files", template_version_id=version_id, path="0.start.apply.json"
    )

    paths = [file["path"] for file in listed["files"]]
    assert paths == ["0.delete.apply.json", "0.parse.json", "0.start.apply.json", "0.stop.apply.json"]
    assert '"daily_cost": 20' in read["content"]
    assert read["truncated"] is False


async def test_the_quota_names_what_holds_it(host: EngineHost) -> None:
    answer = await host.create(await host.template(start_apply=costing(15)))

    quota = await look(host, "get_workspace_quota")

    assert quota == {
        "credits_consumed": 15,
        "budget": 40,
        "workspaces": [
            {
                "workspace_id": answer["workspace_id"],
                "workspace_name": answer["workspace_name"],
                "credits": 15,
            }
        ],
        "groups": [{"name": "Everyone", "quota_allowance": 40}],
    }


@pytest.mark.parametrize("surface", ["engine"])  # over HTTP a suspended user is not even signed in
async def test_a_suspended_owner_may_look_at_nothing(host: EngineHost) -> None:
    await host.engine.store.write(users.set_user_status, host.engine.user.id, "suspended")

    response = await host.call("list_templates")

    assert response.content == "authorize list_templates owner: the owner is suspended"


@pytest.mark.parametrize("allowance", [10.5, True, "x", None, -1, allowances.MOST + 1, 10**30])
async def test_an_allowance_that_no_group_may_have_is_refused_and_changes_nothing(
    host: EngineHost, allowance: object
) -> None:
    with pytest.raises(RequestError):
        await host.tools.set_allowance("Everyone", allowance)  # type: ignore[arg-type]

    assert (await look(host, "get_workspace_quota"))["budget"] == 40
