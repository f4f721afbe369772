"""``chattool doctor`` on a database that servers and daemons share."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from db.engine import open_store
from db.secrets import VARIABLE, KeyInvalid, new_key
from db.states import ProvisionerType
from provisioner import imports
from provisioner.jobs import Imported
from provisioner.protocol import ParseResult, PlanResult, Variable
from tests.scenario import Scenario
from tests.surfaces.cli.command_line import CommandLine
from tests.surfaces.cli.test_daemon import read_log_until


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/fleet.db"


def found(new: CommandLine, url: str, code: int = 0) -> Mapping[str, tuple[str, str]]:
    """Verdict and detail of each check; ``code`` is the exit code to expect."""
    ended = new.inside("--json", "doctor", "--url", url)
    assert ended.code == code, ended.out
    return {each["name"]: (each["verdict"], each["detail"]) for each in ended.document["checks"]}


async def keep_a_secret(url: str) -> None:
    async with open_store(url) as store:
        scenario = await Scenario.on(store)
        _, job_id = await store.write(
            imports.push,
            organization_id=scenario.organization_id,
            initiator_id=scenario.user.id,
            name="secretive",
            archive=b"archive",
            provisioner=ProvisionerType.ECHO,
            variables={"password": "sesame"},
        )
        run = await scenario.claimed(job_id)
        parsed = ParseResult(variables=(Variable(name="password", sensitive=True),))
        await run.finish(imported=Imported(parsed=parsed, start=PlanResult(), stop=PlanResult()))


async def wait_for_a_gpu(url: str) -> None:
    async with open_store(url) as store:
        scenario = await Scenario.on(store)
        await scenario.create()
        await scenario.push("for-a-gpu", version_tags={"gpu": "yes"})


def test_a_key_that_opens_what_is_stored_is_found(new: CommandLine, url: str) -> None:
    asyncio.run(keep_a_secret(url))

    assert found(new, url)["secret key"] == ("ok", "opens all 1 stored values")


def test_a_key_file_that_is_gone_is_reported_and_not_made_anew(
    new: CommandLine, url: str, tmp_path: Path
) -> None:
    asyncio.run(keep_a_secret(url))
    (tmp_path / "fleet.db.key").unlink()

    assert found(new, url, code=1)["secret key"][0] == "failed"
    assert not (tmp_path / "fleet.db.key").exists()


def test_a_key_of_another_database_is_reported(
    new: CommandLine, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(keep_a_secret(url))
    (tmp_path / "fleet.db.key").unlink()
    monkeypatch.setenv(VARIABLE, new_key())

    assert found(new, url, code=1)["secret key"][0] == "failed"


def test_a_malformed_key_is_reported_before_anything_is_stored(
    new: CommandLine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert new.inside("users", "first", "ana", "--url", url).code == 0
    monkeypatch.setenv(VARIABLE, "malformed")

    verdict, detail = found(new, url, code=1)["secret key"]

    assert verdict == "failed"
    assert "malformed" not in detail


@pytest.mark.parametrize("command", [("server", "--port", 0), ("daemon",)], ids=["server", "daemon"])
def test_nothing_starts_with_a_malformed_key(
    new: CommandLine, url: str, tmp_path: Path, command: tuple[object, ...]
) -> None:
    ended = new("--json", *command, "--url", url, CHATTOOL_SECRET_KEY=f"{new_key()},malformed")

    assert (ended.code, ended.document["code"]) == (1, KeyInvalid.code)
    assert "malformed" not in ended.out + ended.err
    assert not (tmp_path / "fleet.db").exists()


@pytest.mark.parametrize("command", [("server", "--port", 0), ("daemon",)], ids=["server", "daemon"])
def test_what_starts_with_the_key_of_another_database_warns(
    new: CommandLine, url: str, tmp_path: Path, command: tuple[object, ...]
) -> None:
    asyncio.run(keep_a_secret(url))
    (tmp_path / "fleet.db.key").unlink()

    with new.started(*command, "--url", url, CHATTOOL_SECRET_KEY=new_key()) as process:
        read_log_until(process, "action=secret_key")
        read_log_until(process, "action=ready")


def test_a_url_without_a_proper_port_is_reported_with_the_other_checks(new: CommandLine) -> None:
    verdict, detail = found(new, "postgresql://chattool:sesame@x:notaport/c", code=1)["database"]

    assert verdict == "failed"
    assert "sesame" not in detail


@pytest.mark.parametrize("command", ["server", "daemon"])
def test_nothing_starts_with_a_retention_that_is_no_number(
    new: CommandLine, url: str, tmp_path: Path, command: str
) -> None:
    ended = new(command, "--url", url, CHATTOOL_RETENTION_DAYS="soon")

    assert ended.code == 2
    assert ended.one_line.startswith("error: CHATTOOL_RETENTION_DAYS is a number of days")
    assert not (tmp_path / "fleet.db").exists()


def test_jobs_that_no_daemon_online_can_take_are_reported_with_their_tags(new: CommandLine, url: str) -> None:
    asyncio.run(wait_for_a_gpu(url))

    verdict, detail = found(new, url)["queue"]

    assert verdict == "warning"
    assert "0 jobs running, 2 waiting" in detail
    assert '1 of echo with tags {"gpu":"yes","scope":"organization"}' in detail


def test_a_command_makes_no_owner_beside_those_who_are_there(new: CommandLine, url: str) -> None:
    assert new.inside("users", "first", "ana", "--url", url).code == 0

    refused = new.inside("users", "list", "--url", url)

    assert refused.code == 1
    assert "--user NAME" in refused.one_line
    assert [each["username"] for each in new.json("--user", "ana", "users", "list", "--url", url)] == ["ana"]
