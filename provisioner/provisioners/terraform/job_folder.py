"""The folder that one job runs Terraform in, and the state in it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from db.clock import Clock
    from provisioner.protocol import Checkpoint

STATE_NAME = "terraform.tfstate"
_CHECKPOINT_INTERVAL = timedelta(seconds=1)
# State lives with the build. A template that keeps it elsewhere could not be deleted from here.
_BACKEND_NAME = "chattool_backend_override.tf"
_BACKEND = 'terraform {\n  backend "local" {}\n}\n'
_LEFT_OUT = shutil.ignore_patterns(".terraform", "*.tfstate", "*.tfstate.*", "*.tfvars", "*.tfvars.json")


class JobFolder:
    """A private folder: a copy of the template, its state, its plan, its values."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.module = root / "module"
        self.plan = root / "plan"
        self.values = root / "values.tfvars.json"
        self.state = StateFile(self.module / STATE_NAME)

    @property
    def planned(self) -> bool:
        """Whether there is a plan that an apply could carry out."""
        return self.plan.exists()

    def prepare(self, source: Path, state: bytes) -> None:
        """Copy the template and write the state; a second time only the state."""
        if not self.module.exists():
            # Values that the template brings along would go before the ones it is given.
            shutil.copytree(source, self.module, symlinks=True, ignore=_LEFT_OUT)
            (self.module / _BACKEND_NAME).write_text(_BACKEND, encoding="utf-8")
        self.plan.unlink(missing_ok=True)
        self.state.write(state)

    def write_values(self, values: Mapping[str, object]) -> None:
        """Write the values of variables where only we can read them."""
        _write_private(self.values, json.dumps(values).encode())


class StateFile:
    """Terraform's state, which it writes over and over while it applies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._newest: bytes | None = None

    def write(self, state: bytes) -> None:
        """Put a state there, or none."""
        if has_resources(state) or _is_state(state):
            _write_private(self._path, state)
        else:
            self._path.unlink(missing_ok=True)
        self._stamp = self._current_stamp()
        self._newest = None

    def newest(self) -> bytes | None:
        """The state as far as it could be read last; ``None`` when nothing changed since it was written."""
        stamp = self._current_stamp()
        if stamp is not None and stamp != self._stamp:
            try:
                state = self._path.read_bytes()
            except OSError:
                state = b""
            # Half a state may be there: Terraform writes it in place.
            if _is_state(state):
                self._newest, self._stamp = state, stamp
        return self._newest

    async def keep(self, checkpoint: Checkpoint, clock: Clock, ended: asyncio.Event) -> None:
        """Hand every new state to ``checkpoint`` until ``ended``."""
        kept: bytes | None = None
        while not await clock.wait(ended, _CHECKPOINT_INTERVAL):
            state = await asyncio.to_thread(self.newest)
            if state is not None and state is not kept:
                await checkpoint(state)
                kept = state

    def _current_stamp(self) -> tuple[int, int] | None:
        with suppress(OSError):
            found = self._path.stat()
            return found.st_mtime_ns, found.st_size
        return None


def has_resources(state: bytes) -> bool:
    """Whether the state names anything that exists; one that cannot be read may."""
    if not state.strip():
        return False
    try:
        document = json.loads(state)
    except (ValueError, RecursionError):
        return True
    if not isinstance(document, dict):
        return True
    return bool(document.get("resources"))


def _is_state(state: bytes) -> bool:
    try:
        document = json.loads(state)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "version" in document


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
