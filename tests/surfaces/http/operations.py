"""Every operation of the API, taken from its own document, with paths and bodies that can be sent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import WebSocketRoute

#: Operations that need no token.
PUBLIC = frozenset(
    {
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
        ("get", "/api/v2/buildinfo"),
        ("get", "/api/v2/users/first"),
        ("post", "/api/v2/users/first"),
    }
)
#: Not in the document: the protocol has one of its own. Its token comes in ``Authorization`` only.
MCP = ("post", "/mcp")
#: Paths of those who are no users.
AGENTS = "/api/v2/workspaceagents/me/"
DAEMONS = "/api/v2/provisionerdaemons/me/"
#: The document itself, which needs no token either.
DOCUMENT = ("get", "/api/v2/openapi.json")
WEBSOCKET = "websocket"

_SOME_ID = "00000000-0000-4000-8000-000000000000"
LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
#: A valid body for every operation that takes one; a new operation has to be added.
_BODIES: Mapping[tuple[str, str], object] = {
    ("post", "/api/v2/users/first"): {"username": "eve", "setup_code": "guess"},
    ("post", "/api/v2/users"): {"username": "eve"},
    ("put", "/api/v2/users/{user}/roles"): {"roles": []},
    ("post", "/api/v2/users/{user}/keys/tokens"): {"token_name": "t"},
    ("post", "/api/v2/organizations"): {"name": "eves"},
    ("put", "/api/v2/organizations/{organization}/members/{user}/roles"): {"roles": []},
    ("post", "/api/v2/organizations/{organization}/groups"): {"name": "eves"},
    ("post", "/api/v2/organizations/{organization}/provisionerkeys"): {"name": "eves"},
    ("patch", "/api/v2/groups/{group}"): {"quota_allowance": 1000},
    ("post", "/api/v2/files"): None,
    ("post", "/api/v2/organizations/{organization}/templateversions"): {
        "storage_method": "file",
        "file_id": "{file}",
        "provisioner": "echo",
    },
    ("patch", "/api/v2/templates/{template}/versions"): {"id": "{version}"},
    ("post", "/api/v2/organizations/{organization}/templates"): {
        "name": "eves",
        "template_version_id": "{version}",
    },
    ("patch", "/api/v2/templates/{template}"): {"name": "eves"},
    ("post", "/api/v2/users/{user}/workspaces"): {"name": "eves", "template_id": "{template}"},
    ("post", "/api/v2/workspaces/{workspace}/builds"): {"transition": "stop"},
    ("post", "/api/experimental/chats"): {},
    ("patch", "/api/experimental/chats/{chat}"): {"workspace_id": "{workspace}"},
    ("put", "/api/experimental/chats/{chat}/leases/{holder}"): {"duration_ms": 1000},
    ("put", "/api/experimental/chats/{chat}/tool-calls/{tool_call}"): {"tool": "t", "request_hash": "h"},
    ("put", "/api/experimental/chats/{chat}/last-error"): {"message": "m", "retryable": False},
    ("post", "/api/v2/workspaceagents/{agent}/calls"): {"method": "stat", "timeout_ms": 0},
    ("post", "/api/v2/workspaceagents/me/calls"): {"run": _SOME_ID},
    ("post", "/api/v2/workspaceagents/me/calls/{call_id}/answer"): {"result": {}},
    ("post", "/api/v2/workspaceagents/me/report-lifecycle"): {"state": "ready"},
    ("post", "/api/v2/workspaceagents/me/logs"): {"logs": []},
    ("patch", "/api/v2/workspaceagents/me/logs"): {"logs": []},
}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method on one path."""

    method: str
    pattern: str
    body: object = None

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.pattern

    @property
    def reads(self) -> bool:
        return self.method == "get"

    @property
    def names(self) -> frozenset[str]:
        """The parameters of its path."""
        return frozenset(part[1:-1] for part in self.pattern.split("/") if part.startswith("{"))

    def path(self, values: Mapping[str, str]) -> str:
        return _filled(self.pattern, values)

    def filled_body(self, values: Mapping[str, str]) -> object:
        if not isinstance(self.body, dict):
            return self.body
        return {k: _filled(v, values) if isinstance(v, str) else v for k, v in self.body.items()}


def operations(app: FastAPI) -> Iterator[Operation]:
    """All of them."""
    for pattern, methods in app.openapi()["paths"].items():
        for method, description in methods.items():
            key = (method, pattern)
            assert ("requestBody" in description) == (key in _BODIES), f"say what body {key} takes"
            yield Operation(method=method, pattern=pattern, body=_BODIES.get(key))


def routes(app: FastAPI) -> list[Operation]:
    """Whatever the application answers and not everybody may have, in its document or not.

    A WebSocket counts as a method. What takes any method is tried with POST.
    """
    found = []
    for context in iter_route_contexts(app.routes):
        path = context.path
        assert path is not None
        if isinstance(context.original_route, WebSocketRoute):
            methods = {WEBSOCKET}
        else:
            methods = {each.lower() for each in context.methods or {"POST"}} - {"head"}
        found += [
            Operation(method=each, pattern=path, body=_BODIES.get((each, path), {}))
            for each in sorted(methods)
        ]
    return [each for each in found if each.key not in {*PUBLIC, DOCUMENT}]


def for_users(app: FastAPI) -> list[Operation]:
    """Those that need a user's token."""
    documented = [
        each
        for each in operations(app)
        if each.key not in PUBLIC and not each.pattern.startswith((AGENTS, DAEMONS))
    ]
    return [*documented, Operation(method="post", pattern="/mcp", body=LIST_TOOLS)]


def anything(names: Iterable[str]) -> dict[str, str]:
    """Values of parameters that name nothing in particular."""
    known = {"user": "me", "organization": "default", "number": "1", "name": "some"}
    return {name: known.get(name, _SOME_ID) for name in names}


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
