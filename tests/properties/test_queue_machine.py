"""Random sequences of everything that can happen to jobs and credits, against a model, on both stores."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from db import migrations
from db.clock import FakeClock
from db.engine import open_store
from db.errors import JobCanceled, LeaseLost, RequestError
from db.states import JobStatus, Transition
from provisioner.settings import ProvisionerSettings
from tests.played_daemon import PlayedDaemon, PlayedRun
from tests.properties.model import Model, ModelJob, ModelWorkspace
from tests.scenario import Scenario
from tests.stores import migrated

if TYPE_CHECKING:
    from db.ids import JobId
    from tests.postgres import PostgresDatabases

T = TypeVar("T")
BUDGET = 50
COSTS = st.sampled_from([1, 10, 20, 30, 51])
ENDS = st.sampled_from([JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED])
PAUSES = st.sampled_from([1, 15, 31, 46, 600, 1801])


@dataclass(kw_only=True)
class Run:
    """A claim that was once given, alive or not, and what the model knows of it."""

    played: PlayedRun
    job: ModelJob
    attempt: int
    daemon: PlayedDaemon

    @property
    def current(self) -> bool:
        """Whether the job is still in this run's hands."""
        return self.job.ended is None and (self.job.attempt, self.job.worker) == (
            self.attempt,
            self.daemon.id,
        )


class QueueMachine(RuleBasedStateMachine):
    """Each rule does one thing to the store and to the model, and compares the answers."""

    def __init__(self, database: Callable[[AsyncExitStack], Coroutine[Any, Any, str]]) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._exit = AsyncExitStack()
        self.clock = FakeClock()
        self.runs: list[Run] = []
        self.scenario, self.daemons = self.wait(self._open(database))
        self.model = Model(settings=ProvisionerSettings(), budget=BUDGET)

    async def _open(
        self, database: Callable[[AsyncExitStack], Coroutine[Any, Any, str]]
    ) -> tuple[Scenario, list[PlayedDaemon]]:
        url = await database(self._exit)
        store = await self._exit.enter_async_context(open_store(url, clock=self.clock, migrate=False))
        scenario = await Scenario.on(store, allowance=BUDGET)
        return scenario, [scenario.daemon, await scenario.another_daemon("second")]

    def teardown(self) -> None:
        self.wait(self._exit.aclose())
        self._runner.close()

    def wait(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def fenced(self, call: Coroutine[Any, Any, T], *, allowed: bool) -> T | None:
        """The answer of a runner's call, which is refused exactly when the model says so."""
        if allowed:
            return self.wait(call)
        with pytest.raises(LeaseLost):
            self.wait(call)
        return None

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """One of the things that can happen now; the common ones come several times."""
        happenings = [self.enqueue] * 3 + [self.pass_time, self.reap]
        if any(job.pending for job in self.model.jobs.values()):
            happenings += [self.claim] * 4
        if self.model.jobs:
            happenings.append(self.cancel)
        if self.runs:
            happenings += [self.pass_point_of_no_return] * 4 + [self.finish] * 3
            happenings += [self.renew, self.log, self.hand_back, self.repeat_the_last_call]
        data.draw(st.sampled_from(happenings), "what")(data)

    def enqueue(self, data: st.DataObject) -> None:
        known = [*self.model.workspaces, None]
        workspace_id = data.draw(st.sampled_from(known), "workspace")
        if workspace_id is None:
            workspace, transition = ModelWorkspace(), Transition.START
            build = self.wait(self.scenario.create())
            self.model.workspaces[build.workspace_id] = workspace
        else:
            workspace = self.model.workspaces[workspace_id]
            transition = data.draw(st.sampled_from(Transition), "transition")
            if workspace.deleted or self.model.active(workspace_id):
                with pytest.raises(RequestError) as refused:
                    self.wait(self.scenario.request(workspace_id, transition))
                assert refused.value.status_code == (410 if workspace.deleted else 409)
                return
            build = self.wait(self.scenario.request(workspace_id, transition))
        self.model.jobs[build.job.id] = ModelJob(
            workspace=workspace,
            workspace_id=build.workspace_id,
            transition=transition,
            queued_at=self.clock.now(),
        )

    def claim(self, data: st.DataObject) -> None:
        daemon = data.draw(st.sampled_from(self.daemons), "daemon")
        played = self.wait(daemon.claim())
        in_line = {job_id for job_id, job in self.model.jobs.items() if job.pending}
        if played is None:
            assert in_line == set()
            return
        assert played.job_id in in_line
        job = self.model.jobs[played.job_id]
        job.attempt += 1
        job.worker = daemon.id
        job.lease_until = self.clock.now() + self.model.settings.job_lease
        self.runs.append(Run(played=played, job=job, attempt=job.attempt, daemon=daemon))

    def draw_run(self, data: st.DataObject) -> Run:
        # Mostly one that still holds its job, else any that ever did.
        current = [run for run in self.runs if run.current]
        zombie = not current or data.draw(st.sampled_from([False, False, False, True]), "any")
        return data.draw(st.sampled_from(self.runs if zombie else current), "run")

    def renew(self, data: st.DataObject) -> None:
        run = self.draw_run(data)
        beat = self.fenced(run.played.heartbeat(), allowed=run.current)
        if beat is not None:
            assert beat.canceled == run.job.canceled
            run.job.lease_until = self.clock.now() + self.model.settings.job_lease

    def log(self, data: st.DataObject) -> None:
        run = self.draw_run(data)
        self.fenced(run.played.log("line"), allowed=run.current)

    def pass_point_of_no_return(self, data: st.DataObject) -> None:
        run, cost = self.draw_run(data), data.draw(COSTS, "cost")
        job = run.job
        if run.current and job.committed:
            return  # a runner does this once
        live = job.lease_until is not None and job.lease_until > self.clock.now()
        may = run.current and live and not job.canceled
        if job.transition is Transition.DELETE:
            self.fenced(run.played.begin_apply(), allowed=may)
            job.committed = job.committed or may
            return
        expected = self.model.allows(job, cost)
        consumed = self.model.consumed
        commit = self.fenced(run.played.commit_quota(cost), allowed=may)
        if commit is None:
            return
        assert (commit.ok, commit.budget) == (expected, BUDGET)
        if commit.ok:
            job.committed, job.cost, job.workspace.reserved = True, cost, cost
            assert commit.credits_consumed == self.model.consumed
        else:
            assert commit.credits_consumed == consumed

    def finish(self, data: st.DataObject) -> None:
        run, status = self.draw_run(data), data.draw(ENDS, "end")
        error = "failed" if status is JobStatus.FAILED else ""
        current = run.current
        self.fenced(run.played.finish(status, error=error), allowed=current)
        if current:
            run.job.end(status)

    def repeat_the_last_call(self, data: st.DataObject) -> None:
        run = self.draw_run(data)
        if run.played.number == 0 or run.current:
            return
        run.played.number -= 1
        try:
            self.wait(run.played.log("repeated"))
        except (LeaseLost, JobCanceled):
            run.played.number += 1

    def hand_back(self, data: st.DataObject) -> None:
        run = self.draw_run(data)
        expected = run.current and not run.job.committed and not run.job.canceled
        assert self.wait(run.played.release()) == expected
        if expected:
            run.job.back_in_line(self.clock.now())

    def cancel(self, data: st.DataObject) -> None:
        job_id: JobId = data.draw(st.sampled_from(list(self.model.jobs)), "job")
        job = self.model.jobs[job_id]
        if job.ended is not None or job.canceled:
            with pytest.raises(RequestError):
                self.wait(self.scenario.cancel(job_id))
            return
        pending = job.pending
        self.wait(self.scenario.cancel(job_id))
        if pending:
            job.end(JobStatus.CANCELED)
        else:
            job.canceled = True

    def pass_time(self, data: st.DataObject) -> None:
        self.clock.advance(timedelta(seconds=data.draw(PAUSES, "seconds")))

    def reap(self, data: st.DataObject) -> None:
        assert self.wait(self.scenario.reap()) == self.model.reap(self.clock.now())

    @invariant()
    def jobs_stand_where_the_model_says(self) -> None:
        for job_id, job in self.model.jobs.items():
            found = self.wait(self.scenario.job(job_id))
            assert (found.status, found.attempt, found.losses) == (job.status, job.attempt, job.losses)
            if job.ended is None:
                assert (found.worker_id, found.lease_until) == (job.worker, job.lease_until)
                assert (found.committed_at is not None) == job.committed

    @invariant()
    def credits_are_those_of_the_model_and_of_the_replay(self) -> None:
        assert self.wait(self.scenario.consumed()) == self.model.consumed
        assert self.wait(self.scenario.drifts()) == []


def explore(database: Callable[[AsyncExitStack], Coroutine[Any, Any, str]], examples: int) -> None:
    class Machine(QueueMachine):
        def __init__(self) -> None:
            super().__init__(database)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            # Each step is a transaction: shrinking would take longer than reading the steps it prints.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P2")
@pytest.mark.requirement("P3")
@pytest.mark.requirement("P9")
@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
@pytest.mark.timeout(300)
def test_jobs_and_credits_follow_the_model_whatever_happens(
    request: pytest.FixtureRequest, dialect: str
) -> None:
    async def sqlite(exit_stack: AsyncExitStack) -> str:
        folder = exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="chattool-test-"))
        path = Path(folder) / "chattool.db"
        shutil.copy(template, path)
        return f"sqlite:///{path}"

    async def postgres(exit_stack: AsyncExitStack) -> str:
        name = await server.template(f"chattool_{migrations.HEAD}", migrated)
        url = await server.create_database(template=name)
        exit_stack.push_async_callback(server.drop_database, url)
        return url

    if dialect == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        explore(sqlite, 60)
    else:
        server: PostgresDatabases = request.getfixturevalue("postgres_server")
        explore(postgres, 25)
