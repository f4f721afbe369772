"""Places in line, and the daemons that could take a job."""

from datetime import timedelta

from db.clock import FakeClock
from db.ids import TemplateVersionId
from db.records import Build
from provisioner import daemons, tags
from provisioner.daemons import QueueState
from tests.scenario import Scenario


async def queue_state(scenario: Scenario, build: Build) -> QueueState:
    job = await scenario.job(build.job.id)
    return await scenario.store.read(daemons.queue_state, job, offline=scenario.settings.daemon_offline)


async def test_a_daemon_that_comes_back_under_its_name_is_the_same(scenario: Scenario) -> None:
    first = await scenario.another_daemon("steady")
    again = await scenario.another_daemon("steady", provisioners=["echo", "local"])

    assert again.id == first.id
    known = await scenario.store.read(daemons.listed, scenario.organization_id)
    assert [list(daemon.provisioners) for daemon in known if daemon.name == "steady"] == [["echo", "local"]]


async def test_a_place_in_line_counts_from_the_job_that_is_claimed_next(
    scenario: Scenario, clock: FakeClock
) -> None:
    builds = []
    for _ in range(3):
        builds.append(await scenario.create())
        clock.advance(timedelta(seconds=1))

    states = [await queue_state(scenario, build) for build in builds]

    assert [(state.position, state.size) for state in states] == [(1, 3), (2, 3), (3, 3)]


async def test_a_claimed_job_has_no_place_in_line(scenario: Scenario) -> None:
    build = await scenario.create()
    await scenario.claimed(build.job.id)

    state = await queue_state(scenario, build)

    assert (state.position, state.size, state.matched) == (0, 0, 1)


async def test_without_a_daemon_that_is_online_there_is_no_place_in_line(
    scenario: Scenario, clock: FakeClock
) -> None:
    build = await scenario.create()
    seen = clock.now()
    clock.advance(scenario.settings.daemon_offline + timedelta(seconds=1))

    state = await queue_state(scenario, build)

    assert state == QueueState(matched=1, most_recently_seen=seen)


async def test_a_daemon_that_was_seen_again_is_online(scenario: Scenario, clock: FakeClock) -> None:
    build = await scenario.create()
    clock.advance(scenario.settings.daemon_offline + timedelta(seconds=1))

    await scenario.client.seen(scenario.daemon.id)

    assert (await queue_state(scenario, build)).available == 1


async def test_only_daemons_that_could_take_the_job_count(scenario: Scenario) -> None:
    build = await scenario.create()
    await scenario.another_daemon("other", provisioners=["local"])
    await scenario.another_daemon("tagged", daemon_tags={**tags.UNTAGGED, "gpu": "yes"})

    state = await queue_state(scenario, build)

    assert (state.matched, state.available, state.position) == (1, 1, 1)


async def test_the_place_is_the_best_one_among_the_daemons_that_could_take_the_job(
    scenario: Scenario, clock: FakeClock
) -> None:
    await scenario.create()
    clock.advance(timedelta(seconds=1))
    version_id = await tagged_version(scenario)
    scenario.template_id = (await scenario.version(version_id)).template_id or scenario.template_id
    tagged = await scenario.create()
    both = await queue_state(scenario, tagged)

    assert (both.position, both.size) == (1, 1)


async def tagged_version(scenario: Scenario) -> TemplateVersionId:
    """A version whose builds only a tagged daemon may take."""
    importer = scenario.daemon
    scenario.daemon = await scenario.another_daemon("tagged", daemon_tags={**tags.UNTAGGED, "gpu": "yes"})
    version_id = await scenario.import_version("tagged", version_tags={"gpu": "yes"})
    scenario.daemon = importer
    return version_id
