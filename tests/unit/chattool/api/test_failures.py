"""The limit on failed logins."""

import logging
from datetime import timedelta

import pytest

from chattool.api.failures import FailureLimit, TooManyFailures
from db.clock import FakeClock


def fail(limit: FailureLimit, address: str, clock: FakeClock, times: int = 1) -> None:
    for _ in range(times):
        limit.note((address, 1), clock)


def test_an_address_may_fail_so_often_and_then_waits_for_the_first_failure_to_pass() -> None:
    clock, limit = FakeClock(), FailureLimit(most=3, window=timedelta(seconds=60))
    fail(limit, "192.0.2.1", clock)
    clock.advance(timedelta(seconds=20))
    fail(limit, "192.0.2.1", clock, 2)

    with pytest.raises(TooManyFailures) as caught:
        limit.check(("192.0.2.1", 9), clock)

    assert caught.value.retry_after == timedelta(seconds=40)
    clock.advance(timedelta(seconds=40))
    fail(limit, "192.0.2.1", clock)
    with pytest.raises(TooManyFailures):
        limit.check(("192.0.2.1", 9), clock)


def test_who_goes_on_failing_is_not_shut_out_for_longer() -> None:
    clock, limit = FakeClock(), FailureLimit(most=2, window=timedelta(seconds=60))
    fail(limit, "192.0.2.1", clock, 2)
    for _ in range(50):
        with pytest.raises(TooManyFailures):
            fail(limit, "192.0.2.1", clock)
    clock.advance(timedelta(seconds=60))

    limit.check(("192.0.2.1", 1), clock)


def test_an_address_that_reaches_the_limit_is_logged_once_in_each_window(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, limit = FakeClock(), FailureLimit(most=3, window=timedelta(seconds=60))

    def logged() -> list[str]:
        return [each.__dict__["address"] for each in caplog.records if each.levelno == logging.WARNING]

    fail(limit, "192.0.2.1", clock, 2)
    assert logged() == []
    fail(limit, "192.0.2.1", clock)
    fail(limit, "192.0.2.2", clock)
    for _ in range(5):
        with pytest.raises(TooManyFailures):
            fail(limit, "192.0.2.1", clock)
    assert logged() == ["192.0.2.1"]

    clock.advance(timedelta(seconds=60))
    fail(limit, "192.0.2.1", clock, 3)
    assert logged() == ["192.0.2.1"] * 2


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        ("2001:db8::ffff", True),
        ("2001:db8:0:0:1::1", True),
        ("2001:db8:0:1::1", False),
        ("192.0.2.1", False),
    ],
)
def test_an_ipv6_network_of_one_customer_counts_as_one(other: str, shared: bool) -> None:  # noqa: FBT001 - a column
    clock, limit = FakeClock(), FailureLimit(most=1)
    fail(limit, "2001:db8::1", clock)

    if shared:
        with pytest.raises(TooManyFailures):
            limit.check((other, 1), clock)
    else:
        limit.check((other, 1), clock)


def test_an_ipv4_address_is_the_same_written_as_ipv6() -> None:
    clock, limit = FakeClock(), FailureLimit(most=1)
    fail(limit, "::ffff:192.0.2.1", clock)

    with pytest.raises(TooManyFailures):
        limit.check(("192.0.2.1", 1), clock)


def test_a_flood_of_addresses_is_forgotten_oldest_first() -> None:
    clock, limit = FakeClock(), FailureLimit(most=1, most_addresses=100)
    fail(limit, "192.0.2.1", clock)
    for number in range(100):
        fail(limit, f"198.51.100.{number}", clock)

    limit.check(("192.0.2.1", 1), clock)
    with pytest.raises(TooManyFailures):
        limit.check(("198.51.100.99", 1), clock)
