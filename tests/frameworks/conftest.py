"""A real engine, and no network but the loopback interface."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chattool.engine import Engine, open_engine
from tests.integration.tools.engine_host import EngineHost, HeldEcho
from tests.pages import like_a_clone

LOOPBACK = {"127.0.0.1", "::1", "localhost", None}


@pytest.fixture
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        assert self.family == socket.AF_UNIX or address[0] in LOOPBACK, f"connects to {address}"
        connect(self, address)

    def guarded_getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
        assert host in LOOPBACK, f"looks up {host}"
        return getaddrinfo(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


@pytest.fixture
async def engine(tmp_path: Path, only_loopback: None) -> AsyncIterator[Engine]:
    """Makes workspaces on this machine, with agents in them."""
    with like_a_clone(tmp_path) as folder:
        async with open_engine(f"sqlite:///{folder / 'chattool.sqlite3'}") as engine:
            yield engine


@pytest.fixture
async def host(tmp_path: Path, only_loopback: None) -> AsyncIterator[EngineHost]:
    """Plays builds, which can be held."""
    echo = HeldEcho()
    url = f"sqlite:///{tmp_path / 'chattool.sqlite3'}"
    async with open_engine(url, user="ana", provisioners=[echo]) as engine:
        await engine.set_allowance("Everyone", 40)
        yield EngineHost(engine, echo, tmp_path, engine)
        echo.gate.set()
