"""What the runner lends to one call, and the folder that the call works in."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from db.states import LogLevel
from provisioner.provisioners.terraform.commands import CommandFailed
from provisioner.provisioners.terraform.environment import terraform_variables
from provisioner.provisioners.terraform.failures import refusal
from provisioner.provisioners.terraform.job_folder import JobFolder
from provisioner.provisioners.terraform.redaction import Redaction
from provisioner.scratch import scratch_folder

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from provisioner.errors import ProvisionerError
    from provisioner.protocol import LogSink, Request


class Job:
    """One call's log and interrupt, with secrets kept out of what is said."""

    def __init__(self, log: LogSink, interrupt: asyncio.Event) -> None:
        self._log = log
        self.interrupt = interrupt
        self.redaction = Redaction()

    def log(self, level: LogLevel, output: str, *, stage: str | None = None) -> None:
        self._log(level, self.redaction(output), stage=stage)

    def name_host_variables(self) -> None:
        """Warn of what the daemon's host sets for Terraform."""
        if names := terraform_variables(os.environ):
            self.log(
                LogLevel.WARN, f"The daemon's host sets {', '.join(names)}: they change what Terraform does."
            )

    def refusal(self, error: ProvisionerError) -> ProvisionerError | None:
        """What the providers' codes say about the failure; ``None`` when nothing."""
        return refusal(error.errors, self.redaction) if isinstance(error, CommandFailed) else None


@contextmanager
def job_folder(request: Request) -> Iterator[JobFolder]:
    """The folder that the plan and the apply of a job share; one for this call when there is none."""
    if request.directory is not None:
        yield JobFolder(request.directory)
    else:
        with tempfile.TemporaryDirectory(prefix="terraform-", dir=scratch_folder()) as name:
            yield JobFolder(Path(name))
