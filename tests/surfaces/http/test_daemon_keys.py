"""Keys of remote daemons over HTTP."""

import pytest

from tests.surfaces.http.api_host import ApiHost, Person

PATH = "/organizations/default/provisionerkeys"


async def test_a_key_is_made_listed_without_its_secret_and_revoked(owner: Person) -> None:
    made = await owner.post(PATH, {"name": "builders", "tags": {"gpu": "yes"}})
    assert (made.status_code, list(made.json())) == (201, ["key"])

    (listed,) = (await owner.get(PATH)).json()
    assert (listed["name"], listed["tags"], listed.get("revoked_at")) == ("builders", {"gpu": "yes"}, None)
    assert made.json()["key"] not in (await owner.get(PATH)).text
    assert (await owner.post(PATH, {"name": "builders"})).status_code == 409

    assert (await owner.delete(f"{PATH}/builders")).status_code == 204
    assert (await owner.delete(f"{PATH}/builders")).status_code == 404
    assert (await owner.get(PATH)).json()[0]["revoked_at"]


async def test_members_do_not_see_keys_and_cannot_make_or_end_any(api: ApiHost, owner: Person) -> None:
    await owner.post(PATH, {"name": "builders"})
    member = await api.person("eve")

    answers = [
        await member.get(PATH),
        await member.post(PATH, {"name": "eves"}),
        await member.delete(f"{PATH}/builders"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert [key["name"] for key in (await owner.get(PATH)).json()] == ["builders"]


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "new"])
async def test_a_key_has_a_name_like_everything_else(owner: Person, name: str) -> None:
    assert (await owner.post(PATH, {"name": name})).status_code == 400
