"""The real command line, on a state directory of its own."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chattool.cli.app import run_command_line
from provisioner.provisioners.processes import kill_processes

TIME_LIMIT_SECONDS = 50


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - each command has a shape of its own
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def one_line(self) -> str:
        """The one line that an error is."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


@dataclass(frozen=True)
class CommandLine:
    """Runs ``chattool`` on one state directory, as a child process."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    """Global options of every command."""
    python: Path = Path(sys.executable)

    def __call__(self, *words: object, **environment: str) -> Ended:
        """The command, ended."""
        with self.started(*words, stdin=subprocess.DEVNULL, **environment) as process:
            out, err = process.communicate(timeout=TIME_LIMIT_SECONDS)
        ended = Ended(code=process.returncode, out=out, err=err)
        assert "Traceback" not in out + err, err
        return ended

    def json(self, *words: object) -> Any:  # noqa: ANN401 - as above
        """The answer of a command that succeeds, run inside this process."""
        ended = self.inside("--json", *words)
        assert ended.code == 0, (ended.out, ended.err)
        return ended.document

    def inside(self, *words: object) -> Ended:
        """The command, run inside this process: no program has to load, and the answer is the same."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run_command_line(["--home", str(self.home), *self.options, *map(str, words)])
        return Ended(code=code, out=out.getvalue(), err=err.getvalue())

    @contextmanager
    def started(
        self, *words: object, stdin: int = subprocess.DEVNULL, **environment: str
    ) -> Iterator[subprocess.Popen[str]]:
        """The command, running; it is ended with the context."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHATTOOL_")}
        process = subprocess.Popen(
            [self.python, "-P", "-m", "chattool", *self.options, *map(str, words)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={
                **inherited,
                "CHATTOOL_HOME": str(self.home),
                "TERM": "dumb",
                **self.environment,
                **environment,
            },
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def clean_up(self) -> None:
        """End whatever outlived its command: the background engine and the workspaces' processes."""
        self.inside("engine", "stop")
        for agent in (self.home / "workspaces" / ".agents").glob("*"):
            kill_processes(agent.name)


def interrupt(process: subprocess.Popen[str]) -> None:
    """What Ctrl-C does."""
    process.send_signal(signal.SIGINT)


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """What a running command wrote, up to the line that holds ``text``."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"never said {text!r}: {seen}")
