"""A process that is a server: the HTTP API, upkeep, a daemon if wanted, and the signals that end it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

from chattool.api.app import create_app
from chattool.api.listener import allow_connections, bound
from chattool.api.services import Services
from chattool.api.serving import serving
from chattool.end_signals import EndSignals
from chattool.engine.agents import StoreAgents
from chattool.engine.backend import EngineBackend
from chattool.engine.chats import StoreChats
from chattool.engine.running_daemon import default_workspaces, running_daemon
from chattool.engine.secret_key import check_key, warn_of_key
from chattool.engine.upkeep import upkeep
from chattool.observed_store import ObservedStore
from chattool.server_mcp import mcp_of
from chattool.settings import ToolSettings
from chattool.setup_code import VARIABLE, SetupCode
from db import accounts, users
from db.engine import open_store
from provisioner.remote_daemons import RemoteDaemons
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreClient

if TYPE_CHECKING:
    from pathlib import Path

    from chattool.engine.running_daemon import RunningDaemon
    from chattool.metrics import Metrics
    from db.ids import OrganizationId
    from db.transactions import Store

log = logging.getLogger(__name__)

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8420


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How a server is reached, and what it does besides answering."""

    url: str
    """The database's."""
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    external_url: str = ""
    """Where users and agents reach it; by default ``http://host:port``."""
    slots: int = 3
    """How many builds it works on itself; 0 leaves them to daemons elsewhere."""
    workspaces: Path | None = None
    close_limit: timedelta = timedelta(seconds=30)
    """How long answers that have begun may take after SIGTERM."""
    trusted_proxies: str = ""
    """Addresses whose ``X-Forwarded-For`` is believed, separated by commas; ``*`` for all."""
    setup_code: str = field(default="", repr=False)
    """Lets somebody become the first user; empty: a random one is logged."""
    metrics_token: str = field(default="", repr=False)
    """What scrapers of ``/metrics`` show; empty: only those on this host may scrape."""
    provisioner: ProvisionerSettings = field(default_factory=ProvisionerSettings)
    tools: ToolSettings = field(default_factory=ToolSettings)


async def run_server(settings: ServerSettings) -> int:
    """Answer until a signal ends it; the exit code.

    SIGTERM: accept nothing more, finish answers within ``close_limit`` and builds within the drain limit.
    SIGINT, or SIGTERM once more: interrupt builds. The code is 0, or 1 when builds were interrupted. It only
    logs (``chattool.event_log``).

    Raises:
        ValueError: the database's URL is of no kind we know.
        KeyInvalid: what is given as the key of stored secrets is none.
        StoreError: the database cannot be opened, or has another version.
        OSError: the address is taken, or not of this machine.
    """
    check_key(settings.url)
    allow_connections()
    signals = EndSignals()
    with signals.handled():
        # Before anything slow: a port that is taken is the commonest mistake.
        listener = bound(settings.host, settings.port)
        async with AsyncExitStack() as stack:
            stack.callback(listener.close)
            external_url = settings.external_url.rstrip("/") or _url_of(
                settings.host, listener.getsockname()[1]
            )
            metrics = _metrics()
            opened = await stack.enter_async_context(open_store(settings.url))
            store = opened if metrics is None else ObservedStore(opened, metrics)
            await warn_of_key(store, settings.url)
            organization = await store.write(users.ensure_organization)
            running = await _at_work(stack, store, organization.id, settings)
            if running is not None:
                signals.reach(running.daemon)
            backend = EngineBackend(
                store, settings.provisioner, agent_inactive_timeout=settings.tools.agent_inactive_timeout
            )
            services = _services(store, backend, settings, external_url, metrics)
            await _announce_setup(services, given=bool(settings.setup_code))
            mcp = mcp_of(services, backend, organization.id)
            if mcp is not None:
                await stack.enter_async_context(mcp)
            await stack.enter_async_context(
                serving(
                    create_app(services, mcp=mcp),
                    listener,
                    close_limit=settings.close_limit,
                    trusted_proxies=settings.trusted_proxies,
                )
            )
            facts = {"version": version("chattool"), "slots": settings.slots, "database": store.dialect}
            log.info("the server is ready", extra={"action": "ready", "url": external_url, **facts})
            await signals.told(*([] if running is None else [running.ended]))
            services.stopping.set()
    log.info("the server has ended", extra={"action": "end", "interrupted": signals.interrupted})
    return 1 if signals.interrupted else 0


async def _at_work(
    stack: AsyncExitStack, store: Store, organization_id: OrganizationId, settings: ServerSettings
) -> RunningDaemon | None:
    if not settings.slots:
        await stack.enter_async_context(upkeep(store, settings.provisioner))
        return None
    return await stack.enter_async_context(
        running_daemon(
            store,
            organization_id,
            settings=replace(settings.provisioner, daemon_slots=settings.slots),
            workspaces=settings.workspaces or default_workspaces(settings.url),
            server_url=settings.external_url.rstrip("/"),
        )
    )


def _metrics() -> Metrics | None:
    try:
        from chattool.metrics import Metrics as Counted  # noqa: PLC0415 - needs an extra
    except ImportError:
        log.info('no metrics; for them: pip install "chattool[metrics]"', extra={"action": "metrics"})
        return None
    return Counted()


def _services(
    store: Store,
    backend: EngineBackend,
    settings: ServerSettings,
    external_url: str,
    metrics: Metrics | None,
) -> Services:
    stopping = asyncio.Event()
    return Services(
        store=store,
        backend=backend,
        chats=StoreChats(store),
        agents=StoreAgents(store),
        remote_daemons=RemoteDaemons(StoreClient(store, settings.provisioner), stopping=stopping),
        stopping=stopping,
        provisioner_settings=settings.provisioner,
        tool_settings=settings.tools,
        external_url=external_url,
        metrics=metrics,
        metrics_token=settings.metrics_token,
        setup_code=SetupCode(settings.setup_code) if settings.setup_code else SetupCode(),
    )


async def _announce_setup(services: Services, *, given: bool) -> None:
    if await services.store.read(accounts.any_user):
        return
    # The one secret that is meant for the log: it is worth nothing once there is a user.
    code = f"the value of {VARIABLE}" if given else services.setup_code.text
    log.warning(
        "there are no users yet; become the owner with the set-up code, or on this host by: "
        "chattool users first NAME",
        extra={
            "action": "setup",
            "setup_code": code,
            "post": f"{services.external_url}/api/v2/users/first",
        },
    )


def _url_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
