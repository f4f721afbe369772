"""Children start with default signals, and without a detour where they would anyway."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from provisioner.child_signals import with_default_signals
from tests.process_ends import GUARD_SECONDS, WITHOUT_SIGNALS

TELL = (
    "import signal; print([n.name for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN])"
)


@pytest.fixture
def hangup_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, before)


def ignored_by(*command: str) -> str:
    """The signals that a Python started by ``command`` found ignored, and those that it ignores itself."""
    ran = subprocess.run(
        [*command, sys.executable, "-c", TELL], capture_output=True, check=True, timeout=GUARD_SECONDS
    )
    return ran.stdout.decode()


def test_a_child_ignores_nothing_that_we_ignore(hangup_ignored: None) -> None:
    assert "SIGHUP" in ignored_by()
    assert "SIGHUP" not in ignored_by(*with_default_signals(()))


def test_a_child_ignores_nothing_that_a_shell_could_not_take_back(hangup_ignored: None) -> None:
    untold = with_default_signals(())

    assert {"SIGHUP", "SIGINT", "SIGQUIT"} <= set(ignored_by(*WITHOUT_SIGNALS).split("'"))
    assert not {"SIGHUP", "SIGINT", "SIGQUIT"} & set(ignored_by(*WITHOUT_SIGNALS, *untold).split("'"))


def test_a_command_stays_as_it_is_where_nothing_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_DFL)

    assert with_default_signals(("/bin/true", "-x")) == ("/bin/true", "-x")


def test_the_arguments_and_the_exit_code_are_those_of_the_command(hangup_ignored: None) -> None:
    command = with_default_signals(("/bin/sh", "-c", 'echo "$0 $1"; exit 7', "a  b", "--x"))

    ran = subprocess.run(command, capture_output=True, check=False, timeout=GUARD_SECONDS)

    assert (ran.returncode, ran.stdout, ran.stderr) == (7, b"a  b --x\n", b"")
