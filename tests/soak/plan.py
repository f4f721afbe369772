"""How large a soak is, and how patient its fleet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from provisioner.settings import ProvisionerSettings

#: Leases that end within seconds, for runs that shall end soon. The defaults repair a build within a minute.
QUICK = ProvisionerSettings(
    job_lease=timedelta(seconds=12),
    heartbeat_interval=timedelta(seconds=1),
    lease_grace=timedelta(seconds=2),
    reaper_interval=timedelta(seconds=1),
    daemon_call_timeout=timedelta(seconds=5),
    daemon_slots=5,
    acquire_poll=timedelta(seconds=1),
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A soak from its first build to its last check."""

    owners: int
    builds: int
    """Of all owners together."""
    at_once: int
    """How many owners ask at the same time."""
    kill_every: timedelta
    limit: timedelta
    """After this long it has failed."""
    commands: bool
    """Start ``chattool server`` and ``chattool daemon``; otherwise the same with ``QUICK`` settings."""
    servers: int = 2
    daemons: int = 4


FULL = Plan(
    owners=200,
    builds=2000,
    at_once=50,
    kill_every=timedelta(seconds=4),
    limit=timedelta(minutes=30),
    commands=True,
)
SHORT = Plan(
    owners=10,
    builds=60,
    at_once=10,
    kill_every=timedelta(seconds=1.5),
    limit=timedelta(minutes=3),
    commands=False,
)
