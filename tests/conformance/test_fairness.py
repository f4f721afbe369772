"""Owners take turns: nobody's many jobs keep another's few from being built, whatever daemons there are."""

from collections.abc import Mapping
from datetime import timedelta

from db.clock import FakeClock
from db.ids import JobId
from db.records import User
from db.states import JobType, ProvisionerType
from provisioner import daemons, queue, tags
from provisioner.daemons import QueueState
from tests.played_daemon import PlayedDaemon
from tests.scenario import Scenario

GPU = {**tags.UNTAGGED, "gpu": "yes"}


async def post(scenario: Scenario, clock: FakeClock, owner: User, job_tags: Mapping[str, str]) -> JobId:
    """A job in line, a second after the one before."""
    clock.advance(timedelta(seconds=1))
    return await scenario.store.write(
        queue.post,
        job_type=JobType.TEMPLATE_VERSION_DRY_RUN,
        organization_id=scenario.organization_id,
        initiator_id=owner.id,
        provisioner=ProvisionerType.ECHO,
        file_id=(await scenario.version_file()),
        job_input={},
        job_tags=job_tags,
    )


async def served(daemon: PlayedDaemon, count: int) -> list[JobId]:
    """The jobs that the daemon takes one after another."""
    return [run.job_id for _ in range(count) if (run := await daemon.claim())]


async def place(scenario: Scenario, job_id: JobId) -> QueueState:
    job = await scenario.job(job_id)
    return await scenario.store.read(daemons.queue_state, job, offline=scenario.settings.daemon_offline)


async def test_owners_take_turns_so_that_many_jobs_do_not_starve_one(
    scenario: Scenario, clock: FakeClock
) -> None:
    busy, late = await scenario.member("busy"), await scenario.member("late")
    many = [await post(scenario, clock, busy, tags.UNTAGGED) for _ in range(100)]
    only = await post(scenario, clock, late, tags.UNTAGGED)

    assert await served(scenario.daemon, 4) == [many[0], only, many[1], many[2]]


async def test_a_newcomer_waits_for_one_job_of_each_other_owner_at_most(
    scenario: Scenario, clock: FakeClock
) -> None:
    busy, late = await scenario.member("busy"), await scenario.member("late")
    many = [await post(scenario, clock, busy, tags.UNTAGGED) for _ in range(6)]
    assert await served(scenario.daemon, 3) == many[:3]
    newcomer = await post(scenario, clock, late, tags.UNTAGGED)

    assert await served(scenario.daemon, 3) == [many[3], newcomer, many[4]]


async def test_owners_who_ask_again_and_again_do_not_starve_one_whose_jobs_wait(
    scenario: Scenario, clock: FakeClock
) -> None:
    busy = await scenario.member("busy")
    steady = {user.id: user for user in [await scenario.member(f"steady-{n}") for n in range(2)]}
    waiting = [await post(scenario, clock, busy, tags.UNTAGGED) for _ in range(6)]
    for owner in steady.values():
        await post(scenario, clock, owner, tags.UNTAGGED)

    order = []
    for _ in range(12):
        (job_id,) = await served(scenario.daemon, 1)
        order.append(job_id)
        owner_id = (await scenario.job(job_id)).initiator_id
        if owner_id in steady:
            await post(scenario, clock, steady[owner_id], tags.UNTAGGED)

    assert [job_id for job_id in order if job_id in waiting] == waiting[:4]


async def test_what_other_daemons_have_done_does_not_put_a_newcomer_at_the_end_of_its_line(
    scenario: Scenario, clock: FakeClock
) -> None:
    busy, crowd, late = [await scenario.member(name) for name in ("busy", "crowd", "late")]
    gpu = await scenario.another_daemon("gpu", daemon_tags=GPU)
    plain = [await post(scenario, clock, crowd, tags.UNTAGGED) for _ in range(10)]
    for _ in range(30):
        await post(scenario, clock, busy, GPU)
    await served(gpu, 25)  # the claims of the organization are far ahead of the untagged line
    newcomer = await post(scenario, clock, late, tags.UNTAGGED)
    own = await post(scenario, clock, busy, tags.UNTAGGED)

    assert await served(scenario.daemon, 4) == [plain[0], newcomer, own, plain[1]]


async def test_a_line_that_was_empty_begins_beside_those_that_wait_elsewhere(
    scenario: Scenario, clock: FakeClock
) -> None:
    busy, crowd, late = [await scenario.member(name) for name in ("busy", "crowd", "late")]
    gpu = await scenario.another_daemon("gpu", daemon_tags=GPU)
    both = await scenario.another_daemon("both", daemon_tags={**GPU, "big": "yes"})
    large = [await post(scenario, clock, crowd, {**tags.UNTAGGED, "big": "yes"}) for _ in range(5)]
    await post(scenario, clock, busy, GPU)
    for _ in range(20):
        await post(scenario, clock, busy, GPU)
    await served(gpu, 21)
    newcomer = await post(scenario, clock, late, GPU)

    assert await served(both, 3) == [large[0], newcomer, large[1]]


async def test_the_place_in_line_counts_what_the_same_daemons_take(
    scenario: Scenario, clock: FakeClock
) -> None:
    busy, late = await scenario.member("busy"), await scenario.member("late")
    await scenario.another_daemon("gpu", daemon_tags=GPU)
    await scenario.another_daemon("gpu-2", daemon_tags={**GPU, "big": "yes"})
    for _ in range(5):
        await post(scenario, clock, busy, tags.UNTAGGED)
    many = [await post(scenario, clock, busy, GPU) for _ in range(3)]
    only = await post(scenario, clock, late, GPU)

    found = await place(scenario, only)
    assert (found.position, found.size, found.matched, found.available) == (2, 4, 2, 2)
    assert [(await place(scenario, job_id)).position for job_id in many] == [1, 3, 4]


async def test_a_job_that_no_daemon_may_take_has_no_place_and_says_so_at_once(
    scenario: Scenario, clock: FakeClock
) -> None:
    job_id = await post(scenario, clock, scenario.user, {**tags.UNTAGGED, "arch": "riscv"})

    found = await place(scenario, job_id)
    assert (found.position, found.size, found.matched, found.available) == (0, 0, 0, 0)
