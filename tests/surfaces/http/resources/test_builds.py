"""Builds over HTTP: what one looks like, and who is refused what, row by row of the checks of a request."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from db.ids import new_id
from db.states import JobErrorCode, JobStatus
from provisioner.protocol import Agent, MetadataItem, Parameter, Resource
from tests.surfaces.http.resources.fleet import NOT_FOUND, Fleet, fields

MACHINE = Resource(
    type="machine",
    name="dev",
    daily_cost=3,
    agents=(Agent(name="main", troubleshooting_url="https://help.example"),),
    metadata=(
        MetadataItem(key="address", value="10.0.0.1"),
        MetadataItem(key="password", value="secret", sensitive=True),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A request, who makes it, and what it is answered."""

    person: str = "ben"
    body: Mapping[str, Any] = field(default_factory=lambda: {"transition": "stop"})
    status: int = 400
    says: str = ""
    fields: tuple[str, ...] = ()


STATE = base64.b64encode(b"mine").decode()
REFUSALS = {
    "1 transition": Refusal(person="cleo", body={"transition": "x"}, says='Transition "x" not supported.'),
    "2 hidden": Refusal(person="cleo", status=404, says=NOT_FOUND["message"]),
    "3 not one's own": Refusal(
        person="otto", status=403, says="You do not have permission to update this workspace."
    ),
    "3 not to delete": Refusal(
        person="otto",
        body={"transition": "delete"},
        status=403,
        says="You do not have permission to delete this workspace.",
    ),
    "5 orphan": Refusal(
        body={"transition": "stop", "orphan": True},
        says="Orphan is only permitted when deleting a workspace.",
    ),
    "6 orphan with state": Refusal(
        body={"transition": "delete", "orphan": True, "state": STATE},
        says="Orphan and a custom state exclude each other.",
    ),
    "7 state": Refusal(
        body={"transition": "start", "state": STATE},
        status=403,
        says="Only template managers may provide custom state",
    ),
    "8 log level": Refusal(body={"transition": "stop", "log_level": "trace"}, says="trace"),
    "8 debug": Refusal(
        body={"transition": "stop", "log_level": "debug"},
        status=403,
        says="Only administrators may set a log level.",
    ),
    "9 no such version": Refusal(
        body={"transition": "start", "template_version_id": str(new_id())},
        says="template version does not exist",
    ),
    "13 unknown parameter": Refusal(
        body={"transition": "start", "rich_parameter_values": [{"name": "x", "value": "1"}]},
        says='Unable to validate parameter "x"',
        fields=("x",),
    ),
    "13 preset": Refusal(
        body={"transition": "start", "template_version_preset_id": str(new_id())},
        fields=("template_version_preset_id",),
    ),
    "malformed": Refusal(body={"transition": 1}, fields=("transition",)),
    "missing": Refusal(body={}, fields=("transition",)),
}


async def test_requests_are_refused_row_by_row(fleet: Fleet) -> None:
    people = {
        "ben": fleet.ben,
        "cleo": fleet.cleo,
        "otto": await fleet.api.person("otto", organization_roles=["organization-auditor"]),
    }
    workspace = await fleet.running(fleet.ben)
    path = f"/workspaces/{workspace['id']}/builds"

    for row, refusal in REFUSALS.items():
        answer = await people[refusal.person].post(path, dict(refusal.body))
        assert answer.status_code == refusal.status, row
        assert refusal.says in answer.json()["message"], row
        assert tuple(fields(answer)) == refusal.fields, row
    assert len((await fleet.ben.get(path)).json()) == 1


async def test_a_version_has_to_be_one_of_the_template_and_imported(fleet: Fleet) -> None:
    workspace = await fleet.running(fleet.ben)
    other = await fleet.scenario.import_version("other")
    importing, _ = await fleet.scenario.push("echo")

    async def told(version: object) -> tuple[int, str]:
        body = {"transition": "start", "template_version_id": str(version)}
        answer = await fleet.ben.post(f"/workspaces/{workspace['id']}/builds", body)
        return answer.status_code, answer.json()["message"]

    assert await told(other) == (400, "template version doesn't match template")
    assert await told(importing) == (
        406,
        "The provided template version is pending. Wait for it to complete importing!",
    )
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    await run.finish(JobStatus.FAILED, error="no such file")
    assert await told(importing) == (
        400,
        "The provided template version has failed to import: no such file",
    )


async def test_a_second_build_is_refused_while_one_is_active_and_after_the_deletion(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben)
    path = f"/workspaces/{workspace['id']}/builds"

    active = await fleet.ben.post(path, {"transition": "stop"})
    await fleet.build_next()
    await fleet.ben.post(path, {"transition": "delete"})
    await fleet.build_next()
    deleted = await fleet.ben.post(path, {"transition": "start"})

    assert (active.status_code, active.json()["message"]) == (409, "A workspace build is already active.")
    assert deleted.status_code == 410
    assert "mine" in deleted.json()["message"]


async def test_a_build_shows_its_job_and_what_it_made(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben)
    await fleet.build_next(cost=3, resources=[MACHINE])

    build = (await fleet.ben.get(f"/workspacebuilds/{workspace['latest_build']['id']}")).json()

    assert (build["status"], build["daily_cost"], build["planned_cost"]) == ("running", 3, 3)
    assert "matched_provisioners" not in build
    job = build["job"]
    assert (job["status"], job["type"], job["attempt"]) == ("succeeded", "workspace_build", 1)
    assert (job["queue_position"], job["queue_size"], job["worker_name"]) == (0, 0, "importer")
    assert job["input"] == {"workspace_build_id": build["id"]}
    assert job["metadata"]["workspace_name"] == "mine"
    assert not {"error", "error_code", "canceled_at", "retryable"} & job.keys()
    [resource] = build["resources"]
    assert resource["metadata"] == [
        {"key": "address", "value": "10.0.0.1", "sensitive": False},
        {"key": "password", "value": "", "sensitive": True},
    ]
    [agent] = resource["agents"]
    assert (agent["name"], agent["status"], agent["lifecycle_state"]) == ("main", "connecting", "created")
    listed = await fleet.ben.get(f"/workspacebuilds/{build['id']}/resources")
    assert listed.json() == [resource]
    assert (await fleet.ben.get(f"/workspaceagents/{agent['id']}")).json() == agent
    assert (await fleet.cleo.get(f"/workspaceagents/{agent['id']}")).json() == NOT_FOUND


async def test_a_refused_quota_is_told_by_code_and_planned_cost(fleet: Fleet) -> None:
    await fleet.scenario.set_budget(2)
    workspace = await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    assert not (await run.commit_quota(3)).ok
    await run.refuse()

    build = (await fleet.ben.get(f"/workspacebuilds/{workspace['latest_build']['id']}")).json()

    assert build["job"]["error_code"] == JobErrorCode.INSUFFICIENT_QUOTA
    assert (build["job"]["retryable"], build["planned_cost"], build["daily_cost"]) == (False, 3, 0)


async def test_a_pending_build_is_cancelled_at_once_and_a_running_one_is_told(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben)
    first = f"/workspacebuilds/{workspace['latest_build']['id']}"

    bad = await fleet.ben.patch(f"{first}/cancel?expect_status=failed")
    wrong = await fleet.ben.patch(f"{first}/cancel?expect_status=running")
    done = await fleet.ben.patch(f"{first}/cancel?expect_status=pending")
    again = await fleet.ben.patch(f"{first}/cancel")

    assert [answer.status_code for answer in (bad, wrong, done, again)] == [400, 412, 200, 400]
    assert again.json()["message"] == "Job has already completed!"
    assert (await fleet.ben.get(first)).json()["status"] == "canceled"

    build = await fleet.ben.post(f"/workspaces/{workspace['id']}/builds", {"transition": "start"})
    second = f"/workspacebuilds/{build.json()['id']}"
    await fleet.scenario.daemon.claim()
    told = await fleet.ben.patch(f"{second}/cancel")
    twice = await fleet.ben.patch(f"{second}/cancel")
    assert (told.status_code, (await fleet.ben.get(second)).json()["status"]) == (200, "canceling")
    assert twice.json()["message"] == "Job has already been marked as canceled!"


async def test_a_template_may_forbid_to_cancel_builds_that_have_started(fleet: Fleet) -> None:
    template = f"/templates/{fleet.scenario.template_id}"
    await fleet.mia.patch(template, {"allow_user_cancel_workspace_jobs": False})
    workspace = await fleet.create(fleet.ben)
    path = f"/workspacebuilds/{workspace['latest_build']['id']}/cancel"
    await fleet.scenario.daemon.claim()

    assert (await fleet.ben.patch(path)).status_code == 403
    assert (await fleet.cleo.patch(path)).json() == NOT_FOUND
    assert (await fleet.ana.patch(path)).status_code == 200


async def test_builds_are_listed_newest_first_in_pages(fleet: Fleet) -> None:
    workspace = await fleet.running(fleet.ben)
    path = f"/workspaces/{workspace['id']}/builds"
    for transition in ("stop", "start"):
        await fleet.ben.post(path, {"transition": transition})
        await fleet.build_next()

    async def numbers(**query: Any) -> list[int]:  # noqa: ANN401 - a query
        return [build["build_number"] for build in (await fleet.ben.get(path, params=query)).json()]

    assert await numbers() == [3, 2, 1]
    assert await numbers(limit=2) == [3, 2]
    assert await numbers(limit=2, offset=2) == [1]
    assert await numbers(since="2100-01-01T00:00:00Z") == []
    by_number = await fleet.ben.get("/users/me/workspace/mine/builds/2")
    assert (by_number.json()["build_number"], by_number.json()["transition"]) == (2, "stop")
    assert (await fleet.ben.get("/users/me/workspace/mine/builds/9")).json() == NOT_FOUND


async def test_parameters_are_those_that_the_build_was_given_or_inherited(fleet: Fleet) -> None:
    parameters = (Parameter(name="size", default="small"), Parameter(name="zone", default="a"))
    await fleet.scenario.import_version("echo", parameters=parameters)
    workspace = await fleet.create(
        fleet.ben, rich_parameter_values=[{"name": "size", "value": "large"}], name="sized"
    )

    answer = await fleet.ben.get(f"/workspacebuilds/{workspace['latest_build']['id']}/parameters")

    assert answer.json() == [{"name": "size", "value": "large"}, {"name": "zone", "value": "a"}]


async def test_the_state_is_for_template_administrators_only(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben)
    build = f"/workspacebuilds/{workspace['latest_build']['id']}"
    early = await fleet.ben.get(f"{build}/resources")
    await fleet.build_next(state=b"\x00state\xff")

    assert (early.status_code, early.json()["message"]) == (400, "Job hasn't completed!")
    assert (await fleet.mia.get(f"{build}/state")).content == b"\x00state\xff"
    assert (await fleet.ben.get(f"{build}/state")).json() == NOT_FOUND


async def test_a_log_is_read_from_a_cursor(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben)
    path = f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    assert (await fleet.ben.get(path)).json() == []
    await run.log("one", "two", "", "three")

    lines = (await fleet.ben.get(path)).json()
    later = (await fleet.ben.get(path, params={"after": lines[1]["id"]})).json()
    tail = (await fleet.ben.get(path, params={"tail": 2})).json()

    assert [line["output"] for line in lines] == ["one", "two", "", "three"]
    assert later == lines[2:]
    assert [line["output"] for line in tail] == ["two", "three"]
    assert lines[0].keys() == {"id", "created_at", "log_source", "log_level", "stage", "output"}
    assert (await fleet.ben.get(path, params={"after": str(10**30)})).json() == []
    assert (await fleet.cleo.get(path)).json() == NOT_FOUND


@pytest.mark.parametrize("after", ["x", "1.5", "", "1_0", "٣"])
async def test_a_cursor_is_an_integer(fleet: Fleet, after: str) -> None:
    workspace = await fleet.create(fleet.ben)

    answer = await fleet.ben.get(
        f"/workspacebuilds/{workspace['latest_build']['id']}/logs", params={"after": after}
    )

    assert (answer.status_code, fields(answer)) == (400, ["after"])
    assert answer.json()["message"] == 'Query param "after" must be an integer.'
