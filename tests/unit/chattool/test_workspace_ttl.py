"""spec: the TTL of a new workspace."""

import logging
from datetime import timedelta

import pytest

from chattool.settings import ToolSettings
from chattool.workspace_ttl import workspace_ttl


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("2h", timedelta(hours=2)),
        ("1h30m", timedelta(minutes=90)),
        ("90s", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("250ms", timedelta(milliseconds=250)),
        (" 2h ", timedelta(hours=2)),
    ],
)
async def test_a_positive_duration_is_sent(text: str, duration: timedelta) -> None:
    assert await workspace_ttl(ToolSettings(workspace_ttl=text)) == duration


@pytest.mark.parametrize("text", ["", "  ", "0", "0s", "0h0m"])
async def test_empty_and_zero_send_nothing_and_log_nothing(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await workspace_ttl(ToolSettings(workspace_ttl=text)) is None

    assert not caplog.records


@pytest.mark.parametrize("text", ["-2h", "two hours", "2", "2d", "1h 30m", "h", "999999999h" * 20])
async def test_an_unparsable_or_negative_duration_sends_nothing_and_warns(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await workspace_ttl(ToolSettings(workspace_ttl=text)) is None

    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_an_unreadable_setting_sends_nothing_and_logs_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def unreadable() -> str:
        raise OSError("gone")

    assert await workspace_ttl(ToolSettings(workspace_ttl=unreadable)) is None

    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_a_setting_that_is_read_when_needed_is_sent() -> None:
    async def read() -> str:
        return "2h"

    assert await workspace_ttl(ToolSettings(workspace_ttl=read)) == timedelta(hours=2)
