"""Who keeps presenting wrong tokens or codes is told to wait."""

from __future__ import annotations

import ipaddress
import logging
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from db.errors import RequestError

if TYPE_CHECKING:
    from db.clock import Clock

    #: Address and port of a connection's other end, as Starlette has it.
    Client = tuple[str, int] | None


log = logging.getLogger(__name__)


class TooManyFailures(RequestError):
    """This address failed too often of late; ``retry_after`` says when it may try again."""

    code = "TOO_MANY_FAILURES"

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(429, "Too many failed attempts to sign in; wait a moment.")
        self.retry_after = retry_after


@dataclass(kw_only=True)
class _Failures:
    """What one address did."""

    times: deque[timedelta]
    quiet_until: timedelta = timedelta.min
    """When the next line may be logged about it."""


class FailureLimit:
    """Counts failures per client address within a moving window, in bounded memory.

    An address is an IPv4 address, or an IPv6 network of 64 bits, which is what one customer gets. Only
    failures are refused: users with valid tokens behind the same address go on working.
    """

    def __init__(
        self,
        *,
        most: int = 10,
        window: timedelta = timedelta(minutes=1),
        most_addresses: int = 10_000,
    ) -> None:
        self._most = most
        self._window = window
        self._most_addresses = most_addresses
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def check(self, client: Client, clock: Clock) -> None:
        """Return when the address may try again.

        Raises:
            TooManyFailures: it has to wait.
        """
        failures = self._failures.get(_network(client))
        if failures is None or not self._is_reached(failures, clock):
            return
        raise TooManyFailures(failures.times[0] + self._window - clock.monotonic())

    def note(self, client: Client, clock: Clock) -> None:
        """Count a failure; the one that reaches the limit is logged, once in each window.

        Raises:
            TooManyFailures: it was one too many, and is not counted.
        """
        self.check(client, clock)
        network = _network(client)
        # Of the oldest failures only as many are kept as decide.
        failures = self._failures.setdefault(network, _Failures(times=deque(maxlen=self._most)))
        failures.times.append(clock.monotonic())
        self._failures.move_to_end(network)
        if self._is_reached(failures, clock) and clock.monotonic() >= failures.quiet_until:
            failures.quiet_until = clock.monotonic() + self._window
            log.warning(
                "too many failed attempts to sign in",
                extra={"action": "sign_in", "address": network, "failures": self._most},
            )
        if len(self._failures) > self._most_addresses:
            self._failures.popitem(last=False)

    def _is_reached(self, failures: _Failures, clock: Clock) -> bool:
        return len(failures.times) == self._most and failures.times[0] + self._window > clock.monotonic()


def _network(client: Client) -> str:
    host = client[0] if client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
