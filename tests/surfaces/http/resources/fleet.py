"""A server with an imported template, a daemon that the test plays, and people with different rights."""

from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests.scenario import Scenario
from tests.surfaces.http.api_host import ApiHost, Person

NOT_FOUND = {"message": "Resource not found or you do not have access to this resource"}


@dataclass(kw_only=True)
class Fleet:
    """``ana`` owns the site, ``ben`` and ``cleo`` are members, ``mia`` manages templates; not so ``eve``."""

    api: ApiHost
    scenario: Scenario
    ana: Person
    ben: Person
    cleo: Person
    mia: Person
    eve: Person

    @classmethod
    async def on(cls, api: ApiHost) -> Self:
        scenario = await Scenario.on(api.store)
        elsewhere = await api.organization("elsewhere")
        return cls(
            api=api,
            scenario=scenario,
            ana=await api.signed_in(scenario.user),
            ben=await api.person("ben"),
            cleo=await api.person("cleo"),
            mia=await api.person("mia", organization_roles=["organization-template-admin"]),
            eve=await api.person("eve", organization_id=elsewhere),
        )

    async def create(self, person: Person, name: str = "mine", **given: object) -> dict[str, Any]:
        """The workspace that a person asked for, with its first build in line."""
        body = {"template_id": str(self.scenario.template_id), "name": name, **given}
        answer = await person.post("/users/me/workspaces", body)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def build_next(self, *, cost: int = 0, **outcome: Any) -> None:  # noqa: ANN401 - the fields of Outcome
        """Carry out the job that is next in line."""
        run = await self.scenario.daemon.claim()
        assert run is not None
        await run.pass_point_of_no_return(cost)
        await run.finish(**outcome)

    async def running(self, person: Person, name: str = "mine", **outcome: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
        """A workspace of a person that was started."""
        workspace = await self.create(person, name)
        await self.build_next(state=b"state", **outcome)
        answer = await person.get(f"/workspaces/{workspace['id']}")
        found: dict[str, Any] = answer.json()
        return found


def fields(answer: httpx.Response) -> list[str]:
    """The fields of an error's validations."""
    return [each["field"] for each in answer.json().get("validations", [])]
