"""A server or a remote daemon with quick settings: ``python -m tests.soak.process server|daemon …``.

The same functions that ``chattool server`` and ``chattool daemon`` run.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from chattool.event_log import log_events
from tests.soak.plan import QUICK


def main(kind: str, *arguments: str) -> int:
    log_events()
    if kind == "server":
        return _server(*arguments)
    return _daemon(*arguments)


def _server(url: str, port: str) -> int:
    from chattool.server_process import ServerSettings, run_server  # noqa: PLC0415 - no part of a daemon

    return asyncio.run(run_server(ServerSettings(url=url, port=int(port), slots=0, provisioner=QUICK)))


def _daemon(url: str, key_file: str, name: str, workspaces: str) -> int:
    from chattool.remote_daemon import run_remote_daemon  # noqa: PLC0415 - no part of a server

    key = Path(key_file).read_text(encoding="utf-8").strip()
    return asyncio.run(run_remote_daemon(url, key, workspaces=Path(workspaces), name=name, settings=QUICK))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
