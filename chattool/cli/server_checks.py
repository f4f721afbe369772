"""What ``chattool doctor`` looks at on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.cli.command import WrongUsage
from chattool.cli.verdicts import failed, ok, warning
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chattool.cli.options import Options
    from chattool.cli.verdicts import Check
    from chattool.http_backend import Remote


async def server_checks(options: Options) -> AsyncIterator[Check]:
    """Whether the server answers, knows the token, and has somebody to build."""
    from chattool.cli.session import open_server

    try:
        async with open_server(options) as remote:
            kind = "chattool" if remote.connection.is_chattool else "not chattool, perhaps Coder"
            yield ok("server", f"{remote.connection.url} answers ({kind})")
            roles = ", ".join(role.name for role in remote.user.roles) or "no roles"
            yield ok("token", f"is {remote.user.username}'s ({roles})")
            yield await _daemons(remote)
    except (ChattoolError, WrongUsage) as error:
        yield failed("server", str(error))


async def _daemons(remote: Remote) -> Check:
    from chattool.http_backend import shapes

    path = f"/organizations/{remote.organization.id}/provisionerdaemons"
    known = await remote.connection.get(list[shapes.Daemon], path)
    online = [daemon.name for daemon in known if daemon.status != "offline"]
    if not online:
        return warning("daemons", "none is online, so nothing is built", "start one: chattool daemon")
    return ok("daemons", f"{len(online)} online: {', '.join(online)}")
