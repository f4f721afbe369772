"""Archives, template versions and templates over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from db import secrets
from db.ids import new_id
from db.states import JobStatus
from provisioner.jobs import Imported
from provisioner.protocol import (
    Parameter,
    ParameterOption,
    ParseResult,
    PlanResult,
    Preset,
    Resource,
    Variable,
)
from tests.echo_templates import costing
from tests.surfaces.http.api_host import Person
from tests.surfaces.http.resources.fleet import NOT_FOUND, Fleet, fields

MACHINE = Resource(type="machine", name="dev", daily_cost=5)


@pytest.fixture
def secret_key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of stored secrets; ask for it before what opens the store."""
    key = secrets.new_key()
    monkeypatch.setenv(secrets.VARIABLE, key)
    return key


async def upload(person: Person, data: bytes) -> tuple[int, dict[str, Any]]:
    answer = await person.client.post("/files", content=data, headers={"Content-Type": "application/x-tar"})
    return answer.status_code, answer.json()


async def test_an_archive_is_used_only_by_who_has_it(fleet: Fleet) -> None:
    thief = await fleet.api.person(
        "thief",
        organization_id=await fleet.api.organization("far-away"),
        organization_roles=["organization-template-admin"],
    )
    _, file = await upload(fleet.mia, costing(7))
    body = {"storage_method": "file", "file_id": file["hash"], "provisioner": "echo"}
    made_of_nothing = {**body, "file_id": str(fleet.scenario.template_id)}

    stolen = await thief.post("/organizations/far-away/templateversions", body)
    missing = await thief.post("/organizations/far-away/templateversions", made_of_nothing)
    read = await thief.get(f"/files/{file['hash']}")

    assert (stolen.status_code, stolen.text, fields(stolen)) == (400, missing.text, ["file_id"])
    assert read.status_code == 404
    assert (await fleet.mia.get(f"/files/{file['hash']}")).status_code == 200
    # Who has the same bytes needs no permission, and is not told that others have them.
    assert await upload(thief, costing(7)) == (201, file)
    assert await upload(thief, costing(7)) == (200, file)
    assert (await thief.post("/organizations/far-away/templateversions", body)).status_code == 201


async def version(fleet: Fleet, person: Person, **given: object) -> dict[str, Any]:
    """A version from a new archive, whose import is in line."""
    _, file = await upload(person, costing(5))
    body = {"storage_method": "file", "file_id": file["hash"], "provisioner": "echo", **given}
    answer = await person.post("/organizations/default/templateversions", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def imported(fleet: Fleet, parsed: ParseResult | None = None, **start: Any) -> None:  # noqa: ANN401
    """Let the import that is next in line succeed."""
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    plan = PlanResult(cost=5, resources=(MACHINE,), **start)
    found = Imported(parsed=parsed or ParseResult(), start=plan, stop=PlanResult(cost=1))
    await run.finish(imported=found)


async def test_an_archive_is_stored_once_and_read_by_template_administrators(fleet: Fleet) -> None:
    data = costing(7)

    first, again = await upload(fleet.mia, data), await upload(fleet.ana, data)

    assert (first[0], again[0]) == (201, 201)
    assert first[1] == again[1]
    path = f"/files/{first[1]['hash']}"
    assert (await fleet.ana.get(path)).content == data
    assert (await fleet.mia.get(path)).content == data
    other = await fleet.api.person("zoe", organization_roles=["organization-template-admin"])
    assert (await other.get(path)).json() == NOT_FOUND  # of no version in her organization yet
    await fleet.mia.post(
        "/organizations/default/templateversions",
        {"storage_method": "file", "file_id": first[1]["hash"], "provisioner": "echo"},
    )
    assert (await other.get(path)).content == data
    assert (await fleet.ben.get(path)).json() == NOT_FOUND
    assert (await upload(fleet.ben, data))[0] == 403


@pytest.mark.parametrize("data", [b"", b"no tar", b"\x1f\x8b compressed"])
async def test_what_is_no_tar_is_refused(fleet: Fleet, data: bytes) -> None:
    status, body = await upload(fleet.mia, data)

    assert status == 400
    assert "tar" in body["message"]


async def test_a_template_is_made_of_a_version_while_it_is_imported(fleet: Fleet) -> None:
    made = await version(fleet, fleet.mia, name="v1", message="first")
    assert (made["name"], made["message"], made["job"]["status"]) == ("v1", "first", "pending")
    assert (made["matched_provisioners"]["available"], "template_id" in made) == (1, False)
    assert made["created_by"]["username"] == "mia"

    answer = await fleet.mia.post(
        "/organizations/default/templates",
        {"name": "demo", "template_version_id": made["id"], "description": "For demos.", "default_ttl_ms": 9},
    )
    template = answer.json()
    assert (answer.status_code, template["active_version_id"]) == (201, made["id"])
    await imported(fleet, ParseResult(display_name="Demo", variables=()))

    template = (await fleet.ben.get(f"/templates/{template['id']}")).json()
    assert (template["display_name"], template["description"]) == ("Demo", "For demos.")
    assert (template["default_ttl_ms"], template["active_user_count"]) == (9, 0)
    shown = (await fleet.ben.get(f"/templateversions/{made['id']}")).json()
    assert (shown["start_cost"], shown["stop_cost"], shown["template_id"]) == (5, 1, template["id"])
    workspace = await fleet.create(fleet.ben, template_id=template["id"])
    assert workspace["template_name"] == "demo"


async def test_a_template_is_made_of_a_version_that_was_imported_before(fleet: Fleet) -> None:
    made = await version(fleet, fleet.mia)
    await imported(fleet, ParseResult(description="Says so itself."))

    answer = await fleet.mia.post(
        "/organizations/default/templates", {"name": "demo", "template_version_id": made["id"]}
    )

    assert (answer.status_code, answer.json()["description"]) == (201, "Says so itself.")
    assert answer.json()["active_version_id"] == made["id"]
    twice = await fleet.mia.post(
        "/organizations/default/templates", {"name": "other", "template_version_id": made["id"]}
    )
    assert (twice.status_code, fields(twice)) == (400, ["template_version_id"])
    other = await version(fleet, fleet.mia)
    taken = await fleet.mia.post(
        "/organizations/default/templates", {"name": "DEMO", "template_version_id": other["id"]}
    )
    assert (taken.status_code, fields(taken)) == (409, ["name"])


async def test_no_template_is_made_of_a_failed_import(fleet: Fleet) -> None:
    made = await version(fleet, fleet.mia)
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    await run.finish(JobStatus.FAILED, error="no main.tf")

    answer = await fleet.mia.post(
        "/organizations/default/templates", {"name": "demo", "template_version_id": made["id"]}
    )

    assert (answer.status_code, fields(answer)) == (400, ["template_version_id"])
    assert "no main.tf" in answer.json()["message"]
    assert [each["name"] for each in (await fleet.mia.get("/templates")).json()] == ["echo"]


async def test_a_new_version_becomes_active_and_an_older_one_can_be_chosen_again(fleet: Fleet) -> None:
    path = f"/templates/{fleet.scenario.template_id}"
    before = (await fleet.ben.get(path)).json()["active_version_id"]
    fleet.scenario.store.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    made = await version(fleet, fleet.mia, template_id=str(fleet.scenario.template_id))
    assert (await fleet.ben.get(path)).json()["active_version_id"] == before

    await imported(fleet)
    assert (await fleet.ben.get(path)).json()["active_version_id"] == made["id"]
    listed = (await fleet.ben.get(f"{path}/versions")).json()
    assert [each["id"] for each in listed] == [made["id"], before]

    refused = await fleet.ben.patch(f"{path}/versions", {"id": before})
    unknown = await fleet.mia.patch(f"{path}/versions", {"id": str(new_id())})
    chosen = await fleet.mia.patch(f"{path}/versions", {"id": before})
    assert [answer.status_code for answer in (refused, unknown, chosen)] == [403, 400, 200]
    assert (await fleet.ben.get(path)).json()["active_version_id"] == before


async def test_a_malformed_key_of_the_server_is_named_and_not_shown(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(secrets.VARIABLE, "malformed")
    _, file = await upload(fleet.mia, costing(7))

    refused = await fleet.mia.post(
        "/organizations/default/templateversions",
        {
            "storage_method": "file",
            "file_id": file["hash"],
            "provisioner": "echo",
            "user_variable_values": [{"name": "password", "value": "sesame"}],
        },
    )

    assert (refused.status_code, refused.json()["code"]) == (500, secrets.KeyInvalid.code)
    assert "malformed" not in refused.text


async def test_what_an_import_found_is_shown_when_it_has_ended(secret_key: str, fleet: Fleet) -> None:
    size = Parameter(
        name="size",
        default="s",
        options=(ParameterOption(name="Small", value="s", cost=1), ParameterOption(name="Big", value="b")),
        validation_error="choose one",
    )
    token = Variable(name="token", sensitive=True, default="hidden default")
    zone = Variable(name="zone", default="a")
    made = await version(
        fleet,
        fleet.mia,
        user_variable_values=[{"name": "zone", "value": "b"}],
        template_id=str(fleet.scenario.template_id),
    )
    path = f"/templateversions/{made['id']}"
    for part in ("rich-parameters", "presets", "variables", "resources"):
        early = await fleet.ben.get(f"{path}/{part}")
        assert (early.status_code, early.json()["message"]) == (400, "Job hasn't completed!")

    await imported(
        fleet,
        ParseResult(readme="# Hello", variables=(token, zone)),
        parameters=(size,),
        presets=(Preset(name="Large", parameters={"size": "b"}, default=True),),
    )

    [parameter] = (await fleet.ben.get(f"{path}/rich-parameters")).json()
    assert (parameter["name"], parameter["default_value"], parameter["required"]) == ("size", "s", False)
    assert parameter["options"][0] == {
        "name": "Small",
        "value": "s",
        "description": "",
        "icon": "",
        "cost": 1,
    }
    [preset] = (await fleet.ben.get(f"{path}/presets")).json()
    assert {key: preset[key] for key in ("Name", "Default", "Parameters")} == {
        "Name": "Large",
        "Default": True,
        "Parameters": [{"Name": "size", "Value": "b"}],
    }
    variables = (await fleet.ben.get(f"{path}/variables")).json()
    assert {each["name"]: (each["value"], each["default_value"]) for each in variables} == {
        "token": ("", ""),
        "zone": ("b", "a"),
    }
    [resource] = (await fleet.ben.get(f"{path}/resources")).json()
    assert (resource["name"], resource["workspace_transition"], resource["daily_cost"]) == ("dev", "start", 5)
    assert (await fleet.eve.get(path)).json() == NOT_FOUND


async def test_a_version_without_a_template_is_seen_by_template_administrators_only(fleet: Fleet) -> None:
    made = await version(fleet, fleet.mia)

    assert (await fleet.ana.get(f"/templateversions/{made['id']}")).status_code == 200
    assert (await fleet.ben.get(f"/templateversions/{made['id']}")).json() == NOT_FOUND


async def test_an_import_can_be_cancelled(fleet: Fleet) -> None:
    made = await version(fleet, fleet.mia, template_id=str(fleet.scenario.template_id))
    path = f"/templateversions/{made['id']}"

    assert (await fleet.ben.patch(f"{path}/cancel")).status_code == 403
    assert (await fleet.mia.patch(f"{path}/cancel")).status_code == 200
    assert (await fleet.ben.get(path)).json()["job"]["status"] == "canceled"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"file_id": str(new_id())}, "file_id"),
        ({"template_id": str(new_id())}, "template_id"),
        ({"name": "a b"}, "name"),
        ({"tags": {"a": "b\0"}}, "tags.a"),
        ({"provisioner": "magic"}, "provisioner"),
        ({"storage_method": "git"}, "storage_method"),
    ],
)
async def test_a_version_that_cannot_be_made_is_refused_by_field(
    fleet: Fleet, given: dict[str, Any], field: str
) -> None:
    _, file = await upload(fleet.mia, costing(5))
    body = {"storage_method": "file", "file_id": file["hash"], "provisioner": "echo", **given}

    answer = await fleet.mia.post("/organizations/default/templateversions", body)

    assert (answer.status_code, fields(answer)) == (400, [field])


async def test_members_make_no_templates_and_strangers_see_none(fleet: Fleet) -> None:
    made = await version(fleet, fleet.mia)
    body = {"name": "demo", "template_version_id": made["id"]}

    assert (await fleet.ben.post("/organizations/default/templates", body)).status_code == 403
    assert (await fleet.eve.post("/organizations/default/templates", body)).json() == NOT_FOUND
    assert (await fleet.eve.get("/organizations/default/templates")).json() == NOT_FOUND
    assert (await fleet.eve.get(f"/templates/{fleet.scenario.template_id}")).json() == NOT_FOUND
    assert (await fleet.eve.get("/templates")).json() == []


async def test_a_template_is_changed_by_what_is_given_and_found_by_name(fleet: Fleet) -> None:
    path = f"/templates/{fleet.scenario.template_id}"

    changed = await fleet.mia.patch(
        path, {"name": "renamed", "deprecation_message": "Use another.", "require_active_version": True}
    )
    kept = await fleet.mia.patch(path, {"icon": "/icon.svg"})

    assert (changed.status_code, kept.status_code) == (200, 200)
    template = (await fleet.ben.get("/organizations/default/templates/RENAMED")).json()
    assert (template["deprecated"], template["deprecation_message"]) == (True, "Use another.")
    assert (template["require_active_version"], template["icon"]) == (True, "/icon.svg")
    assert (await fleet.ben.patch(path, {"icon": "x"})).status_code == 403
    bad = await fleet.mia.patch(path, {"name": "a b"})
    assert (bad.status_code, fields(bad)) == (400, ["name"])


async def test_usage_is_told_to_who_may_see_the_workspaces(fleet: Fleet) -> None:
    await fleet.running(fleet.ben)
    path = "/organizations/default/members/ben/template-usage"

    [usage] = (await fleet.ben.get(path)).json()

    assert (usage["active"], usage["removed"], usage["developers"]) == (1, 0, 1)
    assert usage["template_id"] == str(fleet.scenario.template_id)
    assert (await fleet.cleo.get(path)).json() == NOT_FOUND
