"""Fixtures of the state machines."""

from tests.stores import sqlite_template

__all__ = ["sqlite_template"]
