"""The command line of the engine's own process."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chattool.background.control import ensure
from chattool.background.errors import EngineBusy, EngineError
from chattool.background.lock import EngineLock
from chattool.background.state_directory import prepare, state_directory
from chattool.event_log import log_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chattool.background.state_directory import StateDirectory

IDLE_VARIABLE = "CHATTOOL_ENGINE_IDLE_SECONDS"
_DEFAULT_IDLE_TIMEOUT = timedelta(minutes=5)
_USAGE_ERROR = 2


def main(argv: Sequence[str]) -> int:
    """Start the engine of a state directory, or be it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m chattool.background")
    parser.add_argument("--home", type=Path, required=True, help="state directory")
    parser.add_argument("--foreground", action="store_true", help="be the engine, and log to the terminal")
    # How a starter says that it has taken the lock already.
    parser.add_argument("--lock-descriptor", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    try:
        idle_timeout = _idle_timeout(os.environ.get(IDLE_VARIABLE, ""))
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE_ERROR
    try:
        directory = state_directory(options.home)
        if options.lock_descriptor is not None:
            lock = EngineLock.inherited(directory.lock, options.lock_descriptor)
            return _run(directory, lock, idle_timeout, logs_to_file=True)
        if options.foreground:
            return _run(directory, _acquired(directory), idle_timeout, logs_to_file=False)
        engine = asyncio.run(ensure(directory.home))
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"the engine runs as process {engine.pid}; log: {engine.log}\n")
    return 0


def _run(directory: StateDirectory, lock: EngineLock, idle_timeout: timedelta, *, logs_to_file: bool) -> int:
    from chattool.background.process import BackgroundEngine  # noqa: PLC0415 - a starter needs no database

    log_events()
    engine = BackgroundEngine(directory, lock, idle_timeout=idle_timeout, logs_to_file=logs_to_file)
    return asyncio.run(engine.run())


def _acquired(directory: StateDirectory) -> EngineLock:
    prepare(directory)
    lock = EngineLock.acquire(directory.lock)
    if lock is None:
        raise EngineBusy(f"an engine runs for {directory.home} already; end it with: chattool engine stop")
    directory.state.unlink(missing_ok=True)
    return lock


def _idle_timeout(text: str) -> timedelta:
    try:
        seconds = float(text) if text else _DEFAULT_IDLE_TIMEOUT.total_seconds()
        idle_timeout = timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        idle_timeout = timedelta()
    if idle_timeout <= timedelta():
        raise ValueError(f"{IDLE_VARIABLE} has to be a number of seconds above 0, not {text!r}")
    return idle_timeout
