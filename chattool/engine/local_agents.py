"""The local provisioner together with the endpoint that its workspaces' agents report to."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chattool.engine.agents import StoreAgents
from provisioner.provisioners.local import LocalProvisioner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from db.ids import OrganizationId
    from db.transactions import Store
    from provisioner.settings import ProvisionerSettings

#: In the workspaces' folder, with the organization's id behind it: where the endpoint is now. Agents outlive
#: engines and look here; engines of several databases share the folder, and know only their own agents.
URL_FILE = ".agents-endpoint"


@dataclass(frozen=True, kw_only=True)
class LocalAgents:
    """Local workspaces, made and answered by this process."""

    provisioner: LocalProvisioner
    url: Callable[[], Awaitable[str]]
    """Where agents report, as soon as somebody answers there. Raises ``OSError``."""
    url_file: Path
    """Holds that address, also when it has changed since an agent was started."""


@asynccontextmanager
async def local_agents(
    store: Store, organization_id: OrganizationId, root: Path, settings: ProvisionerSettings
) -> AsyncIterator[LocalAgents]:
    """The provisioner of workspaces below ``root``; their agents are answered while the context lasts."""
    url_file = root / f"{URL_FILE}-{organization_id}"
    await asyncio.to_thread(_inherit, root / URL_FILE, url_file)
    # The web framework takes half a second to import: start it beside everything else, and wait for it
    # only when a workspace needs it.
    stop = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(_serve(store, url_file, address, stop), name="chattool-agents-endpoint")

    async def url() -> str:
        return await asyncio.shield(address)

    provisioner = LocalProvisioner(
        root, store.clock, url, exit_timeout=settings.exit_timeout, server_url_file=url_file
    )
    try:
        yield LocalAgents(provisioner=provisioner, url=url, url_file=url_file)
    finally:
        stop.set()
        await serving


async def _serve(store: Store, url_file: Path, address: asyncio.Future[str], stop: asyncio.Event) -> None:
    from chattool.api.endpoint import AgentsEndpoint  # noqa: PLC0415 - a web framework

    try:
        async with AgentsEndpoint(StoreAgents(store), port=_last_port(url_file)) as endpoint:
            await asyncio.to_thread(_announce, url_file, endpoint.url)
            address.set_result(endpoint.url)
            await stop.wait()
    except OSError as error:
        if not address.done():
            address.set_exception(error)
            address.exception()  # heard by the first build that asks, or by nobody


def _inherit(shared: Path, url_file: Path) -> None:
    """Go on for the agents of versions that had one file for all databases: they still look there."""
    with suppress(OSError):
        if shared.is_file() and not shared.is_symlink() and not url_file.exists():
            shared.rename(url_file)
            shared.symlink_to(url_file.name)


def _announce(url_file: Path, url: str) -> None:
    """Tell agents that outlived the last engine where the new one is."""
    url_file.parent.mkdir(parents=True, exist_ok=True)
    url_file.write_text(url, encoding="utf-8")


def _last_port(url_file: Path) -> int:
    """The port of the last engine here, so that its agents find this one at once; 0 for any."""
    with suppress(OSError, ValueError):
        return urlsplit(url_file.read_text(encoding="utf-8").strip()).port or 0
    return 0
