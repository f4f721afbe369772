"""Settings that contradict each other are refused."""

from datetime import timedelta

import pytest

from provisioner.settings import ProvisionerSettings

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"job_lease": 14 * SECOND, "heartbeat_interval": 5 * SECOND},
        {"exit_timeout": 600 * SECOND},
        {"daemon_slots": 0},
        {"max_attempts": 0},
        {"reaper_batch": 0},
    ],
    ids=str,
)
def test_contradictions_are_refused(settings: dict[str, timedelta]) -> None:
    with pytest.raises(ValueError, match=r"at most|shorter|or more"):
        ProvisionerSettings(**settings)  # type: ignore[arg-type]


def test_the_defaults_agree() -> None:
    assert ProvisionerSettings().job_lease == 30 * SECOND
