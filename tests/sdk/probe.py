"""Runs in an SDK's environment: ``python -m tests.sdk.probe CLIENT``; one line of JSON per case."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import warnings
from importlib.metadata import version

from chattool.chaterror import classify
from tests.sdk.answers import CASES
from tests.sdk.clients import CLIENTS, Client
from tests.sdk.server import misbehaving_server

_NOWHERE = "nowhere.invalid"
_resolve = socket.getaddrinfo


def main() -> None:
    warnings.simplefilter("ignore")
    socket.getaddrinfo = _without_nowhere  # type: ignore[assignment]  # the answer of a resolver that knows no such host
    name = sys.argv[1]
    client = CLIENTS[name]
    with misbehaving_server() as port, _closed_port() as closed:
        for case in CASES:
            base_url = _base_url(client, case, port, closed.getsockname()[1])
            found = asyncio.run(_outcome(client, case, base_url))
            _print({"client": name, "case": case, **found})
    _print({"client": name, "package": client.package, "version": version(client.package)})


async def _outcome(client: Client, case: str, base_url: str) -> dict[str, object]:
    try:
        async with asyncio.timeout(100):  # the first call imports the library, which takes its time
            await client.call(base_url, case.startswith("stream: "))
    except BaseException as error:  # noqa: BLE001 - that is what this is about
        found = classify(error)
        return {
            "raised": f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}",
            "kind": found.kind,
            "retryable": found.retryable,
            "status_code": found.status_code,
            "retry_after": found.retry_after.total_seconds(),
            "code": found.code,
            "provider": found.provider,
            "evidence": found.evidence,
            "message": found.message,
            "detail": found.detail,
        }
    return {"raised": ""}


def _base_url(client: Client, case: str, port: int, closed: int) -> str:
    path = f"{client.dialect}/{case.replace(' ', '%20')}"
    hosts = {
        "refused": f"http://127.0.0.1:{closed}",
        "unknown host": f"http://{_NOWHERE}",
        "TLS refused": f"https://127.0.0.1:{port}",
    }
    return f"{hosts.get(case, f'http://127.0.0.1:{port}')}/{path}"


def _closed_port() -> socket.socket:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def _without_nowhere(host: object, *arguments: object, **options: object) -> object:
    if host in (_NOWHERE, _NOWHERE.encode()):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _resolve(host, *arguments, **options)  # type: ignore[arg-type]


def _print(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
