"""The application: all routes of a server."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.routing import Route

from chattool.api import (
    agents,
    daemon_keys,
    daemons,
    errors,
    first_user,
    groups,
    health,
    openapi,
    organizations,
    quota,
    resource_routers,
    tokens,
    users,
)
from chattool.api.body_limit import BodyLimit
from chattool.api.observation import Observed
from chattool.api.wrong_tokens import WrongTokens
from provisioner import wire
from provisioner.archive import DEFAULT_LIMITS

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from chattool.api.services import Services

BASE = "/api/v2"
EXPERIMENTAL_BASE = "/api/experimental"
MCP_PATH = "/mcp"
BODY_LIMIT_BYTES = 1 << 20
#: Patterns of paths whose bodies may be larger.
LARGER_BODIES = {
    f"{BASE}/files": DEFAULT_LIMITS.total_bytes,
    f"{BASE}{wire.BASE}/.*": wire.BODY_LIMIT_BYTES,
    f"{BASE}/workspaces/[^/]+/builds": wire.BODY_LIMIT_BYTES,  # a state
    MCP_PATH: 4 << 20,
}
_ROUTERS = (
    health.router,
    first_user.router,
    users.router,
    tokens.router,
    organizations.router,
    groups.router,
    quota.router,
    daemon_keys.router,
    daemons.router,
)


def described_app() -> FastAPI:
    """All routes and their document; ``create_app`` gives them something to work with."""
    app = FastAPI(
        title="chattool",
        version=version("chattool"),
        description="Workspaces for AI agents, within a quota.",
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would lead to whatever host the request names
        responses=errors.responses(),
        generate_unique_id_function=lambda route: route.name,
    )
    # The agents' own routes first: "me" must not be taken for the id of an agent.
    for router in (*_ROUTERS, agents.router, *resource_routers.ROUTERS):
        app.include_router(router, prefix=BASE)
    for router in resource_routers.EXPERIMENTAL:
        app.include_router(router, prefix=EXPERIMENTAL_BASE)
    app.include_router(health.probes)
    openapi.install(app)
    return app


def create_app(services: Services, *, mcp: ASGIApp | None = None) -> FastAPI:
    """Everything a server answers, on these services, and ``mcp`` under its path."""
    app = described_app()
    if mcp is not None:
        app.router.routes.append(Route(MCP_PATH, mcp))  # a mount answers at the path with a slash only
    app.state.services = services
    app.state.agents = services.agents
    app.state.remote_daemons = services.remote_daemons
    app.state.closing = services.stopping
    app.add_middleware(BodyLimit, limit_bytes=BODY_LIMIT_BYTES, larger=LARGER_BODIES)
    app.add_middleware(WrongTokens, services=services, agents=f"{BASE}{agents.router.prefix}/")
    app.add_middleware(Observed, services=services)  # the outermost
    errors.install(app)
    return app
