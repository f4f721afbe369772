"""Settings of daemons, queue and reaper. Durations are ``timedelta``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class ProvisionerSettings:
    """How patient everything is. Contradictions are refused when the settings are made."""

    job_lease: timedelta = timedelta(seconds=30)
    heartbeat_interval: timedelta = timedelta(seconds=5)
    lease_grace: timedelta = timedelta(seconds=15)
    reaper_interval: timedelta = timedelta(seconds=15)
    reaper_batch: int = 10
    reaper_run_limit: timedelta = timedelta(minutes=5)
    pending_limit: timedelta = timedelta(minutes=30)
    """How long a job may wait for a daemon; zero: for ever."""
    max_attempts: int = 3
    acquire_poll: timedelta = timedelta(seconds=5)
    exit_timeout: timedelta = timedelta(minutes=3)
    """From a polite end to a kill."""
    force_cancel: timedelta = timedelta(minutes=10)
    """From the cancel to giving up on the provisioner."""
    quota_lock_timeout: timedelta = timedelta(seconds=30)
    quota_enforced: bool = True
    daemon_refresh: timedelta = timedelta(seconds=60)
    daemon_offline: timedelta = timedelta(seconds=90)
    daemon_slots: int = 3
    drain_limit: timedelta = timedelta(minutes=30)
    acquire_wait: timedelta = timedelta(seconds=30)
    """How long a server may hold a remote daemon's request for a job; proxies must be as patient."""
    daemon_call_timeout: timedelta = timedelta(seconds=10)
    reconnect_backoff: tuple[timedelta, timedelta] = (timedelta(milliseconds=50), timedelta(seconds=10))
    terraform_program: str = ""
    """Name or path; empty: what ``CHATTOOL_TERRAFORM`` names, else ``tofu``, ``terraform`` or the library."""
    plugin_cache_age: timedelta = timedelta(days=30)
    """How long a Terraform plugin that no build uses stays in the cache."""
    retry_backoff: tuple[timedelta, timedelta] = (timedelta(milliseconds=25), timedelta(seconds=5))

    def __post_init__(self) -> None:
        if self.heartbeat_interval * 3 > self.job_lease:
            message = "heartbeat_interval may be at most a third of job_lease"
            raise ValueError(message)
        if self.exit_timeout >= self.force_cancel:
            message = "exit_timeout has to be shorter than force_cancel"
            raise ValueError(message)
        if self.daemon_slots < 1 or self.max_attempts < 1 or self.reaper_batch < 1:
            message = "daemon_slots, max_attempts and reaper_batch are 1 or more"
            raise ValueError(message)
