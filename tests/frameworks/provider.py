"""A provider of models on the loopback interface. Its model follows a script."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from typing_extensions import override

from tests.frameworks.dialects import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.frameworks.dialects import Document, Output, Shown
    from tests.frameworks.script import Script


@dataclass
class Provider:
    """The script that is played next, and what was asked."""

    url: str
    script: Script
    requests: list[tuple[str, Document]] = field(default_factory=list)
    _threads: dict[str, Document] = field(default_factory=dict)

    def answer(self, path: str, request: Document) -> Document:
        request = self._with_what_went_before(request)
        self.requests.append((path, request))
        dialect = DIALECTS[path]
        answer = dialect.answer(self.script.next([output.text for output in dialect.outputs(request)]))
        answer["id"] += str(len(self.requests))
        if "thread" in request:
            said = {"role": "assistant", "content": answer["content"]}
            self._threads[answer["id"]] = {**request, "messages": [*request["messages"], said]}
        return answer

    def _with_what_went_before(self, request: Document) -> Document:
        """The tool runner of anthropic 2 sends only what is new in a thread that the provider keeps."""
        before = self._threads.get(request.get("thread", {}).get("previous_message_id"))
        if before is None:
            return request
        return {**before, **request, "messages": [*before["messages"], *request["messages"]]}

    @property
    def outputs(self) -> list[Output]:
        """What the model was told in the last run."""
        path, request = self.requests[-1]
        return DIALECTS[path].outputs(request)

    @property
    def tools(self) -> dict[str, Shown]:
        """The tools that the model was shown, by name."""
        path, request = self.requests[-1]
        return DIALECTS[path].tools(request)


@contextmanager
def provider(script: Script) -> Iterator[Provider]:
    """The provider, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps(served.answer(urlsplit(self.path).path, request)).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the requests are kept."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Provider(url=f"http://127.0.0.1:{server.server_port}", script=script)
    # The interval is how long its end may take, and there are many ends.
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="provider")
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
