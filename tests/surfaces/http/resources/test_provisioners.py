"""Daemons and jobs over HTTP."""

from datetime import timedelta

import pytest

from db.ids import new_id
from tests.surfaces.http.resources.fleet import NOT_FOUND, Fleet, fields

DAEMONS = "/organizations/default/provisionerdaemons"
JOBS = "/organizations/default/provisionerjobs"


async def test_daemons_are_listed_with_what_they_do(fleet: Fleet) -> None:
    await fleet.scenario.another_daemon(
        "gpu", daemon_tags={"scope": "organization", "owner": "", "gpu": "yes"}
    )
    await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None

    gpu, importer = (await fleet.ben.get(DAEMONS)).json()

    assert (gpu["name"], gpu["status"], gpu["tags"]["gpu"]) == ("gpu", "idle", "yes")
    assert (importer["name"], importer["status"]) == ("importer", "busy")
    assert importer["current_job"] == {"id": str(run.job_id), "status": "running"}
    assert importer["previous_job"]["status"] == "succeeded"
    [tagged] = (await fleet.ben.get(DAEMONS, params={"tags": '{"gpu":"yes"}'})).json()
    assert tagged == gpu
    fleet.scenario.store.clock.advance(timedelta(seconds=91))  # type: ignore[attr-defined]
    assert {each["status"] for each in (await fleet.ben.get(DAEMONS)).json()} == {"offline"}
    assert (await fleet.eve.get(DAEMONS)).json() == NOT_FOUND


async def test_jobs_are_filtered_and_newest_come_first(fleet: Fleet) -> None:
    # Each in a moment of its own, so that there is a newest one.
    clock = fleet.scenario.store.clock
    clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    first = await fleet.running(fleet.ben, "one")
    clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    second = await fleet.create(fleet.cleo, "two")
    done, waiting = (each["latest_build"]["job"]["id"] for each in (first, second))

    async def found(**query: object) -> list[str]:
        answer = await fleet.ana.get(JOBS, params={key: str(value) for key, value in query.items()})
        return [job["id"] for job in answer.json()]

    everything = await found()
    assert everything[:2] == [waiting, done]
    assert len(everything) == 3  # the import too
    assert await found(limit=1) == [waiting]
    assert await found(status="pending") == [waiting]
    assert set(await found(status="pending,succeeded")) == set(everything)
    assert await found(initiator="cleo") == [waiting]
    assert await found(ids=f"{done},{new_id()}") == [done]
    assert await found(tags='{"scope":"user"}') == []
    assert set(await found(tags='{"scope":"organization"}')) == set(everything)


async def test_members_see_their_own_jobs_only(fleet: Fleet) -> None:
    own = (await fleet.create(fleet.ben))["latest_build"]["job"]

    assert [job["id"] for job in (await fleet.ben.get(JOBS)).json()] == [own["id"]]
    assert (await fleet.ben.get(JOBS, params={"initiator": "ana"})).json() == []
    assert (await fleet.cleo.get(JOBS)).json() == []
    assert len((await fleet.mia.get(JOBS)).json()) == 2
    assert (await fleet.ben.get(f"{JOBS}/{own['id']}")).json() == own
    assert (await fleet.cleo.get(f"{JOBS}/{own['id']}")).json() == NOT_FOUND
    assert (await fleet.eve.get(JOBS)).json() == NOT_FOUND
    elsewhere = f"/organizations/elsewhere/provisionerjobs/{own['id']}"
    assert (await fleet.ana.get(elsewhere)).json() == NOT_FOUND


async def test_a_place_in_line_is_the_same_everywhere(fleet: Fleet) -> None:
    await fleet.create(fleet.ben, "one")
    fleet.scenario.store.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    workspace = await fleet.create(fleet.cleo, "two")
    build = workspace["latest_build"]

    shown = [
        (await fleet.cleo.get(f"/workspaces/{workspace['id']}")).json()["latest_build"]["job"],
        (await fleet.cleo.get("/workspaces")).json()["workspaces"][0]["latest_build"]["job"],
        (await fleet.cleo.get(f"/workspacebuilds/{build['id']}")).json()["job"],
        (await fleet.cleo.get(f"{JOBS}/{build['job']['id']}")).json(),
        (await fleet.cleo.get(JOBS)).json()[0],
    ]

    assert {(job["queue_position"], job["queue_size"]) for job in shown} == {(2, 2)}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "happy"}, "status"),
        ({"ids": "x"}, "ids"),
        ({"tags": "[]"}, "tags"),
        ({"tags": '{"a":1}'}, "tags"),
        ({"tags": "{"}, "tags"),
        ({"limit": "-1"}, "limit"),
    ],
)
async def test_a_filter_that_means_nothing_is_refused(
    fleet: Fleet, query: dict[str, str], field: str
) -> None:
    answer = await fleet.ana.get(JOBS, params=query)

    assert (answer.status_code, fields(answer)) == (400, [field])
