"""Replaying a workspace's builds, without a database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from quota.check import Charge, replayed

if TYPE_CHECKING:
    from db.statements import Row

AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class Replayed:
    """One build as the check reads it."""

    transition: str
    daily_cost: int = 0
    started_at: datetime | None = AT
    committed_at: datetime | None = None
    canceled_at: datetime | None = None
    completed_at: datetime | None = AT
    error: str | None = None


def succeeded(transition: str, cost: int = 0) -> Replayed:
    return Replayed(transition=transition, daily_cost=cost, committed_at=AT)


def failed(transition: str, cost: int = 0, *, committed: bool = True) -> Replayed:
    at = AT if committed else None
    return Replayed(transition=transition, daily_cost=cost, committed_at=at, error="failed")


def canceled(cost: int) -> Replayed:
    return Replayed(transition="start", daily_cost=cost, committed_at=AT, canceled_at=AT)


def running(transition: str, cost: int = 0, *, committed: bool = True) -> Replayed:
    at = AT if committed else None
    return Replayed(transition=transition, daily_cost=cost, committed_at=at, completed_at=None)


@pytest.mark.parametrize(
    ("builds", "confirmed", "reserved"),
    [
        ([], 0, None),
        ([succeeded("start", 20)], 20, None),
        ([succeeded("start", 20), succeeded("stop", 5)], 5, None),
        ([succeeded("start", 20), succeeded("delete", 7)], 0, None),
        ([succeeded("start", 20), failed("delete", 30)], 20, None),
        ([succeeded("start", 20), failed("start", 30)], 30, None),
        ([succeeded("start", 20), failed("start", 10)], 20, None),
        ([succeeded("start", 20), failed("start", 0, committed=False)], 20, None),
        ([succeeded("start", 20), canceled(30)], 20, None),
        ([succeeded("start", 20), running("start", 30)], 20, 30),
        ([succeeded("start", 20), running("start", committed=False)], 20, None),
        ([succeeded("start", 20), running("delete", 5)], 20, None),
        ([succeeded("start", 20), running("start", 0)], 20, None),
        ([failed("start", 30), succeeded("stop", 0), failed("start", 5)], 5, None),
    ],
)
def test_what_builds_leave_behind(builds: list[Replayed], confirmed: int, reserved: int | None) -> None:
    charge = replayed(cast("list[Row]", builds))

    assert charge == Charge(confirmed=confirmed, reserved=reserved)
