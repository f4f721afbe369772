"""A real engine with a template, for what MCP hosts ask."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chattool.engine import open_engine
from db.records import Template
from tests.integration.tools.engine_host import EngineHost, HeldEcho


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[EngineHost]:
    echo = HeldEcho()
    async with open_engine(f"sqlite:///{tmp_path / 'chattool.sqlite3'}", provisioners=[echo]) as engine:
        await engine.set_allowance("Everyone", 40)
        yield EngineHost(engine, echo, tmp_path, engine)
        echo.gate.set()


@pytest.fixture
async def template(host: EngineHost) -> Template:
    return await host.template()
