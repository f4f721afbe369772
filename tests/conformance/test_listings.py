"""What lists are made of: derived states as columns, filters, places in line, in few statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import pytest
from sqlalchemy import bindparam, select, update

from db import build_details, jobs, resources, template_details, workspace_details
from db.errors import RequestError
from db.jobs import JobFilter
from db.states import BuildStatus, JobStatus, Transition
from db.status_columns import build_status_is, job_status_column
from db.tables import provisioner_jobs, workspace_builds
from db.transactions import Connection
from db.workspace_details import Sight, WorkspaceFilter
from provisioner import daemons, template_settings
from provisioner.jobs import Imported
from provisioner.protocol import ParseResult, PlanResult
from provisioner.template_settings import TemplateChange
from tests.scenario import Scenario

_SET_JOB = (
    update(provisioner_jobs)
    .where(provisioner_jobs.c.id == bindparam("job"))
    .values(
        {name: bindparam(f"new_{name}") for name in ("started_at", "canceled_at", "completed_at", "error")}
    )
)
_SET_TRANSITION = (
    update(workspace_builds)
    .where(workspace_builds.c.id == bindparam("build"))
    .values(transition=bindparam("new_transition"))
)
_JOINED = select(job_status_column().label("status"), workspace_builds.c.id).join(
    provisioner_jobs, provisioner_jobs.c.id == workspace_builds.c.job_id
)
_STATUS_IS = {status: _JOINED.where(build_status_is(status)) for status in BuildStatus}


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch, connection: type[Connection]) -> Iterator[list[object]]:
    """The statements that are run meanwhile."""
    ran: list[object] = []
    rows = connection.rows

    def counting(self: Connection, statement: object, **values: object) -> object:
        ran.append(statement)
        return rows(self, statement, **values)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(connection, "rows", counting)
        yield ran


async def test_derived_states_are_the_same_in_python_and_in_queries(scenario: Scenario) -> None:
    build = await scenario.create()

    def compare(
        conn: Connection, moments: tuple[bool, ...], error: str | None, transition: Transition
    ) -> None:
        started, canceled, completed = (conn.now if each else None for each in moments)
        conn.run(
            _SET_JOB,
            job=build.job.id,
            new_started_at=started,
            new_canceled_at=canceled,
            new_completed_at=completed,
            new_error=error,
        )
        conn.run(_SET_TRANSITION, build=build.id, new_transition=transition.value)
        shown = build_details.build(conn, build.id).build
        matching = {status for status, query in _STATUS_IS.items() if conn.rows(query)}
        assert conn.rows(_JOINED)[0].status == shown.job.status
        assert matching == {shown.status}

    for *moments, error, transition in product(*[(False, True)] * 3, (None, "", "no"), Transition):
        await scenario.store.write(compare, tuple(moments), error, transition)  # type: ignore[arg-type]


async def test_workspaces_are_found_by_what_their_latest_build_is(scenario: Scenario) -> None:
    running = await scenario.running(3)
    pending = (await scenario.create()).workspace_id
    sight = Sight(user_id=scenario.user.id, everywhere=True)

    async def found(**wanted: object) -> tuple[list[object], int]:
        page, count = await scenario.store.read(
            workspace_details.found,
            sight,
            WorkspaceFilter(**wanted),  # type: ignore[arg-type]
            limit=10,
        )
        return [each.workspace.id for each in page], count

    assert await found(status=BuildStatus.RUNNING) == ([running], 1)
    assert await found(status=BuildStatus.PENDING) == ([pending], 1)
    assert await found(status=BuildStatus.STOPPED) == ([], 0)
    assert await found(template_id=scenario.template_id) == ([running, pending], 2)


async def test_own_workspaces_are_seen_only_where_one_is_still_a_member(scenario: Scenario) -> None:
    await scenario.create()
    here = scenario.organization_id

    async def count(sight: Sight) -> int:
        return (await scenario.store.read(workspace_details.found, sight, WorkspaceFilter(), limit=0))[1]

    other = await scenario.member("ben")
    assert await count(Sight(user_id=scenario.user.id, member_of=[here])) == 1
    assert await count(Sight(user_id=scenario.user.id)) == 0
    assert await count(Sight(user_id=other.id, member_of=[here])) == 0
    assert await count(Sight(user_id=other.id, organizations=[here])) == 1


async def test_a_list_takes_as_many_statements_as_one_entry(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listed(conn: Connection) -> int:
        found = jobs.listed(conn, scenario.organization_id, JobFilter(), limit=100)
        daemons.queue_states(conn, [each.job for each in found], offline=scenario.settings.daemon_offline)
        resources.of_jobs(conn, [each.job.id for each in found])
        resources.agents_of_builds(conn, [each.build_id for each in found if each.build_id])
        page, _ = workspace_details.found(
            conn, Sight(user_id=scenario.user.id, everywhere=True), WorkspaceFilter(), limit=100
        )
        build_details.details(conn, [each.workspace.latest_build_id for each in page])
        return len(page)

    connection = await scenario.store.read(type)
    await scenario.create()
    with counted(monkeypatch, connection) as few:
        assert await scenario.store.read(listed) == 1
    for _ in range(5):
        await scenario.create()
    with counted(monkeypatch, connection) as many:
        assert await scenario.store.read(listed) == 6
    assert len(few) == len(many) == 7


async def test_places_in_line_are_those_of_one_job_at_a_time(scenario: Scenario) -> None:
    await scenario.another_daemon("other", provisioners=("local",))
    builds = [await scenario.create() for _ in range(3)]
    offline = scenario.settings.daemon_offline

    states = await scenario.store.read(daemons.queue_states, [build.job for build in builds], offline=offline)

    assert sorted(state.position for state in states.values()) == [1, 2, 3]
    assert {(state.size, state.matched, state.available) for state in states.values()} == {(3, 1, 1)}
    for build in builds:
        alone = await scenario.store.read(daemons.queue_state, build.job, offline=offline)
        assert alone == states[build.job.id]


async def test_a_template_made_while_its_version_is_imported_gets_it_as_active_version(
    scenario: Scenario,
) -> None:
    version_id, job_id = await scenario.push("echo")
    run = await scenario.claimed(job_id)

    with pytest.raises(RequestError) as adopted:
        await scenario.store.write(
            template_settings.create, version_id, scenario.user.id, "again", TemplateChange()
        )

    assert adopted.value.status_code == 400  # it is a version of another template
    details = await scenario.store.read(template_details.template, scenario.template_id)
    assert details.usable_version_id != version_id  # the one before stays until the import has succeeded
    parsed = ParseResult(description="New.")
    await run.finish(imported=Imported(parsed=parsed, start=PlanResult(), stop=PlanResult()))
    details = await scenario.store.read(template_details.template, scenario.template_id)
    assert (details.usable_version_id, details.template.description) == (version_id, "New.")


async def test_what_a_version_does_not_say_about_its_template_stays(scenario: Scenario) -> None:
    template_id = scenario.template_id
    change = TemplateChange(description="Given.", default_ttl_ms=5, icon="/i.svg")
    await scenario.store.write(template_settings.change, template_id, change)

    await scenario.import_version("echo")

    template = (await scenario.store.read(template_details.template, template_id)).template
    assert (template.description, template.default_ttl_ms, template.icon) == ("Given.", 5, "/i.svg")
    assert template.display_name == ""


async def test_only_jobs_that_match_every_filter_are_listed(scenario: Scenario) -> None:
    build = await scenario.create()
    other = await scenario.member("ben")

    async def count(**wanted: object) -> int:
        found = await scenario.store.read(
            jobs.listed,
            scenario.organization_id,
            JobFilter(**wanted),  # type: ignore[arg-type]
            limit=10,
        )
        return len(found)

    assert await count(statuses=frozenset({JobStatus.PENDING})) == 1
    assert await count(ids=[build.job.id], statuses=frozenset({JobStatus.FAILED})) == 0
    assert await count(ids=[]) == 0
    assert await count(tags={"owner": ""}, initiator_id=scenario.user.id) == 2
    assert await count(initiator_id=other.id) == 0
