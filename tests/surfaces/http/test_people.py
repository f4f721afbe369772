"""Users, organizations, members, groups and quota."""

import logging
from uuid import uuid4

import pytest

from db.users import ensure_owner
from tests.surfaces.http.api_host import ApiHost, Person

USER_KEYS = {"id", "username", "name", "email", "created_at", "status", "organization_ids", "roles"}
HIDDEN = {"message": "Resource not found or you do not have access to this resource"}


async def test_a_user_is_found_as_me_by_name_and_by_id(api: ApiHost, owner: Person) -> None:
    answers = [await owner.get(f"/users/{name}") for name in ("me", "ANA", str(owner.user.id))]

    assert [each.status_code for each in answers] == [200, 200, 200]
    assert [each.json()["id"] for each in answers] == [str(owner.user.id)] * 3
    assert set(answers[0].json()) == USER_KEYS
    assert answers[0].json()["roles"] == [{"name": "owner", "display_name": "Owner"}]


async def test_a_member_sees_itself_and_nobody_else(api: ApiHost, owner: Person) -> None:
    bob = await api.person("bob")

    assert (await bob.get("/users/me")).json()["username"] == "bob"
    for hidden in ("/users/ana", "/users/nobody", f"/users/{uuid4()}", "/users"):
        answer = await bob.get(hidden)
        assert (answer.status_code, answer.json()) == (404, HIDDEN)


async def test_an_owner_adds_a_user_who_can_sign_in(api: ApiHost, owner: Person) -> None:
    added = await owner.post("/users", {"username": "bob", "email": "bob@example.com"})
    again = await owner.post("/users", {"username": "Bob"})

    assert added.status_code == 201
    assert added.json()["organization_ids"] == [str(api.organization_id)]
    assert again.status_code == 409
    assert again.json()["validations"][0]["field"] == "username"
    key = (await owner.post("/users/bob/keys/tokens", {"token_name": "first"})).json()["key"]
    assert (await (await api.client(key)).get("/users/me")).json()["username"] == "bob"


async def test_a_bad_name_of_a_user_is_refused_with_the_rule(owner: Person) -> None:
    answer = await owner.post("/users", {"username": "-bob-"})

    assert answer.status_code == 400
    assert answer.json()["validations"][0]["field"] == "username"


async def test_users_are_listed_in_pages_and_found_by_a_part_of_their_name(
    api: ApiHost, owner: Person
) -> None:
    for name in ("bea", "ben", "carl"):
        await api.person(name)

    page = (await owner.get("/users", params={"limit": 2, "offset": 1})).json()
    found = (await owner.get("/users", params={"q": "BE"})).json()

    assert ([each["username"] for each in page["users"]], page["count"]) == (["bea", "ben"], 4)
    assert [each["username"] for each in found["users"]] == ["bea", "ben"]


async def test_the_last_owner_can_neither_be_suspended_deleted_nor_demoted(owner: Person) -> None:
    answers = [
        await owner.put("/users/me/status/suspend"),
        await owner.delete("/users/me"),
        await owner.put("/users/me/roles", {"roles": []}),
    ]

    assert [each.status_code for each in answers] == [409, 409, 409]
    assert (await owner.get("/users/me")).status_code == 200


async def test_an_owner_gives_roles_that_exist(api: ApiHost, owner: Person) -> None:
    await api.person("bob")

    given = await owner.put("/users/bob/roles", {"roles": ["template-admin"]})
    unknown = await owner.put("/users/bob/roles", {"roles": ["king"]})

    assert [each["name"] for each in given.json()["roles"]] == ["template-admin"]
    assert (unknown.status_code, unknown.json()["validations"][0]["field"]) == (400, "roles")


async def test_members_see_their_organizations_and_no_others(api: ApiHost, owner: Person) -> None:
    other = await api.organization("other")
    bob = await api.person("bob")

    assert [each["name"] for each in (await bob.get("/organizations")).json()] == ["default"]
    assert [each["name"] for each in (await owner.get("/organizations")).json()] == ["default", "other"]
    for name in ("default", str(api.organization_id)):
        assert (await bob.get(f"/organizations/{name}")).json()["is_default"] is True
    for name in ("other", str(other), "nowhere"):
        answer = await bob.get(f"/organizations/{name}")
        assert (answer.status_code, answer.json()) == (404, HIDDEN)


async def test_an_administrator_of_an_organization_rules_there_and_nowhere_else(api: ApiHost) -> None:
    other = await api.organization("other")
    await api.person("guest", organization_id=other)
    admin = await api.person("adam", organization_id=other, organization_roles=["organization-admin"])

    joined = await admin.post("/organizations/other/groups", {"name": "crew", "quota_allowance": 7})
    outside = await admin.post("/organizations/default/groups", {"name": "crew"})
    raised = await admin.put(
        "/organizations/other/members/guest/roles", {"roles": ["organization-template-admin"]}
    )

    assert (joined.status_code, joined.json()["quota_allowance"]) == (201, 7)
    assert (outside.status_code, outside.json()) == (404, HIDDEN)
    assert [each["name"] for each in raised.json()["roles"]] == ["organization-template-admin"]
    assert (await admin.post("/users", {"username": "x"})).status_code == 404


async def test_a_member_may_look_at_groups_but_not_change_them(api: ApiHost, owner: Person) -> None:
    bob = await api.person("bob")
    group = (await owner.post("/organizations/default/groups", {"name": "dev"})).json()

    looked = await bob.get(f"/groups/{group['id']}")
    changed = await bob.patch(f"/groups/{group['id']}", {"quota_allowance": 1000})

    assert looked.json()["name"] == "dev"
    assert (changed.status_code, changed.json()["message"]) == (403, "Forbidden.")


async def test_a_group_gains_and_loses_members_and_their_budget_follows(api: ApiHost, owner: Person) -> None:
    bob = await api.person("bob")
    group = (await owner.post("/organizations/default/groups", {"name": "dev", "quota_allowance": 30})).json()
    everyone = f"/groups/{api.organization_id}"

    await owner.patch(everyone, {"quota_allowance": 10})
    grown = await owner.patch(f"/groups/{group['id']}", {"add_users": ["bob"]})
    quota = (await bob.get("/workspace-quota/me")).json()
    shrunk = await owner.patch(f"/groups/{group['id']}", {"remove_users": [str(bob.user.id)]})

    assert [each["username"] for each in grown.json()["members"]] == ["bob"]
    assert quota == {"credits_consumed": 0, "budget": 40}
    assert shrunk.json()["total_member_count"] == 0
    assert (await bob.get("/organizations/default/members/me/workspace-quota")).json()["budget"] == 10


@pytest.mark.parametrize("field", ["add_users", "remove_users"])
@pytest.mark.parametrize("reference", ["\\ud800", "x" * 65])
async def test_a_member_that_no_user_can_be_called_is_refused(
    api: ApiHost, owner: Person, field: str, reference: str
) -> None:
    answer = await owner.client.patch(
        f"/groups/{api.organization_id}",
        content=f'{{"{field}": ["{reference}"]}}',
        headers={"Content-Type": "application/json"},
    )

    assert (answer.status_code, answer.json()["validations"][0]["field"]) == (400, f"{field}.0")


async def test_the_members_of_everyone_are_not_chosen(api: ApiHost, owner: Person) -> None:
    answer = await owner.patch(f"/groups/{api.organization_id}", {"remove_users": ["ana"]})

    assert answer.status_code == 400
    assert (await owner.get(f"/groups/{api.organization_id}")).json()["total_member_count"] == 1


async def test_a_change_of_a_group_is_made_whole_or_not_at_all(api: ApiHost, owner: Person) -> None:
    other = await api.organization("other")
    await api.person("guest", organization_id=other)
    group = (await owner.post("/organizations/default/groups", {"name": "dev"})).json()

    refused = await owner.patch(f"/groups/{group['id']}", {"quota_allowance": 5, "add_users": ["guest"]})

    assert refused.status_code == 400
    assert (await owner.get(f"/groups/{group['id']}")).json()["quota_allowance"] == 0


async def test_the_quota_of_others_is_for_administrators(api: ApiHost, owner: Person) -> None:
    bob = await api.person("bob")
    auditor = await api.person("olga", organization_roles=["organization-auditor"])

    assert (await bob.get("/workspace-quota/ana")).status_code == 404
    assert (await auditor.get("/workspace-quota/bob")).status_code == 200
    assert (await owner.get("/workspace-quota/bob")).status_code == 200
    assert (await owner.get("/workspace-quota/nobody")).json() == HIDDEN


async def test_members_join_and_leave_an_organization(api: ApiHost, owner: Person) -> None:
    await api.organization("other")
    bob = await api.person("bob")

    joined = await owner.post("/organizations/other/members/bob")
    again = await owner.post("/organizations/other/members/bob")
    inside = await bob.get("/organizations/other/members")
    left = await owner.delete("/organizations/other/members/bob")

    assert (joined.status_code, again.status_code, left.status_code) == (200, 409, 204)
    assert [each["username"] for each in inside.json()] == ["bob"]
    assert (await bob.get("/organizations/other")).status_code == 404


async def test_a_new_server_is_set_up_once_with_the_code_of_its_log(api: ApiHost) -> None:
    nobody = await api.client()
    asked = await nobody.get("/users/first")
    wrong = await nobody.post("/users/first", json={"username": "ana", "setup_code": "guess"})
    made = await nobody.post("/users/first", json={"username": "ana", "setup_code": "the-code-of-this-test"})
    again = await nobody.post("/users/first", json={"username": "eve", "setup_code": "the-code-of-this-test"})

    assert [each.status_code for each in (asked, wrong, made, again)] == [404, 403, 201, 409]
    assert wrong.json()["validations"][0]["field"] == "setup_code"
    me = (await (await api.client(made.json()["key"])).get("/users/me")).json()
    assert (me["username"], me["roles"][0]["name"]) == ("ana", "owner")
    assert (await nobody.get("/users/first")).status_code == 200


async def test_a_database_that_has_users_needs_no_set_up(api: ApiHost) -> None:
    await api.store.write(ensure_owner, "ana")
    nobody = await api.client()

    made = await nobody.post("/users/first", json={"username": "eve", "setup_code": "the-code-of-this-test"})

    assert made.status_code == 409


async def test_changes_of_rights_are_logged_with_who_made_them_and_no_secrets(
    api: ApiHost, owner: Person, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="chattool.api.audit")
    await owner.post("/users", {"username": "bob"})
    key = (await owner.post("/users/bob/keys/tokens", {"token_name": "t"})).json()["key"]
    await owner.patch(f"/groups/{api.organization_id}", {"quota_allowance": 5})

    lines = [record.__dict__ for record in caplog.records if record.name == "chattool.api.audit"]
    assert [each["msg"] % each["args"] for each in lines] == [
        "user created",
        "token created",
        "group changed",
    ]
    assert {each["by"] for each in lines} == {"ana"}
    assert key not in str(lines)
