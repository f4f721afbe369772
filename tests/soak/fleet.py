"""The processes of a fleet: started as the README says, killed, and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Self

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from db.clock import SystemClock, jittered, shuffled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.soak.plan import Plan

_READY_SECONDS = 60
_END_SECONDS = 30
_LOOK = timedelta(milliseconds=200)
_READY = "action=ready"
_clock = SystemClock()


@dataclass(kw_only=True)
class Member:
    """One process, and what to start again when it is gone."""

    name: str
    command: Sequence[str]
    log: Path
    environment: dict[str, str]
    process: asyncio.subprocess.Process | None = None
    kills: int = 0

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )

    async def at_work(self) -> None:
        """Wait until it has said so, once more than it was killed."""
        while self.log.read_text(encoding="utf-8", errors="replace").count(_READY) <= self.kills:
            await _clock.sleep(_LOOK)

    async def kill(self) -> None:
        """End it as a power failure would."""
        assert self.process is not None
        if self.process.returncode is not None:
            message = f"{self.name} has ended by itself with {self.process.returncode}; see {self.log}"
            raise RuntimeError(message)
        self.process.kill()
        await self.process.wait()
        self.kills += 1

    async def end(self) -> None:
        """End it in order, or at least end it."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@dataclass(kw_only=True)
class Fleet:
    """Servers on one database, and daemons that know nothing but their server."""

    folder: Path
    database: str
    key: str = field(repr=False)
    secret_key: str = field(repr=False)
    plan: Plan
    members: list[Member] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        key_file = self.folder / "daemon.key"
        key_file.touch(mode=0o600)
        key_file.write_text(self.key, encoding="utf-8")
        for number in range(self.plan.servers):
            port = _free_port()
            self.urls.append(f"http://127.0.0.1:{port}")
            self._add(f"server-{number}", self._server(port), CHATTOOL_URL=self.database)
        for number in range(self.plan.daemons):
            name = f"daemon-{number}"
            url = self.urls[number % len(self.urls)]
            self._add(name, self._daemon(url, name), CHATTOOL_DAEMON_KEY=self.key)
        try:
            await asyncio.gather(*(member.start() for member in self.members))
            await asyncio.gather(*map(ready, self.urls))
            async with asyncio.timeout(_READY_SECONDS):
                await asyncio.gather(*(member.at_work() for member in self.members))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        await self._end()

    async def kill_one_after_another(self, every: timedelta) -> None:
        """Kill a member at every interval and start it again, each once before one twice, until cancelled."""
        while True:
            for member in shuffled(self.members):
                await _clock.sleep(jittered(every, 0.5))
                await member.kill()
                await member.start()
                async with asyncio.timeout(_READY_SECONDS):
                    await member.at_work()  # on a slow machine, too, most of the fleet is there

    def _add(self, name: str, command: Sequence[str], **environment: str) -> None:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CHATTOOL_")}
        home = self.folder / name
        member = Member(
            name=name,
            command=command,
            log=self.folder / f"{name}.log",
            environment={
                **inherited,
                "CHATTOOL_HOME": str(home),
                "CHATTOOL_SECRET_KEY": self.secret_key,
                **environment,
            },
        )
        self.members.append(member)

    def _server(self, port: int) -> list[str]:
        if self.plan.commands:
            return [sys.executable, "-m", "chattool", "server", "--port", str(port), "--slots", "0"]
        return [sys.executable, "-m", "tests.soak.process", "server", self.database, str(port)]

    def _daemon(self, url: str, name: str) -> list[str]:
        key_file, workspaces = str(self.folder / "daemon.key"), str(self.folder / name)
        if self.plan.commands:
            options = ["--key-file", key_file, "--name", name, "--slots", "5"]
            return [sys.executable, "-m", "chattool", "daemon", "--url", url, *options]
        return [sys.executable, "-m", "tests.soak.process", "daemon", url, key_file, name, workspaces]

    async def _end(self) -> None:
        daemons_first = sorted(self.members, key=lambda member: member.name)
        await asyncio.gather(*(member.end() for member in daemons_first))


@retry(
    retry=retry_if_exception_type((httpx.HTTPError, ValueError)),
    wait=wait_fixed(0.2),
    stop=stop_after_delay(_READY_SECONDS),
    reraise=True,
)
async def ready(url: str) -> None:
    """Wait until the server says that it is."""
    async with httpx.AsyncClient(timeout=5) as client:
        (await client.get(f"{url}/readyz")).raise_for_status()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
