"""A host on a real engine with the echo provisioner, on SQLite."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chattool.engine import open_engine
from tests.integration.tools.engine_host import EngineHost, HeldEcho


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[EngineHost]:
    echo = HeldEcho()
    url = f"sqlite:///{tmp_path / 'chattool.sqlite3'}"
    async with open_engine(url, user="ana", provisioners=[echo]) as engine:
        await engine.set_allowance("Everyone", 40)
        yield EngineHost(engine, echo, tmp_path)
        echo.gate.set()
