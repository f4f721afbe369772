"""The OpenAPI document: FastAPI's, with what it cannot know. ``python -m chattool.api.openapi`` prints it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

if TYPE_CHECKING:
    from fastapi import FastAPI

_USERS: list[dict[str, list[str]]] = [{"SessionToken": []}, {"Bearer": []}]
_SCHEMES = {
    "SessionToken": {"type": "apiKey", "in": "header", "name": "Coder-Session-Token"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}
#: Operations that need no token.
_PUBLIC = ("/healthz", "/readyz", "/metrics", "/api/v2/buildinfo", "/api/v2/users/first")
# Malformed requests are answered with 400 and our own body.
_FRAMEWORK_ERROR = "422"
_FRAMEWORK_SCHEMAS = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI) -> None:
    """Make ``app`` serve the whole document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _finished(
                get_openapi(
                    title=app.title, version=app.version, description=app.description, routes=app.routes
                )
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's way to change it


def _finished(document: dict[str, Any]) -> dict[str, Any]:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["responses"].pop(_FRAMEWORK_ERROR, None)
            if path not in _PUBLIC:
                operation["security"] = _USERS
    schemas = document["components"]["schemas"]
    for name in _FRAMEWORK_SCHEMAS:
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = _SCHEMES
    return document


def text() -> str:
    """The document as it is kept in ``docs/reference``."""
    from chattool.api.app import described_app  # noqa: PLC0415 - which imports this module

    return json.dumps(described_app().openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
