"""spec: one classifier of build state."""

from uuid import uuid4

import pytest

from chattool.backend import Build, Job
from chattool.build_state import BuildState, build_state
from chattool.errors import UnexpectedJobStatus
from db.ids import BuildId, JobId, TemplateVersionId, WorkspaceId
from db.states import Transition


def a_build(status: str, transition: Transition) -> Build:
    return Build(
        id=BuildId(uuid4()),
        workspace_id=WorkspaceId(uuid4()),
        build_number=1,
        transition=transition,
        template_version_id=TemplateVersionId(uuid4()),
        planned_cost=None,
        job=Job(id=JobId(uuid4()), status=status),
    )


@pytest.mark.parametrize("transition", Transition)
@pytest.mark.parametrize("status", ["pending", "running", "canceling"])
def test_an_active_job_is_in_progress_whatever_it_does(status: str, transition: Transition) -> None:
    assert build_state(a_build(status, transition)) is BuildState.IN_PROGRESS


@pytest.mark.parametrize(
    ("transition", "state"),
    [
        (Transition.START, BuildState.RUNNING),
        (Transition.STOP, BuildState.STOPPED),
        (Transition.DELETE, BuildState.DELETED),
    ],
)
def test_a_succeeded_job_leaves_what_its_transition_says(transition: Transition, state: BuildState) -> None:
    assert build_state(a_build("succeeded", transition)) is state


@pytest.mark.parametrize("transition", Transition)
@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_job_that_did_not_succeed_leaves_a_broken_workspace(status: str, transition: Transition) -> None:
    assert build_state(a_build(status, transition)) is BuildState.BROKEN


@pytest.mark.parametrize("status", ["unknown", "", "Succeeded"])
def test_any_other_status_is_an_error_that_names_it(status: str) -> None:
    with pytest.raises(UnexpectedJobStatus) as caught:
        build_state(a_build(status, Transition.START))

    assert caught.value.status == status
