"""One run of a build: its phases, and each way it can fail."""

import pytest

from db import agents
from db.errors import StoreBusy, StoreError, StoreUnavailable
from db.states import BuildStatus, JobErrorCode, JobStatus, LogLevel, Transition
from provisioner.errors import MissingParameter, TemplateInvalid
from provisioner.terminal import FailureReason
from tests.echo_templates import AGENT, COMPLETE
from tests.integration.provisioner.conftest import Engine

STAGES = ["Setting up", "Planning infrastructure", "Commit quota", "Starting workspace", "Cleaning up"]


async def test_a_build_goes_through_its_phases(engine: Engine) -> None:
    build = await engine.playing(20)
    await engine.daemon()

    ended = await engine.ended(build)

    assert (ended.status, ended.planned_cost, ended.daily_cost) == (BuildStatus.RUNNING, 20, 20)
    assert await engine.stages(build) == STAGES
    assert await engine.scenario.state(build.id) == b"state of 20"
    made = await engine.scenario.store.read(agents.of_build, build.id)
    assert [agent.name for agent in made] == ["main"]
    assert await engine.scenario.consumed() == 20


async def test_a_build_for_nothing_has_no_quota_stage(engine: Engine) -> None:
    build = await engine.playing(0)
    await engine.daemon()

    assert (await engine.ended(build)).status is BuildStatus.RUNNING
    assert await engine.stages(build) == [stage for stage in STAGES if stage != "Commit quota"]


@pytest.mark.parametrize(
    ("transition", "stage", "status"),
    [
        (Transition.STOP, "Stopping workspace", BuildStatus.STOPPED),
        (Transition.DELETE, "Destroying workspace", BuildStatus.DELETED),
    ],
)
async def test_each_transition_has_its_stage(
    engine: Engine, transition: Transition, stage: str, status: BuildStatus
) -> None:
    build = await engine.start(await engine.running(5), transition)
    await engine.daemon()

    assert (await engine.ended(build)).status is status
    assert stage in await engine.stages(build)


@pytest.mark.requirement("quota-code-set-once")
async def test_a_refused_build_carries_the_code_and_says_why(engine: Engine) -> None:
    await engine.running(30)
    build = await engine.playing(20)
    await engine.daemon()

    ended = await engine.ended(build)

    job = ended.job
    assert (job.error, job.error_code, job.retryable) == ("insufficient quota", "INSUFFICIENT_QUOTA", False)
    assert (ended.planned_cost, ended.daily_cost) == (20, 0)
    said = await engine.outputs(build)
    assert said[-4:] == [
        "Build cost: 20",
        "Budget: 40",
        "Credits consumed: 30",
        "This build asks for more than the quota leaves.",
    ]
    assert "apply" not in engine.echo.events


@pytest.mark.requirement("quota-code-set-once")
@pytest.mark.parametrize("phase", ["plan", "apply"])
async def test_an_error_that_speaks_of_quota_has_no_code(engine: Engine, phase: str) -> None:
    build = await engine.playing(
        10, **{phase: [{"complete": {"error": "insufficient quota: INSUFFICIENT_QUOTA"}}]}
    )
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert (job.error, job.error_code) == ("insufficient quota: INSUFFICIENT_QUOTA", None)


async def test_an_error_of_the_plan_is_passed_on_unchanged(engine: Engine) -> None:
    build = await engine.playing(10, plan=[{"complete": {"error": "missing parameter: no plan today"}}])
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert (job.error, job.error_code, job.committed_at) == ("missing parameter: no plan today", None, None)
    assert await engine.scenario.consumed() == 0


async def test_a_failed_apply_keeps_the_state_it_left_and_the_larger_charge(engine: Engine) -> None:
    build = await engine.playing(10, apply=[{"complete": {"error": "half way", "state": "half"}}])
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert (job.error, job.error_code, job.retryable) == ("half way", None, None)
    assert await engine.scenario.state(build.id) == b"half"
    assert await engine.scenario.consumed() == 10


@pytest.mark.parametrize("phase", ["plan", "apply"])
async def test_a_provisioner_that_breaks_off_fails_the_build(engine: Engine, phase: str) -> None:
    build = await engine.playing(10, **{phase: [{"crash": True}]})
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert (job.error or "").startswith(f"receive {phase} response: ")
    assert job.error_code is None
    assert await engine.scenario.consumed() == (10 if phase == "apply" else 0)


@pytest.mark.parametrize("phase", ["plan", "apply"])
async def test_a_terminal_refusal_is_stored_with_reason_and_detail(engine: Engine, phase: str) -> None:
    reason = next(each for each in FailureReason if each > FailureReason.UNSPECIFIED)
    refusal = {"terminal": {"reason": reason.name, "detail": "the cloud said no"}}
    build = await engine.playing(10, **{phase: [refusal]})
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert (job.status, job.retryable, job.error) == (JobStatus.FAILED, False, "the cloud said no")
    assert job.failure_reason is not None
    assert job.failure_detail is not None


@pytest.mark.parametrize("phase", ["plan", "apply"])
async def test_a_missing_parameter_has_its_code(engine: Engine, phase: str) -> None:
    engine.echo.errors[phase] = MissingParameter("region")
    build = await engine.playing()
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert (job.error, job.error_code) == ('missing parameter "region"', "MISSING_TEMPLATE_PARAMETER")


async def test_the_text_of_a_broken_provisioner_may_hold_a_code(engine: Engine) -> None:
    engine.echo.errors["plan"] = RuntimeError("required template variables need values: a")
    build = await engine.playing()
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert job.error_code == JobErrorCode.REQUIRED_TEMPLATE_VARIABLES


async def test_a_broken_template_names_its_mistake(engine: Engine) -> None:
    engine.echo.errors["plan"] = TemplateInvalid("template.toml:3: name is missing")
    build = await engine.playing()
    await engine.daemon()

    assert (await engine.ended(build)).job.error == "template.toml:3: name is missing"


async def test_an_archive_that_cannot_be_unpacked_fails_the_build(engine: Engine) -> None:
    await engine.template(b"this is no archive")
    build = await engine.scenario.create()
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert (job.error or "").startswith("unpack template: ")
    assert job.error_code is None


@pytest.mark.parametrize("place", ["archive", "commit_quota", "finish", "append_logs"])
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("error", [StoreBusy, StoreUnavailable])
async def test_a_store_that_is_away_for_a_moment_is_asked_again(
    engine: Engine, place: str, error: type[StoreError], *, answered: bool
) -> None:
    build = await engine.playing(20)
    if place == "commit_quota" and error is StoreBusy:
        return  # waiting too long for the quota is a failure of its own
    engine.client.faults[f"{place} answered" if answered else place] += [error("away")] * 2
    await engine.daemon()

    for _ in range(20):
        await engine.settled()
        engine.clock.advance(engine.client.settings.retry_backoff[0] * 4)
    ended = await engine.ended(build)

    assert ended.status is BuildStatus.RUNNING
    assert await engine.scenario.consumed() == 20
    assert await engine.stages(build) == STAGES
    assert (await engine.outputs(build)).count("Build cost: 20") == 1


async def test_a_quota_that_cannot_be_read_is_no_refusal(engine: Engine) -> None:
    engine.client.faults["commit_quota"].append(StoreError("broken"))
    build = await engine.playing(20)
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert (job.error, job.error_code, job.retryable) == ("commit quota: broken", None, None)
    assert "Failed to commit quota: broken" in await engine.outputs(build)
    assert await engine.scenario.consumed() == 0


async def test_a_result_that_cannot_be_stored_becomes_a_failure_with_the_state(engine: Engine) -> None:
    resources = [{**AGENT, "name": "lone \ud83d surrogate"}]
    build = await engine.playing(10, apply=[{"complete": {"state": "real", "resources": resources}}])
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert (job.error or "").startswith("store build result: the database ")
    assert "/" not in (job.error or "")  # it does not say where the database is
    assert job.error_code is None
    assert await engine.scenario.state(build.id) == b"real"
    assert await engine.scenario.consumed() == 10


async def test_an_error_text_of_any_size_and_content_is_stored(engine: Engine) -> None:
    text = "\0 \ud83d " + "x" * 100_000
    build = await engine.playing(10, apply=[{"complete": {"error": text}}])
    await engine.daemon()

    job = (await engine.ended(build)).job

    assert job.status is JobStatus.FAILED
    assert (job.error or "").startswith("\N{REPLACEMENT CHARACTER} ? x")
    assert len(job.error or "") < 66_000


async def test_a_cost_beyond_64_bit_fails_the_plan(engine: Engine) -> None:
    build = await engine.playing_only(
        plan=[{"complete": {"resources": [{**AGENT, "daily_cost": 2**62}] * 2}}], apply=[COMPLETE]
    )
    await engine.daemon()

    ended = await engine.ended(build)

    assert ended.job.status is JobStatus.FAILED
    assert ended.job.committed_at is None


async def test_secrets_of_a_build_never_reach_its_log(engine: Engine) -> None:
    tokens: list[str] = []
    play = engine.echo._play  # noqa: SLF001

    async def speak(steps, log, interrupt):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        for token in tokens:
            log(LogLevel.INFO, f"token={token}")
        return await play(steps, log, interrupt)

    original = engine.echo.apply

    async def apply(source, request, log, interrupt, **options):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN003, ANN202
        tokens.append(request.agent_token)
        return await original(source, request, log, interrupt, **options)

    engine.echo._play = speak  # type: ignore[method-assign] # noqa: SLF001
    engine.echo.apply = apply  # type: ignore[method-assign]
    build = await engine.playing(10)
    await engine.daemon()
    await engine.ended(build)

    text = "\n".join(await engine.outputs(build))
    assert "token=********" in text
    assert tokens[0] not in text
