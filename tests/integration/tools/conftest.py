"""A host on a real engine with the echo provisioner: in its process and over HTTP, on both stores."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from chattool.engine import open_engine
from tests.integration.tools.engine_host import EngineHost, HeldEcho
from tests.integration.tools.surfaces import Surface, tools_on
from tests.stores import database_url, sqlite_template

__all__ = ["database_url", "sqlite_template"]


@pytest.fixture(params=["engine", "http"])
def surface(request: pytest.FixtureRequest) -> Surface:
    """Where the tools of a test come from."""
    found: Surface = request.param
    return found


@pytest.fixture
async def host(tmp_path: Path, database_url: str, surface: Surface) -> AsyncIterator[EngineHost]:
    echo = HeldEcho()
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_engine(database_url, user="ana", provisioners=[echo]))
        stack.callback(echo.gate.set)
        await engine.set_allowance("Everyone", 40)
        tools = await stack.enter_async_context(tools_on(engine, surface))
        yield EngineHost(engine, echo, tmp_path, tools)
