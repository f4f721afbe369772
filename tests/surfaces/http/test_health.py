"""Probes, build information and metrics; none of them asks for a user's token."""

import httpx
import pytest
from sqlalchemy import Text, bindparam, column, table, update

from db import migrations
from db.clock import FakeClock
from db.transactions import Connection, Store
from provisioner import reaper
from tests.scenario import Scenario
from tests.surfaces.http.api_host import ApiHost, Person, api_host

SET_VERSION = update(table("alembic_version", column("version_num", Text))).values(
    version_num=bindparam("version")
)


async def fetched(api: ApiHost, path: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as nobody:
        return await nobody.get(api.root + path)


def sample(text: str, line: str) -> float:
    return next((float(each.rpartition(" ")[2]) for each in text.splitlines() if each.startswith(line)), 0.0)


async def test_a_server_with_its_database_lives_and_is_ready(api: ApiHost) -> None:
    assert [(await fetched(api, path)).status_code for path in ("/healthz", "/readyz")] == [200, 200]


async def on_version(api: ApiHost, version: str) -> httpx.Response:
    """What ``/readyz`` says on a database of that schema."""

    def change(conn: Connection) -> None:
        conn.run(SET_VERSION, version=version)

    await api.store.write(change)
    return await fetched(api, "/readyz")


async def test_a_server_is_not_ready_on_an_older_schema(api: ApiHost) -> None:
    ready = await on_version(api, "0001")

    assert ready.status_code == 503
    assert migrations.HEAD in ready.json()["detail"]
    assert (await fetched(api, "/healthz")).status_code == 200


async def test_a_running_server_stays_ready_when_the_fleet_is_migrated(api: ApiHost) -> None:
    assert (await on_version(api, "9999")).status_code == 200


async def test_a_server_that_is_about_to_end_is_not_ready(api: ApiHost) -> None:
    api.services.stopping.set()

    assert (await fetched(api, "/readyz")).status_code == 503


async def test_buildinfo_names_version_and_address(api: ApiHost) -> None:
    answer = (await fetched(api, "/api/v2/buildinfo")).json()

    assert answer["version"] == api.app.version
    assert answer["external_url"] == "https://chattool.example"


async def test_metrics_tell_queue_daemons_ends_refusals_requests_and_calls(api: ApiHost) -> None:
    scenario = await Scenario.on(api.store)
    await scenario.running(20)
    assert not (await refused(scenario))
    await scenario.create()

    text = (await fetched(api, "/metrics")).text

    waiting = '{provisioner="echo",tags="{\\"scope\\":\\"organization\\"}"}'
    assert sample(text, f"chattool_pending_jobs{waiting}") == 1
    assert sample(text, 'chattool_daemons{online="true"}') == 1
    assert sample(text, 'chattool_jobs_ended_total{error_code="INSUFFICIENT_QUOTA",status="failed"}') == 1
    assert sample(text, 'chattool_job_seconds_count{status="succeeded"}') == 2
    assert sample(text, "chattool_quota_refusals_total") == 1
    assert sample(text, 'chattool_database_call_seconds_count{function="queue.claim",outcome="ok"}') == 3


async def test_metrics_tell_which_waiting_jobs_no_daemon_online_could_take(api: ApiHost) -> None:
    scenario = await Scenario.on(api.store)
    await scenario.push("for-a-gpu", version_tags={"gpu": "yes"})
    await scenario.create()

    text = (await fetched(api, "/metrics")).text

    for_gpu = '{provisioner="echo",tags="{\\"gpu\\":\\"yes\\",\\"scope\\":\\"organization\\"}"}'
    plain = '{provisioner="echo",tags="{\\"scope\\":\\"organization\\"}"}'
    assert sample(text, f"chattool_pending_jobs_without_daemon{for_gpu}") == 1
    assert f"chattool_pending_jobs_without_daemon{plain} 0.0" in text


async def test_metrics_count_what_the_reaper_repairs(api: ApiHost, clock: FakeClock) -> None:
    scenario = await Scenario.on(api.store)
    build = await scenario.create()
    await scenario.claimed(build.job.id)
    clock.advance(scenario.lost)

    assert await reaper.reap(api.store, scenario.settings) == 1

    assert sample((await fetched(api, "/metrics")).text, "chattool_jobs_repaired_total") == 1


async def refused(scenario: Scenario) -> bool:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    ok = await run.pass_point_of_no_return(1000)
    await run.refuse()
    return ok


async def test_metrics_know_routes_and_no_names(api: ApiHost, owner: Person) -> None:
    await owner.get("/users/ana")
    await owner.get("/nowhere/ana")

    text = (await fetched(api, "/metrics")).text

    assert 'route="/users/{user}",status="200"' in text
    assert "ana" not in text
    assert str(owner.user.id) not in text


async def test_metrics_are_for_scrapers_on_this_host_and_not_for_those_behind_a_proxy(api: ApiHost) -> None:
    async with httpx.AsyncClient(timeout=30) as scraper:
        local = await scraper.get(f"{api.root}/metrics")
        proxied = await scraper.get(f"{api.root}/metrics", headers={"X-Forwarded-For": "127.0.0.1"})

    assert (local.status_code, proxied.status_code) == (200, 403)
    assert "CHATTOOL_METRICS_TOKEN" in proxied.json()["detail"]


@pytest.mark.parametrize(
    "name", ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP"]
)
async def test_metrics_are_not_for_what_a_proxy_passes_on(api: ApiHost, name: str) -> None:
    async with httpx.AsyncClient(timeout=30) as scraper:
        assert (await scraper.get(f"{api.root}/metrics", headers={name: "127.0.0.1"})).status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8420", 200),
        ("127.0.0.1:8420", 200),
        ("[::1]:8420", 200),
        ("evil.example", 403),
        ("localhost.evil.example:8420", 403),
        ("[::1", 403),
    ],
)
async def test_metrics_are_not_for_browsers_led_here_by_a_foreign_name(
    api: ApiHost, host: str, status: int
) -> None:
    async with httpx.AsyncClient(timeout=30) as scraper:
        assert (await scraper.get(f"{api.root}/metrics", headers={"Host": host})).status_code == status


async def test_with_a_token_for_metrics_nobody_scrapes_without_it(store: Store) -> None:
    async with api_host(store, metrics_token="for prometheus") as api:  # noqa: S106 - a test's
        owner = await api.person("ana", roles=["owner"])
        async with httpx.AsyncClient(timeout=30) as scraper:
            shown = ["", "Bearer wrong", f"Bearer {owner.key}", "Bearer for prometheus"]
            answers = [
                await scraper.get(f"{api.root}/metrics", headers={"Authorization": each} if each else {})
                for each in shown
            ]

    assert [each.status_code for each in answers] == [401, 401, 401, 200]
