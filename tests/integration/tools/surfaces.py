"""The two ways to the same tools: those of an engine in its process, and those of a server on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from chattool.engine import Engine
from chattool.http_backend import Remote, open_remote
from db import tokens
from tests.surfaces.http.api_host import api_host

Surface = Literal["engine", "http"]


@asynccontextmanager
async def tools_on(engine: Engine, surface: Surface) -> AsyncIterator[Engine | Remote]:
    """The tools of the engine's user, the chosen way."""
    if surface == "engine":
        yield engine
        return
    async with api_host(engine.store, tool_settings=engine.tool_settings) as server:
        _, token = await engine.store.write(
            tokens.create, engine.user.id, name="tools", scope="all", lifetime=None
        )
        async with open_remote(server.root, token, tool_settings=engine.tool_settings) as remote:
            yield remote
