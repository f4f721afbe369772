"""Who gets a job, and in which order."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, select, update
from sqlalchemy.util import await_only

from db import provisioner_keys, users
from db.clock import FakeClock
from db.errors import RequestError
from db.ids import FileId, JobId, UserId, new_id
from db.states import JobType, ProvisionerType
from db.tables import provisioner_jobs
from db.transactions import Connection, Store
from provisioner import daemons, queue, tag_match, tags
from provisioner.jobs import Claim
from provisioner.store_client import StoreClient
from tests.scenario import Scenario

ROUNDS = 1000
REPEATS = 30


def post(conn: Connection, scenario: Scenario, file_id: FileId, owner: UserId | None = None) -> JobId:
    return queue.post(
        conn,
        job_type=JobType.TEMPLATE_VERSION_DRY_RUN,
        organization_id=scenario.organization_id,
        initiator_id=owner or scenario.user.id,
        provisioner=ProvisionerType.ECHO,
        file_id=file_id,
        job_input={},
        job_tags=tags.UNTAGGED,
    )


@pytest.fixture
async def file_id(scenario: Scenario) -> FileId:
    return (await scenario.create()).job.file_id


@pytest.mark.requirement("P2")
async def test_of_two_claimers_on_one_row_exactly_one_gets_it_a_thousand_times(
    scenario: Scenario, other_store: Store
) -> None:
    build = await scenario.create()
    await scenario.claimed(build.job.id)
    claimers = [scenario.daemon, scenario.daemon.on(StoreClient(other_store, scenario.settings))]
    barrier = asyncio.Barrier(2)

    def claim_together(conn: Connection, number: int) -> Claim | None:
        found = queue.claim(
            conn,
            worker_id=claimers[number].id,
            organization_id=scenario.organization_id,
            provisioners=["echo"],
            daemon_tags=tags.UNTAGGED,
            lease=timedelta(seconds=30),
            request_id=new_id(),
        )
        if conn.dialect == "postgresql":
            # Both have asked before either commits. SQLite admits one writer at a time.
            await_only(barrier.wait())
        return found

    async def claimer(number: int) -> Claim | None:
        await barrier.wait()
        return await claimers[number].client.store.write(claim_together, number)

    for _ in range(ROUNDS):
        job_id = await scenario.store.write(post, scenario, build.job.file_id)
        found = [claim for claim in await asyncio.gather(claimer(0), claimer(1)) if claim is not None]

        assert [claim.fence.job_id for claim in found] == [job_id]


async def test_jobs_of_one_owner_are_claimed_oldest_first(scenario: Scenario, clock: FakeClock) -> None:
    expected = []
    for _ in range(4):
        expected.append((await scenario.create()).job.id)
        clock.advance(timedelta(seconds=1))

    runs = [await scenario.daemon.claim() for _ in range(5)]

    assert [run and run.job_id for run in runs] == [*expected, None]


async def test_a_released_job_keeps_its_place_in_line(scenario: Scenario, clock: FakeClock) -> None:
    first = await scenario.create()
    clock.advance(timedelta(seconds=1))
    await scenario.create()
    run = await scenario.claimed(first.job.id)

    assert await run.release()

    await scenario.claimed(first.job.id)


async def test_a_daemon_gets_no_job_of_another_organization(scenario: Scenario) -> None:
    await scenario.create()
    elsewhere = await scenario.store.write(users.create_organization, "elsewhere")
    stranger = scenario.daemon.on(scenario.client)
    stranger.organization_id = elsewhere.id

    assert await stranger.claim() is None


async def test_a_daemon_gets_no_job_of_a_provisioner_it_does_not_serve(scenario: Scenario) -> None:
    await scenario.create()
    daemon = await scenario.another_daemon("other", provisioners=["local", "terraform"])

    assert await daemon.claim() is None


async def test_a_cancelled_job_is_never_claimed(scenario: Scenario) -> None:
    build = await scenario.create()
    await scenario.cancel(build.job.id)

    assert await scenario.daemon.claim() is None


async def test_a_repeated_request_gets_the_same_claim_and_spends_no_attempt(scenario: Scenario) -> None:
    build = await scenario.create()
    await scenario.create()
    request_id = new_id()
    first = await scenario.daemon.claim(request_id)

    again = await scenario.daemon.claim(request_id, repeated=True)

    assert first is not None
    assert again is not None
    assert again.claim == first.claim
    assert (await scenario.job(build.job.id)).attempt == 1


async def test_one_request_that_two_servers_hear_at_once_claims_one_job(
    scenario: Scenario, other_store: Store, file_id: FileId
) -> None:
    for _ in range(2 * REPEATS):
        await scenario.store.write(post, scenario, file_id)
    servers = [scenario.store, other_store]
    barrier = asyncio.Barrier(2)

    def claim_together(conn: Connection, request_id: UUID) -> Claim | None:
        if conn.dialect == "postgresql":
            await_only(barrier.wait())
        return queue.claim_once(
            conn,
            worker_id=scenario.daemon.id,
            organization_id=scenario.organization_id,
            provisioners=["echo"],
            daemon_tags=tags.UNTAGGED,
            lease=timedelta(seconds=30),
            request_id=request_id,
        )

    for _ in range(REPEATS):
        request_id = new_id()
        one, other = await asyncio.gather(*(each.write(claim_together, request_id) for each in servers))

        assert one is not None
        assert one == other


async def test_a_daemon_whose_key_was_revoked_while_it_waited_claims_nothing_and_is_told(
    scenario: Scenario,
) -> None:
    await scenario.create()
    key, _ = await scenario.store.write(provisioner_keys.create, scenario.organization_id, "key", {})
    remote = replace(
        scenario.daemon,
        id=await scenario.store.write(
            daemons.register,
            organization_id=scenario.organization_id,
            name="remote",
            version="1",
            provisioners=["echo"],
            daemon_tags=tags.UNTAGGED,
            key_id=key.id,
        ),
    )

    assert await scenario.store.write(provisioner_keys.revoke, scenario.organization_id, "key")

    with pytest.raises(RequestError) as refused:
        await remote.claim(repeated=True)
    assert refused.value.status_code == 401
    assert await scenario.daemon.claim(repeated=True) is not None


async def test_a_claim_sets_attempt_worker_and_lease(scenario: Scenario, clock: FakeClock) -> None:
    build = await scenario.create()

    await scenario.claimed(build.job.id)

    job = await scenario.job(build.job.id)
    assert (job.attempt, job.worker_id, job.started_at) == (1, scenario.daemon.id, clock.now())
    assert job.lease_until == clock.now() + scenario.settings.job_lease


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
TAGS = st.dictionaries(
    st.sampled_from(["scope", "owner", "gpu", 'a"b']) | NAMES,
    st.sampled_from(["", "organization", "user", "yes"]) | NAMES,
    max_size=3,
)
PAIRS = st.tuples(TAGS | st.just(dict(tags.UNTAGGED)), TAGS | st.just(dict(tags.UNTAGGED)))
OVERLAPPING = TAGS.flatmap(lambda job: st.tuples(st.just(job), TAGS.map(lambda more: {**more, **job})))


def matched(
    conn: Connection, job_id: JobId, pairs: list[tuple[dict[str, str], dict[str, str]]]
) -> list[bool]:
    return [
        bool(conn.run(SET_TAGS, job=job_id, new_tags=job))
        and conn.first(MATCHING, job=job_id, daemon_tags=daemon, daemon_untagged=daemon == tags.UNTAGGED)
        is not None
        for job, daemon in pairs
    ]


SET_TAGS = (
    update(provisioner_jobs)
    .where(provisioner_jobs.c.id == bindparam("job"))
    .values(tags=bindparam("new_tags", type_=provisioner_jobs.c.tags.type))
)
MATCHING = select(provisioner_jobs.c.id).where(provisioner_jobs.c.id == bindparam("job"), tag_match.MATCHES)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(PAIRS | OVERLAPPING, min_size=1, max_size=20))
async def test_the_claim_matches_tags_by_the_same_rule_as_the_wake_up(
    scenario: Scenario, file_id: FileId, pairs: list[tuple[dict[str, str], dict[str, str]]]
) -> None:
    job_id = await scenario.store.write(post, scenario, file_id)

    answers = await scenario.store.write(matched, job_id, pairs)

    assert answers == [tags.matches(job, daemon) for job, daemon in pairs]


TABLE: list[tuple[dict[str, str], dict[str, str], bool]] = [
    ({}, {}, True),
    ({"gpu": "yes"}, {"gpu": "yes"}, True),
    ({"gpu": "yes"}, {"gpu": "yes", "disk": "ssd"}, True),
    ({"gpu": "yes"}, {"gpu": "no"}, False),
    ({"gpu": "yes"}, {}, False),
    ({}, {"gpu": "yes"}, False),
    ({"scope": "user"}, {"scope": "user", "owner": "<user>"}, True),
    ({"scope": "user"}, {}, False),
    ({"scope": "user"}, {"scope": "user", "owner": "somebody"}, False),
]


@pytest.mark.parametrize(("wanted", "had", "expected"), TABLE)
async def test_tags_decide_which_daemon_may_build(
    scenario: Scenario, wanted: dict[str, str], had: dict[str, str], *, expected: bool
) -> None:
    owner = str(scenario.user.id)
    daemon_tags = {**tags.UNTAGGED, **{key: value.replace("<user>", owner) for key, value in had.items()}}
    daemon = await scenario.another_daemon("tagged", daemon_tags=daemon_tags)
    await scenario.push("tagged", version_tags=wanted)

    assert (await daemon.claim() is not None) == expected
