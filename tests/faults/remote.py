"""Settings of servers and daemons that meet faults."""

from datetime import timedelta

from provisioner.settings import ProvisionerSettings

#: Long leases, since processes take a while to start again; a test that needs one to end moves a clock.
SHORT = ProvisionerSettings(
    job_lease=timedelta(minutes=5),
    heartbeat_interval=timedelta(milliseconds=500),
    reaper_interval=timedelta(milliseconds=500),
    daemon_call_timeout=timedelta(seconds=5),
    reconnect_backoff=(timedelta(milliseconds=20), timedelta(milliseconds=200)),
)
