"""Values of template variables are encrypted at rest, on both stores."""

import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import select

from db import secrets, templates
from db.engine import open_store, sqlite_path
from db.ids import TemplateId
from db.secrets import KeyInvalid, NoSecretKey, SecretUnreadable
from db.states import ProvisionerType
from db.tables import template_versions
from db.transactions import Connection, Store
from provisioner import imports, secret_renewal
from provisioner.jobs import Imported, ImportWork
from provisioner.protocol import ParseResult, PlanResult, Variable
from tests.scenario import Scenario

SECRET = "hunter2-in-plain"  # noqa: S105 - looked for in the database
_VARIABLES = select(template_versions.c.variables)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of every store opened afterwards."""
    made = secrets.new_key()
    monkeypatch.setenv(secrets.VARIABLE, made)
    return made


async def push(scenario: Scenario, name: str = "guarded", **variables: str) -> None:
    await scenario.store.write(
        imports.push,
        organization_id=scenario.organization_id,
        initiator_id=scenario.user.id,
        name=name,
        archive=b"archive",
        provisioner=ProvisionerType.ECHO,
        variables=variables,
    )


async def imported(scenario: Scenario) -> ImportWork:
    """What the importer of the next version in line was given; afterwards the version is imported."""
    run = await scenario.daemon.claim()
    assert run is not None
    work = await scenario.client.work(run.claim)
    assert isinstance(work, ImportWork)
    parsed = ParseResult(
        variables=(
            Variable(name="password", type="string", sensitive=True),
            Variable(name="region", type="string"),
        )
    )
    await run.finish(imported=Imported(parsed=parsed, start=PlanResult(), stop=PlanResult()))
    return work


async def stored(store: Store) -> str:
    def read(conn: Connection) -> str:
        return json.dumps([row.variables for row in conn.rows(_VARIABLES)])

    return await store.read(read)


async def test_a_secret_reaches_the_importer_and_never_the_database(key: str, scenario: Scenario) -> None:
    await push(scenario, password=SECRET, region="eu")
    before = await stored(scenario.store)
    work = await imported(scenario)

    assert work.variables == {"password": SECRET, "region": "eu"}
    assert SECRET not in before
    assert SECRET not in await stored(scenario.store)
    assert '"eu"' in await stored(scenario.store)


async def test_a_value_stays_in_force_for_the_next_version(key: str, scenario: Scenario) -> None:
    await push(scenario, password=SECRET)
    await imported(scenario)
    await push(scenario, region="us")

    assert (await imported(scenario)).variables == {"password": SECRET, "region": "us"}


async def test_another_key_cannot_read_it(
    key: str, scenario: Scenario, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await push(scenario, password=SECRET)
    monkeypatch.setenv(secrets.VARIABLE, secrets.new_key())

    async with open_store(database_url, migrate=False) as other:
        with pytest.raises(SecretUnreadable):
            await secret_renewal.renew(other)


async def test_a_job_whose_secret_cannot_be_read_is_claimed_and_says_so_to_its_runner(
    key: str, scenario: Scenario, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await push(scenario, password=SECRET)
    monkeypatch.setenv(secrets.VARIABLE, secrets.new_key())

    async with open_store(database_url, migrate=False) as other:
        stranger = await _again(scenario, other)
        run = await stranger.daemon.claim()
        assert run is not None
        assert run.claim.work is None
        with pytest.raises(SecretUnreadable):
            await stranger.client.work(run.claim)


async def test_a_newer_key_in_front_takes_over_and_the_old_one_can_go(
    key: str, scenario: Scenario, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await push(scenario, password=SECRET)
    newer = secrets.new_key()

    monkeypatch.setenv(secrets.VARIABLE, f"{newer}, {key}")
    async with open_store(database_url, migrate=False) as both:
        assert await secret_renewal.renew(both) == 1
    monkeypatch.setenv(secrets.VARIABLE, newer)
    async with open_store(database_url, migrate=False) as alone:
        assert (await imported(await _again(scenario, alone))).variables == {"password": SECRET}


async def _again(scenario: Scenario, store: Store) -> Scenario:
    client = type(scenario.client)(store, scenario.settings)
    scenario.daemon.client = client
    return Scenario(
        store=store,
        client=client,
        organization_id=scenario.organization_id,
        user=scenario.user,
        template_id=scenario.template_id,
        daemon=scenario.daemon,
    )


async def test_a_secret_kept_in_plain_by_an_older_version_is_read_and_sealed_by_a_renewal(
    key: str, scenario: Scenario
) -> None:
    await push(scenario)
    await imported(scenario)
    version = (await scenario.store.read(templates.versions, await _template(scenario)))[0]
    plain = {"name": "password", "type": "string", "sensitive": True, "value": SECRET}
    await scenario.store.write(_keep_plain, version.id, [plain])

    await push(scenario)
    assert (await imported(scenario)).variables == {"password": SECRET}
    await scenario.store.write(_keep_plain, version.id, [plain])
    assert await secret_renewal.renew(scenario.store) >= 1

    assert SECRET not in await stored(scenario.store)


def _keep_plain(conn: Connection, version_id: object, variables: object) -> None:
    conn.run(secret_renewal._SET, version=version_id, new_variables=variables)  # noqa: SLF001 - as older code wrote


async def _template(scenario: Scenario) -> TemplateId:
    found = await scenario.store.read(templates.by_name, scenario.organization_id, "guarded")
    assert found is not None
    return found.id


async def test_without_a_key_secrets_are_refused_where_several_hosts_share_the_database(
    scenario: Scenario, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(secrets.VARIABLE, raising=False)
    path = sqlite_path(database_url)

    if path is None:
        with pytest.raises(NoSecretKey):
            await push(scenario, password=SECRET)
        await push(scenario)
        return
    await push(scenario, password=SECRET)
    assert _mode(Path(f"{path}.key")) == 0o600
    assert (await imported(scenario)).variables == {"password": SECRET}


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


async def test_a_malformed_key_is_named_and_not_shown(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(secrets.VARIABLE, "malformed")

    with pytest.raises(KeyInvalid) as caught:
        await push(scenario, password=SECRET)

    assert "malformed" not in str(caught.value)
