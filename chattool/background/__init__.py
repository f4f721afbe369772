"""The background engine: one per state directory, started on demand, gone when nothing needs it.

It is a daemon (``chattool.daemon_process``) that holds a lock, says when it is ready, and ends when idle.

* ``engine.lock`` is locked for the engine's whole life; the system unlocks it however the engine ends. Its
  modification time says when somebody last asked for the engine.
* ``engine.json`` is what the engine says about itself. It is believed only while the lock is held.
* ``engine.log`` is what it logged.
"""

from chattool.background.control import StopOutcome, ensure, status, stop
from chattool.background.errors import EngineBusy, EngineError, EngineNotStarted, HomeUnusable
from chattool.background.state import EngineStatus
from chattool.background.state_directory import StateDirectory

__all__ = [
    "EngineBusy",
    "EngineError",
    "EngineNotStarted",
    "EngineStatus",
    "HomeUnusable",
    "StateDirectory",
    "StopOutcome",
    "ensure",
    "status",
    "stop",
]
