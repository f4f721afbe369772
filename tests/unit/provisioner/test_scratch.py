"""Temporary files go with their process, also when it is killed."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.scratch import scratch_folder
from tests.process_ends import GUARD_SECONDS

OWNER = """
import sys
from provisioner.scratch import scratch_folder
folder = scratch_folder()
(folder / "secret").touch()
print(folder, flush=True)
sys.stdin.read()
"""


def owner(directory: Path) -> subprocess.Popen[str]:
    """A process with a scratch folder in ``directory``."""
    environment = {
        **os.environ,
        "TMPDIR": str(directory),
        "PYTHONPATH": os.pathsep.join(filter(None, ["", *sys.path])),
    }
    return subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )


def folder_of(process: subprocess.Popen[str]) -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def test_a_process_has_one_private_folder() -> None:
    assert scratch_folder() == scratch_folder()
    assert stat.S_IMODE(scratch_folder().stat().st_mode) == 0o700


def test_a_process_that_ends_leaves_nothing(tmp_path: Path) -> None:
    with owner(tmp_path) as process:
        folder = folder_of(process)
        assert (folder / "secret").exists()
        process.communicate("", GUARD_SECONDS)

    assert list(tmp_path.iterdir()) == []


def test_the_next_process_cleans_up_behind_one_that_was_killed_and_spares_the_living(tmp_path: Path) -> None:
    with owner(tmp_path) as killed, owner(tmp_path) as living:
        left, kept = folder_of(killed), folder_of(living)
        killed.send_signal(signal.SIGKILL)
        killed.wait(GUARD_SECONDS)
        assert (left / "secret").exists()

        with owner(tmp_path) as following:
            own = folder_of(following)
            assert set(tmp_path.iterdir()) == {kept, own}
            assert (kept / "secret").exists()
            following.communicate("", GUARD_SECONDS)
        living.communicate("", GUARD_SECONDS)


def test_a_folder_that_was_cleaned_away_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = scratch_folder()
    shutil.rmtree(before)

    assert scratch_folder().is_dir()
    assert scratch_folder() != before
