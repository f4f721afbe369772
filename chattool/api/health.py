"""Whether the server lives, whether it can work, what it is, and what it counts."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from chattool.api.models.wire import Message, Wire
from chattool.api.services import ServicesOf
from db.engine import check_usable
from db.errors import NotFound, RequestError, SchemaMismatch, StoreError
from provisioner import fleet

#: At the root of the site, for probes and scrapers; they need no token.
probes = APIRouter(tags=["Health"])
router = APIRouter(tags=["Health"])


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
async def metrics(services: ServicesOf) -> Response:
    """What this server counts, for Prometheus. Needs `pip install "chattool[metrics]"`."""
    if services.metrics is None:
        raise NotFound
    now = await services.store.read(fleet.state, daemon_offline=services.provisioner_settings.daemon_offline)
    return Response(services.metrics.text(now), media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/buildinfo")
async def buildinfo(services: ServicesOf) -> BuildInfo:
    """Version and address of the server; needs no token."""
    return BuildInfo(
        version=version("chattool"), external_url=services.external_url, dashboard_url=services.external_url
    )
