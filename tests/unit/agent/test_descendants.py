"""Whose processes the agent collects."""

import os
import subprocess
import sys

import pytest

# In a process of its own, since it collects all children of its process.
SCRIPT = """
import asyncio, os
from datetime import timedelta
from pathlib import Path
from chattool.agent.descendants import Children, adopt_orphans
from db.clock import SystemClock

async def main():
    clock, children = SystemClock(), Children()
    adopt_orphans()
    codes = []
    for _ in range(40):
        process = await children.start(
            "/bin/sh", "-c", "(exit 3 &) ; exit 7", directory=Path("/"), environment={}, output=1
        )
        ending = asyncio.create_task(children.end(process))
        while not ending.done():
            children.collect_orphans()
            await clock.sleep(timedelta())
        codes.append(ending.result())
    left = True
    while left:
        children.collect_orphans()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            left = False
    print(set(codes))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux")
def test_orphans_are_collected_and_own_children_left_to_those_who_wait_for_them() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )

    assert (ended.stdout, ended.returncode) == ("{7}\n", 0), ended.stderr
