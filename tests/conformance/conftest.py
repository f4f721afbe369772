"""Every test here runs on SQLite and on PostgreSQL."""

import pytest

from db.transactions import Store
from tests.scenario import Scenario
from tests.stores import clock, database_url, other_store, sqlite_template, store

__all__ = ["clock", "database_url", "other_store", "sqlite_template", "store"]


@pytest.fixture
async def scenario(store: Store) -> Scenario:
    """One organization with a budget of 40, its administrator, an imported template and a daemon."""
    return await Scenario.on(store)
