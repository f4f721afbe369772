"""A daemon in a process of its own, until a signal ends it."""

import asyncio
import sys

from chattool.daemon_process import run_daemon
from chattool.event_log import log_events

if __name__ == "__main__":
    log_events()
    sys.exit(asyncio.run(run_daemon(sys.argv[1])))
