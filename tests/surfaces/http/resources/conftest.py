"""Every test here has a fleet."""

import pytest

from tests.surfaces.http.api_host import ApiHost
from tests.surfaces.http.resources.fleet import Fleet


@pytest.fixture
async def fleet(api: ApiHost) -> Fleet:
    """A server with an imported template, a played daemon, and people with different rights."""
    return await Fleet.on(api)
