"""A provisioner that refuses for good: what the tools answer, and what the job keeps."""

import json

import pytest

from db import builds, templates
from db.errors import RequestError
from db.ids import TemplateId
from db.records import Template
from provisioner.provisioners.echo_script import REASONS
from tests.integration.tools.engine_host import EngineHost

DETAIL = "HR-412: worker W17 is on leave"


async def refusing(host: EngineHost, *phases: str, reason: str = "USER_NOT_PROVISIONABLE") -> Template:
    """A template whose ``phases`` are refused for good."""
    await host.template(start_plan={}, stop_plan={})
    folder = host.folder / "demo"
    step = {"terminal": {"reason": reason, "detail": DETAIL}}
    for phase in phases:
        (folder / f"0.{phase}.json").write_text(json.dumps(step), encoding="utf-8")
    pushed = await host.tools.push_template(folder)
    return await host.engine.store.read(templates.template, TemplateId(pushed.id))


@pytest.mark.parametrize("reason", REASONS)
async def test_a_create_says_that_trying_again_is_useless_and_why(host: EngineHost, reason: str) -> None:
    answer = await host.create(await refusing(host, "start.apply", reason=reason))

    build = await host.build()
    assert answer == {
        "error": f"workspace build failed: {DETAIL}",
        "build_id": str(build.id),
        "failure_reason": reason,
        "retryable": False,
        "last_log_lines": answer["last_log_lines"],
        "next_step": answer["next_step"],
        "workspace_id": answer["workspace_id"],
        "workspace_name": answer["workspace_name"],
    }
    job = (await host.engine.store.read(builds.build, build.id)).job
    assert (job.error, job.failure_reason, job.failure_detail) == (DETAIL, reason, DETAIL)
    assert job.retryable is False
    assert job.attempt == 1


async def test_a_start_says_so_too(host: EngineHost) -> None:
    await host.create(await refusing(host, "start.apply"))

    answer = await host.start()

    assert answer["error"] == f"workspace start build failed: {DETAIL}"
    assert (answer["failure_reason"], answer["retryable"]) == ("USER_NOT_PROVISIONABLE", False)


async def test_a_stop_says_so_too(host: EngineHost) -> None:
    await host.create(await refusing(host, "stop.apply"))

    answer = await host.stop()

    assert answer["error"] == f"workspace stop build failed: {DETAIL}"
    assert (answer["failure_reason"], answer["retryable"]) == ("USER_NOT_PROVISIONABLE", False)


async def test_used_up_units_of_a_cloud_are_not_the_workspace_quota(host: EngineHost) -> None:
    answer = await host.create(await refusing(host, "start.apply", reason="LICENSE_EXHAUSTED"))

    assert "quota" not in answer
    assert "error_code" not in answer


async def test_an_ordinary_failure_has_no_reason_and_is_not_called_final(host: EngineHost) -> None:
    template = await host.template(start_plan={}, start_apply={"error": "connection reset"})

    answer = await host.create(template)

    assert "failure_reason" not in answer
    assert "retryable" not in answer


async def test_a_refused_import_keeps_the_reason_and_the_version_before(host: EngineHost) -> None:
    good = await host.template()

    with pytest.raises(RequestError, match="worker W17 is on leave"):
        await refusing(host, "start.plan")

    template = await host.engine.store.read(templates.template, good.id)
    newest = (await host.engine.store.read(templates.versions, good.id))[0]
    job = await host.engine.store.read(templates.import_job, newest.id)
    assert newest.id != template.active_version_id
    assert (job.failure_reason, job.retryable) == ("USER_NOT_PROVISIONABLE", False)
