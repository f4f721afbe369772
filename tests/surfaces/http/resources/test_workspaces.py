import asyncio
import json
from datetime import timedelta

import pytest

from db.ids import new_id
from provisioner.protocol import Agent, Resource
from tests.surfaces.http.resources.fleet import NOT_FOUND, Fleet, fields

MACHINE = Resource(type="machine", name="dev", daily_cost=3, agents=(Agent(name="main"),))


async def test_a_deprecated_template_makes_no_new_workspace_and_builds_those_it_has(fleet: Fleet) -> None:
    workspace = await fleet.running(fleet.ben)
    path = f"/templates/{fleet.scenario.template_id}"
    assert (await fleet.ana.patch(path, {"deprecation_message": "Use another."})).status_code == 200

    by_template = await fleet.ben.post(
        "/users/me/workspaces", {"name": "new", "template_id": str(fleet.scenario.template_id)}
    )
    version = workspace["latest_build"]["template_version_id"]
    by_version = await fleet.ben.post("/users/me/workspaces", {"name": "new", "template_version_id": version})
    of_old = await fleet.ben.post(f"/workspaces/{workspace['id']}/builds", {"transition": "stop"})

    assert [each.status_code for each in (by_template, by_version, of_old)] == [400, 400, 201]
    assert "has been deprecated, and cannot be used" in by_template.json()["message"]
    assert by_template.json()["detail"] == "Use another."


async def test_a_new_workspace_is_answered_with_its_first_build_in_line(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben, "mine", ttl_ms=3_600_000)

    build = workspace["latest_build"]
    assert (workspace["name"], workspace["owner_name"], workspace["ttl_ms"]) == ("mine", "ben", 3_600_000)
    assert (workspace["template_name"], workspace["organization_name"]) == ("echo", "default")
    assert (workspace["outdated"], workspace["deleted"]) == (False, False)
    assert (build["build_number"], build["transition"], build["status"]) == (1, "start", "pending")
    assert (build["job"]["queue_position"], build["job"]["queue_size"]) == (1, 1)
    assert build["matched_provisioners"]["available"] == 1
    assert build["job"]["available_workers"] == [str(fleet.scenario.daemon.id)]


async def test_agents_that_are_lost_make_a_workspace_unhealthy(fleet: Fleet) -> None:
    workspace = await fleet.running(fleet.ben, resources=[MACHINE])
    assert workspace["health"] == {"healthy": True, "failing_agents": []}

    fleet.scenario.store.clock.advance(timedelta(minutes=3))  # type: ignore[attr-defined]

    later = (await fleet.ben.get(f"/workspaces/{workspace['id']}")).json()
    agent = later["latest_build"]["resources"][0]["agents"][0]
    assert agent["status"] == "timeout"
    assert later["health"] == {"healthy": False, "failing_agents": [agent["id"]]}


@pytest.mark.parametrize(("template", "version"), [(True, True), (False, False)])
async def test_a_workspace_is_made_of_a_template_or_of_a_version(
    fleet: Fleet, *, template: bool, version: bool
) -> None:
    body = {"name": "mine"}
    if template:
        body["template_id"] = str(fleet.scenario.template_id)
    if version:
        body["template_version_id"] = str(await fleet.scenario.import_version("echo"))

    answer = await fleet.ben.post("/users/me/workspaces", body)

    assert (answer.status_code, fields(answer)) == (400, ["template_id", "template_version_id"])


async def test_a_workspace_can_be_made_of_an_older_version(fleet: Fleet) -> None:
    older = str(await fleet.scenario.import_version("echo"))
    await fleet.scenario.import_version("echo")

    answer = await fleet.ben.post("/users/me/workspaces", {"name": "mine", "template_version_id": older})

    assert answer.status_code == 201
    assert answer.json()["latest_build"]["template_version_id"] == older
    assert answer.json()["outdated"] is True


@pytest.mark.parametrize("hidden", [True, False])
async def test_a_template_that_is_hidden_or_missing_looks_the_same(fleet: Fleet, *, hidden: bool) -> None:
    template_id = str(fleet.scenario.template_id if hidden else new_id())

    answer = await fleet.eve.post("/users/me/workspaces", {"name": "mine", "template_id": template_id})

    assert (answer.status_code, fields(answer)) == (400, ["template_id"])
    assert answer.json()["message"] == "The template does not exist, or you may not use it."


async def test_a_name_can_be_used_once(fleet: Fleet) -> None:
    await fleet.create(fleet.ben, "mine")

    answer = await fleet.ben.post(
        "/users/me/workspaces", {"name": "MINE", "template_id": str(fleet.scenario.template_id)}
    )

    assert (answer.status_code, fields(answer)) == (409, ["name"])


@pytest.mark.parametrize("name", ["", "a b", "new", "x" * 300, "nul\0"])
async def test_a_name_has_to_be_a_good_one(fleet: Fleet, name: str) -> None:
    answer = await fleet.ben.post(
        "/users/me/workspaces", {"name": name, "template_id": str(fleet.scenario.template_id)}
    )

    assert (answer.status_code, fields(answer)) == (400, ["name"])


async def test_nobody_makes_workspaces_for_others_but_administrators(fleet: Fleet) -> None:
    body = {"name": "gift", "template_id": str(fleet.scenario.template_id)}

    refused = await fleet.ben.post("/users/cleo/workspaces", body)
    allowed = await fleet.ana.post("/users/cleo/workspaces", body)

    assert (refused.status_code, refused.json()) == (404, NOT_FOUND)
    assert (allowed.status_code, allowed.json()["owner_name"]) == (201, "cleo")


async def test_a_request_with_the_same_key_answers_what_it_made_before(fleet: Fleet) -> None:
    body = {"name": "mine", "template_id": str(fleet.scenario.template_id)}
    key = {"Idempotency-Key": "once"}

    answers = await asyncio.gather(
        *(fleet.ben.client.post("/users/me/workspaces", json=body, headers=key) for _ in range(5))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_the_key_of_one_user_means_nothing_to_another(fleet: Fleet) -> None:
    body = {"name": "mine", "template_id": str(fleet.scenario.template_id)}
    key = {"Idempotency-Key": "once"}

    first = await fleet.ben.client.post("/users/me/workspaces", json=body, headers=key)
    second = await fleet.cleo.client.post("/users/me/workspaces", json=body, headers=key)

    assert (second.status_code, second.json()["owner_name"]) == (201, "cleo")
    assert first.json()["id"] != second.json()["id"]


async def test_members_see_their_own_workspaces_and_administrators_all(fleet: Fleet) -> None:
    await fleet.create(fleet.ben, "one")
    await fleet.create(fleet.cleo, "two")

    seen = {}
    for person in (fleet.ana, fleet.ben, fleet.cleo, fleet.mia, fleet.eve):
        page = (await person.get("/workspaces")).json()
        seen[person.user.username] = [each["name"] for each in page["workspaces"]]
        assert page["count"] == len(page["workspaces"])

    assert seen == {"ana": ["one", "two"], "ben": ["one"], "cleo": ["two"], "mia": [], "eve": []}


async def test_an_auditor_sees_the_workspaces_of_the_organization(fleet: Fleet) -> None:
    auditor = await fleet.api.person("otto", organization_roles=["organization-auditor"])
    workspace = await fleet.create(fleet.ben)

    assert (await auditor.get("/workspaces")).json()["count"] == 1
    refused = await auditor.post(f"/workspaces/{workspace['id']}/builds", {"transition": "stop"})
    assert (refused.status_code, refused.json()["message"]) == (
        403,
        "You do not have permission to update this workspace.",
    )


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("", ["alpha", "beta", "beta-2"]),
        ("owner:me", ["beta", "beta-2"]),
        ("owner:BEN", ["alpha"]),
        ("owner:nobody", []),
        ("name:beta", ["beta", "beta-2"]),
        ("BETA owner:ana", ["beta", "beta-2"]),
        ("name:b_ta", []),
        ("name:%", []),
        ("template:echo status:running", ["beta"]),
        ("template:other", []),
        ("status:pending", ["alpha", "beta-2"]),
        ("status:canceled owner:me", []),
    ],
)
async def test_workspaces_are_searched_by_owner_name_template_and_status(
    fleet: Fleet, q: str, names: list[str]
) -> None:
    await fleet.running(fleet.ana, "beta")
    await fleet.create(fleet.ben, "alpha")
    await fleet.create(fleet.ana, "beta-2")

    page = (await fleet.ana.get("/workspaces", params={"q": q})).json()

    assert sorted(each["name"] for each in page["workspaces"]) == names
    assert page["count"] == len(names)


@pytest.mark.parametrize("q", ["colour:red", "status:happy", "owner:a owner:b", "nul\0", "x" * 2000])
async def test_a_search_that_means_nothing_is_refused(fleet: Fleet, q: str) -> None:
    answer = await fleet.ben.get("/workspaces", params={"q": q})

    assert (answer.status_code, fields(answer)) == (400, ["q"])


async def test_workspaces_come_in_pages_with_the_count_of_all(fleet: Fleet) -> None:
    for number in range(5):
        await fleet.create(fleet.ben, f"w{number}")

    pages = [
        (await fleet.ben.get("/workspaces", params={"limit": 2, "offset": offset})).json()
        for offset in (0, 2, 4, 6)
    ]

    assert [[each["name"] for each in page["workspaces"]] for page in pages] == [
        ["w0", "w1"],
        ["w2", "w3"],
        ["w4"],
        [],
    ]
    assert {page["count"] for page in pages} == {5}


@pytest.mark.parametrize("person", ["cleo", "mia", "eve"])
async def test_a_workspace_of_somebody_else_looks_missing(fleet: Fleet, person: str) -> None:
    workspace = await fleet.create(fleet.ben)
    other = getattr(fleet, person)

    for path in (f"/workspaces/{workspace['id']}", "/users/ben/workspace/mine", f"/workspaces/{new_id()}"):
        answer = await other.get(path)
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


async def test_a_workspace_is_found_by_owner_and_name(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben)

    for path in ("/users/me/workspace/mine", "/users/ben/workspace/MINE"):
        assert (await fleet.ben.get(path)).json()["id"] == workspace["id"]


async def test_a_deleted_workspace_is_gone_unless_it_is_asked_for(fleet: Fleet) -> None:
    workspace = await fleet.running(fleet.ben)
    await fleet.ben.post(f"/workspaces/{workspace['id']}/builds", {"transition": "delete"})
    await fleet.build_next()

    for path in (f"/workspaces/{workspace['id']}", "/users/me/workspace/mine"):
        gone = await fleet.ben.get(path)
        shown = await fleet.ben.get(path, params={"include_deleted": "true"})
        assert gone.status_code == 410
        assert "mine" in gone.json()["message"]
        assert (shown.json()["deleted"], shown.json()["latest_build"]["status"]) == (True, "deleted")
    assert (await fleet.ben.get("/workspaces")).json() == {"workspaces": [], "count": 0}


async def test_a_watched_workspace_is_told_again_at_each_change(fleet: Fleet) -> None:
    workspace = await fleet.running(fleet.ben)
    seen: list[tuple[int, str]] = []

    async with (
        asyncio.timeout(20),
        fleet.ben.client.stream("GET", f"/workspaces/{workspace['id']}/watch") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if not line.startswith("data: "):
                continue
            build = json.loads(line.removeprefix("data: "))["latest_build"]
            state = (build["build_number"], build["status"])
            if state in seen:  # told again for a change elsewhere in it
                continue
            seen.append(state)
            if seen[-1] == (1, "running"):
                await fleet.ben.post(f"/workspaces/{workspace['id']}/builds", {"transition": "stop"})
            elif seen[-1] == (2, "pending"):
                await fleet.build_next()
            elif seen[-1] == (2, "stopped"):
                break

    assert (seen[0], seen[-1]) == ((1, "running"), (2, "stopped"))


async def test_only_who_sees_a_workspace_can_watch_it(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben)

    answer = await fleet.cleo.get(f"/workspaces/{workspace['id']}/watch")

    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
