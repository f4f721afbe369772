"""States that are derived from others."""

from datetime import UTC, datetime, timedelta

import pytest

from db.states import (
    AgentConnection,
    BuildStatus,
    JobStatus,
    Transition,
    agent_connection,
    build_status,
    job_status,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("completed", "error", "canceled", "started", "expected"),
    [
        (AT, "x", None, None, JobStatus.FAILED),
        (AT, "x", AT, AT, JobStatus.FAILED),
        (AT, None, AT, None, JobStatus.CANCELED),
        (AT, "", AT, AT, JobStatus.CANCELED),
        (AT, None, None, AT, JobStatus.SUCCEEDED),
        (None, "x", None, AT, JobStatus.FAILED),
        (None, None, AT, AT, JobStatus.CANCELING),
        (None, None, AT, None, JobStatus.CANCELING),
        (None, "", None, None, JobStatus.PENDING),
        (None, None, None, AT, JobStatus.RUNNING),
    ],
)
def test_the_status_of_a_job_follows_from_what_was_recorded(
    completed: datetime | None,
    error: str | None,
    canceled: datetime | None,
    started: datetime | None,
    expected: JobStatus,
) -> None:
    status = job_status(started_at=started, canceled_at=canceled, completed_at=completed, error=error)

    assert status is expected


def test_a_job_is_active_until_it_has_ended() -> None:
    active = {status for status in JobStatus if status.active}

    assert active == {JobStatus.PENDING, JobStatus.RUNNING, JobStatus.CANCELING}


@pytest.mark.parametrize("transition", Transition)
@pytest.mark.parametrize("status", JobStatus)
def test_every_job_status_is_a_build_status(status: JobStatus, transition: Transition) -> None:
    words = {
        JobStatus.RUNNING: {"start": "starting", "stop": "stopping", "delete": "deleting"},
        JobStatus.SUCCEEDED: {"start": "running", "stop": "stopped", "delete": "deleted"},
    }
    expected = words.get(status, {}).get(transition, status.value)

    assert build_status(status, transition) is BuildStatus(expected)


@pytest.mark.parametrize(
    ("first", "last", "gone", "age", "expected"),
    [
        (None, None, None, 10, AgentConnection.CONNECTING),
        (None, None, None, 121, AgentConnection.TIMEOUT),
        (AT, AT, None, 10, AgentConnection.CONNECTED),
        (AT, AT, None, 31, AgentConnection.DISCONNECTED),
        (AT, AT, AT + timedelta(seconds=1), 5, AgentConnection.DISCONNECTED),
        (AT, AT, AT, 5, AgentConnection.DISCONNECTED),
        (AT, AT + timedelta(seconds=2), AT + timedelta(seconds=1), 5, AgentConnection.CONNECTED),
    ],
)
def test_the_connection_of_an_agent_follows_from_its_contacts(
    first: datetime | None,
    last: datetime | None,
    gone: datetime | None,
    age: int,
    expected: AgentConnection,
) -> None:
    connection = agent_connection(
        now=AT + timedelta(seconds=age),
        created_at=AT,
        first_connected_at=first,
        last_connected_at=last,
        disconnected_at=gone,
        connection_timeout=timedelta(seconds=120),
        inactive_timeout=timedelta(seconds=30),
    )

    assert connection is expected


def test_an_agent_without_a_time_limit_connects_for_ever() -> None:
    connection = agent_connection(
        now=AT + timedelta(days=99),
        created_at=AT,
        first_connected_at=None,
        last_connected_at=None,
        disconnected_at=None,
        connection_timeout=timedelta(),
        inactive_timeout=timedelta(seconds=30),
    )

    assert connection is AgentConnection.CONNECTING
