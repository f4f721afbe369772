"""Fixtures for databases and processes that fail."""

from tests.stores import clock, database_url, sqlite_template, store

__all__ = ["clock", "database_url", "sqlite_template", "store"]
