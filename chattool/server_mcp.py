"""``/mcp`` of a server: the tools for whoever has a token of its HTTP API."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from chattool.callers import BackendCaller
from chattool.identity import Scope, caller_of
from db.errors import RequestError

if TYPE_CHECKING:
    from chattool.api.services import Services
    from chattool.engine.backend import EngineBackend
    from chattool.mcp_server import McpApp
    from db.ids import OrganizationId

log = logging.getLogger(__name__)


def mcp_of(services: Services, backend: EngineBackend, default_organization: OrganizationId) -> McpApp | None:
    """The application for the path; ``None`` where the extra ``mcp`` is not installed.

    New chats are made in ``default_organization`` for its members, else in an organization of the user's.
    """
    try:
        from chattool.mcp_server import mcp_app  # noqa: PLC0415 - needs an extra
    except ImportError:
        log.info('no /mcp; for it: pip install "chattool[mcp]"', extra={"action": "mcp"})
        return None

    async def verify(token: str) -> BackendCaller | None:
        caller = await caller_of(services.store, token)
        if caller is None:
            return None
        homes = sorted(caller.organization_roles)
        if not homes:
            raise RequestError(403, "You belong to no organization; ask an administrator to add you to one.")
        return BackendCaller(
            backend,
            services.chats,
            user_id=caller.user.id,
            organization_id=default_organization if default_organization in homes else homes[0],
            default_chat=f"token:{caller.token_id}",
            settings=services.tool_settings,
            read_only=caller.scope is Scope.READ,
        )

    return mcp_app(verify, external_url=services.external_url)
