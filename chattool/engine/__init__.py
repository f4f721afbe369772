"""The whole embedded engine: store, daemon, reaper, agents' endpoint and toolset, in your event loop."""

from chattool.engine.embedded import Engine, open_engine

__all__ = ["Engine", "open_engine"]
