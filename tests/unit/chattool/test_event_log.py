"""What the log tells, and what it never tells."""

import logging
import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["uvicorn.error", "websockets.client", "websockets.server"])
def test_the_headers_of_handshakes_are_not_logged_even_by_a_verbose_log(name: str) -> None:
    program = f"""
import logging
from chattool.event_log import log_events
log_events(logging.DEBUG)
print(logging.getLogger({name!r}).getEffectiveLevel())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert int(ended.stdout) >= logging.INFO
