"""Every test here talks to a real server over HTTP, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from db.transactions import Store
from tests.stores import clock, database_url, other_store, sqlite_template, store
from tests.surfaces.http.api_host import ApiHost, Person, api_host

__all__ = ["clock", "database_url", "other_store", "sqlite_template", "store"]


@pytest.fixture
async def api(store: Store) -> AsyncIterator[ApiHost]:
    """A server whose time the test decides."""
    async with api_host(store) as host:
        yield host


@pytest.fixture
async def owner(api: ApiHost) -> Person:
    """The owner of the site, member of the default organization."""
    return await api.person("ana", roles=["owner"])
