"""What a daemon key lets its holder do, and what not."""

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from db import provisioner_keys
from db.errors import LeaseLost, NotFound, RequestError
from db.ids import new_id
from db.states import JobStatus, ProvisionerType
from provisioner import daemons, tags, wire
from provisioner.client import Offer
from provisioner.errors import DaemonRefused
from provisioner.http_client import HttpDaemonClient
from provisioner.jobs import Claim, Outcome
from tests.daemon_server import GUARD_SECONDS
from tests.integration.provisioner.gates import Gate
from tests.integration.remote.conftest import QUICK, Fleet

Call = Callable[[], Awaitable[object]]
CALLS = [
    ("POST", "/register"),
    ("POST", "/seen"),
    ("POST", "/acquire"),
    ("DELETE", f"/acquire/{UUID(int=1)}"),
    ("GET", f"/files/{UUID(int=1)}"),
    *(
        ("POST", f"/jobs/{UUID(int=1)}/{call}")
        for call in (
            "heartbeat",
            "cancel-wait",
            "logs",
            "commit-quota",
            "begin-apply",
            "release",
            "finish",
        )
    ),
]


def offer(name: str, **tag: str) -> Offer:
    return Offer(name=name, version="1", provisioners=frozenset({"echo"}), tags={**tags.UNTAGGED, **tag})


async def registered(fleet: Fleet, name: str, key: str = "", **tag: str) -> HttpDaemonClient:
    client = await fleet.client(key or await fleet.key(f"key of {name}", **tag))
    await client.register(offer(name, **tag))
    return client


async def status(fleet: Fleet, method: str, path: str, **headers: str) -> int:
    async with httpx.AsyncClient(base_url=f"{fleet.url}/api/v2{wire.BASE}") as http:
        return (await http.request(method, path, json={}, headers=headers)).status_code


@pytest.mark.parametrize(("method", "path"), CALLS, ids=[path for _, path in CALLS])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic wrong"},
        {"Coder-Session-Token": "wrong"},
    ],
    ids=["none", "wrong", "basic", "session"],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_call_needs_a_valid_key(
    fleet: Fleet, method: str, path: str, headers: dict[str, str]
) -> None:
    assert await status(fleet, method, path, **headers) == 401


@pytest.mark.parametrize(("method", "path"), CALLS[1:], ids=[path for _, path in CALLS[1:]])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_key_does_not_speak_for_a_daemon_of_another_key(fleet: Fleet, method: str, path: str) -> None:
    await registered(fleet, "victim")
    victim = (await fleet.scenario.store.read(provisioner_keys.listed, fleet.scenario.organization_id))[0]
    other = await fleet.key("other")
    assert victim.name == "key of victim"
    authorization = {"Authorization": f"Bearer {other}"}
    client = await fleet.client(other)
    await client.register(offer("other"))

    for daemon_id in (str(new_id()), None):
        named = {} if daemon_id is None else {wire.DAEMON_HEADER: daemon_id}
        assert await status(fleet, method, path, **authorization, **named) == 403


async def test_a_daemon_cannot_touch_the_job_of_another(fleet: Fleet) -> None:
    build = await fleet.playing(10)
    holder, other = await registered(fleet, "holder"), await registered(fleet, "other")
    claim = await holder.acquire()
    assert claim.fence.job_id == build.job.id
    before = await fleet.scenario.build(build.id), await fleet.scenario.logs(build.job.id)

    work = claim.work
    calls: list[Call] = [
        lambda: other.jobs.heartbeat(claim.fence, b"{}"),
        lambda: other.jobs.append_logs(claim.fence, 1, []),
        lambda: other.jobs.commit_quota(claim.fence, 1, work, 10),  # type: ignore[arg-type]
        lambda: other.jobs.begin_apply(claim.fence, 1, work, 0),  # type: ignore[arg-type]
        lambda: other.jobs.finish(claim.fence, 1, Outcome(status=JobStatus.SUCCEEDED), []),
    ]
    for call in calls:
        with pytest.raises(LeaseLost):
            await call()
    with pytest.raises(NotFound):
        await other.jobs.archive(claim.file_id)

    assert not await other.jobs.release(claim.fence)
    assert (await fleet.scenario.build(build.id), await fleet.scenario.logs(build.job.id)) == before
    assert await holder.jobs.archive(claim.file_id)
    assert await holder.jobs.release(claim.fence)


async def test_a_file_is_given_only_while_a_job_needs_it(fleet: Fleet) -> None:
    await fleet.playing(10)
    daemon = await registered(fleet, "holder")
    claim = await daemon.acquire()
    assert await daemon.jobs.archive(claim.file_id)

    await daemon.jobs.finish(claim.fence, 1, Outcome(status=JobStatus.CANCELED), [])

    with pytest.raises(NotFound):
        await daemon.jobs.archive(claim.file_id)


async def test_a_revoked_key_ends_the_daemon(fleet: Fleet) -> None:
    key = await fleet.key("short-lived")
    client = await registered(fleet, "first", key)

    await fleet.scenario.store.write(provisioner_keys.revoke, fleet.scenario.organization_id, "short-lived")

    with pytest.raises(DaemonRefused):
        await client.acquire()
    with pytest.raises(DaemonRefused):
        await client.register(offer("first"))


@pytest.mark.parametrize(
    "provisioner_settings", [replace(QUICK, acquire_poll=timedelta(hours=1))], ids=["hints only"]
)
async def test_a_job_goes_past_a_daemon_whose_key_was_revoked_while_it_waited(fleet: Fleet) -> None:
    waiting = []
    for name in ("first", "second"):
        client = await registered(fleet, name)
        asked = fleet.served.gates["claim answered"] = Gate()
        waiting.append(asyncio.create_task(client.acquire()))
        await asked.reached()
        del fleet.served.gates["claim answered"]
        asked.open()
    first, second = waiting
    await fleet.scenario.store.write(provisioner_keys.revoke, fleet.scenario.organization_id, "key of first")

    build = await fleet.scenario.create()

    async with asyncio.timeout(GUARD_SECONDS):
        assert (await second).fence.job_id == build.job.id
        with pytest.raises(DaemonRefused, match="revoked"):
            await first


async def test_a_key_allows_only_its_own_tags(fleet: Fleet) -> None:
    key = await fleet.key("gpu", gpu="yes")

    with pytest.raises(DaemonRefused):
        await registered(fleet, "eager", key, gpu="no")
    with pytest.raises(DaemonRefused):
        await registered(fleet, "eager", key, room="cellar")

    await registered(fleet, "modest", key, gpu="yes")


@pytest.mark.parametrize(
    ("key_tags", "named", "registered_tags"),
    [
        ({}, {}, tags.UNTAGGED),
        ({"gpu": "yes", "room": "1"}, {}, {**tags.UNTAGGED, "gpu": "yes", "room": "1"}),
        ({"gpu": "yes", "room": "1"}, {"room": "1"}, {**tags.UNTAGGED, "room": "1"}),
        ({"scope": "user", "owner": "x"}, {}, {"scope": "user", "owner": "x"}),
        ({"scope": "user", "owner": "x", "a": "b"}, {"a": "b"}, {"scope": "user", "owner": "x", "a": "b"}),
    ],
    ids=["untagged", "all", "one", "user", "user-one"],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_daemon_has_the_tags_that_it_names_or_all_of_its_key(
    fleet: Fleet, key_tags: dict[str, str], named: dict[str, str], registered_tags: dict[str, str]
) -> None:
    await registered(fleet, "daemon", await fleet.key("key", **key_tags), **named)

    known = await fleet.scenario.store.read(daemons.listed, fleet.scenario.organization_id)
    assert [each.tags for each in known if each.name == "daemon"] == [registered_tags]


async def test_the_names_of_daemons_belong_to_their_key_until_that_is_revoked(fleet: Fleet) -> None:
    old = await fleet.key("old")
    await registered(fleet, "builder", old)
    await registered(fleet, "helper", old)
    new = await fleet.key("new")
    with pytest.raises(RequestError) as refused:
        await registered(fleet, "builder", new)
    assert refused.value.status_code == 409
    with pytest.raises(RequestError):
        await registered(fleet, "importer", new)  # a daemon that works on the database itself

    await fleet.scenario.store.write(provisioner_keys.revoke, fleet.scenario.organization_id, "old")

    await registered(fleet, "builder", new)
    await registered(fleet, "helper", new)
    with pytest.raises(RequestError):
        await registered(fleet, "helper", await fleet.key("newer"))


async def test_a_daemon_takes_only_jobs_of_its_organization(fleet: Fleet) -> None:
    from db import users  # noqa: PLC0415

    await fleet.playing(10)
    elsewhere = await fleet.scenario.store.write(users.create_organization, "elsewhere")
    _, key = await fleet.scenario.store.write(provisioner_keys.create, elsewhere.id, "key", {})
    client = await fleet.client(key)
    await client.register(offer("stranger"))

    assert await asked(client) is None


async def asked(client: HttpDaemonClient) -> Claim | None:
    """One request that does not wait."""
    connection = client._connection  # noqa: SLF001 - the daemon itself would wait for ever
    answer = await connection.ask(wire.Acquired, "/acquire", wire.AcquireRequest(request_id=new_id()))
    return None if answer is None else answer.claim


async def test_a_key_is_stored_as_a_digest_and_logged_nowhere(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = await fleet.key()
    build = await fleet.playing(10)
    await fleet.daemon(key)
    await fleet.ended(build)

    assert key not in caplog.text
    dump = io.StringIO()
    for row in await fleet.scenario.store.read(provisioner_keys.listed, fleet.scenario.organization_id):
        dump.write(str(row))
    assert key not in dump.getvalue()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"attempt": 0}', b'{"attempt": 1, "number": 1, "outcome": {"status": "new"}}'],
)
async def test_a_malformed_body_is_refused_with_400(fleet: Fleet, body: bytes) -> None:
    key = await fleet.key()
    client = await registered(fleet, "daemon", key)
    headers = {
        "Authorization": f"Bearer {key}",
        wire.DAEMON_HEADER: str(client._connection.daemon_id),  # noqa: SLF001 - as a stranger would send it
    }

    async with httpx.AsyncClient() as http:
        url = f"{fleet.url}/api/v2{wire.BASE}/jobs/{new_id()}/finish"
        answer = await http.post(url, content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["validations"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_body_over_the_limit_is_refused_with_413(fleet: Fleet) -> None:
    key = await fleet.key()
    client = await registered(fleet, "daemon", key)
    headers = {
        "Authorization": f"Bearer {key}",
        wire.DAEMON_HEADER: str(client._connection.daemon_id),  # noqa: SLF001 - as a stranger would send it
    }

    async with httpx.AsyncClient(timeout=timedelta(seconds=20).total_seconds()) as http:
        url = f"{fleet.url}/api/v2{wire.BASE}/jobs/{new_id()}/finish"
        answer = await http.post(url, content=b" " * (wire.BODY_LIMIT_BYTES + 1), headers=headers)

    assert answer.status_code == 413


def test_provisioner_types_on_the_wire_are_those_of_the_database() -> None:
    assert wire.Registration.model_fields["provisioners"].annotation == frozenset[ProvisionerType]
