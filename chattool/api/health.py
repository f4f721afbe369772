"""Whether the server lives, whether it can work, what it is, and what it counts."""

from __future__ import annotations

import hmac
from importlib.metadata import version
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from chattool.api.caller import token_of
from chattool.api.models.wire import Message, Wire
from chattool.api.services import Services, ServicesOf
from chattool.identity import Unauthenticated
from db.engine import check_usable
from db.errors import NotFound, RequestError, SchemaMismatch, StoreError
from provisioner import fleet

#: At the root of the site, for probes and scrapers; they need no user's token.
probes = APIRouter(tags=["Health"])
router = APIRouter(tags=["Health"])
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_OF_PROXIES = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)


class BuildInfo(Wire):
    """What answers here."""

    version: str
    external_url: str
    dashboard_url: str
    telemetry: bool = False


@probes.get("/healthz")
async def healthz() -> Message:
    """The process answers."""
    return Message(message="ok")


@probes.get(
    "/readyz", responses={503: {"description": "The database does not answer, or has another schema."}}
)
async def readyz(services: ServicesOf) -> Message:
    """The server can work: its database answers and has its schema, and the server is not about to end."""
    if services.stopping.is_set():
        raise RequestError(503, "The server is shutting down.")
    try:
        await check_usable(services.store)
    except SchemaMismatch as error:
        raise RequestError(503, "The database has another schema version.", detail=error.message) from error
    except StoreError as error:
        raise RequestError(503, "The database does not answer.") from error
    return Message(message="ok")


@probes.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, services: ServicesOf) -> Response:
    """What this server counts, for Prometheus. Needs `pip install "chattool[metrics]"`.

    For scrapers on the server's host, or with `CHATTOOL_METRICS_TOKEN` for those that send that token.
    """
    _check_scraper(request, services)
    if services.metrics is None:
        raise NotFound
    now = await services.store.read(fleet.state, daemon_offline=services.provisioner_settings.daemon_offline)
    return Response(services.metrics.text(now), media_type="text/plain; version=0.0.4; charset=utf-8")


def _check_scraper(request: Request, services: Services) -> None:
    if services.metrics_token:
        if not hmac.compare_digest(token_of(request.headers).encode(), services.metrics_token.encode()):
            raise Unauthenticated
    elif not _is_local(request):
        detail = "Set CHATTOOL_METRICS_TOKEN, and let the scraper send it as its bearer token."
        raise RequestError(403, "Metrics are for scrapers on the server's own host.", detail=detail)


def _is_local(request: Request) -> bool:
    # A proxy on this host speaks for others, and so does a browser that was led here by a foreign name.
    if any(name in request.headers for name in _OF_PROXIES):
        return False
    try:
        named = urlsplit(f"//{request.headers.get('host', '')}").hostname
        return named in _LOCAL_NAMES and ip_address(request.client.host if request.client else "").is_loopback
    except ValueError:
        return False


@router.get("/buildinfo")
async def buildinfo(services: ServicesOf) -> BuildInfo:
    """Version and address of the server; needs no token."""
    return BuildInfo(
        version=version("chattool"), external_url=services.external_url, dashboard_url=services.external_url
    )
