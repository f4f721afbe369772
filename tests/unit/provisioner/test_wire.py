"""What remote daemons say, whatever their clocks say."""

from datetime import UTC, datetime, timedelta

import pytest

from provisioner.wire import Logs

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FIRST, LAST = "0001-01-01T00:00:00", "9999-12-31T23:59:59"


def age(sent_at: str, created_at: str) -> timedelta:
    """How old a line is for the server."""
    line = {"created_at": created_at, "source": "provisioner", "level": "info", "stage": "", "output": ""}
    logs = Logs.model_validate({"attempt": 1, "number": 1, "sent_at": sent_at, "lines": [line]})
    return NOW - logs.lines_at(NOW)[0].created_at


def test_a_line_is_as_old_as_by_the_clock_of_its_daemon() -> None:
    assert age("1999-01-01T00:00:05Z", "1999-01-01T01:00:02+01:00") == timedelta(seconds=3)


@pytest.mark.parametrize("sent_at", [f"{LAST}Z", f"{LAST}-14:00", f"{FIRST}+14:00", "2026-01-01T00:00:00Z"])
@pytest.mark.parametrize("created_at", [f"{FIRST}Z", f"{FIRST}+14:00", f"{LAST}-14:00", FIRST, LAST])
def test_a_line_is_at_most_a_day_old_whatever_a_clock_says(sent_at: str, created_at: str) -> None:
    assert timedelta() <= age(sent_at, created_at) <= timedelta(days=1)
