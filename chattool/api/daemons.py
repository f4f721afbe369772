"""What remote daemons call: ``/api/v2/provisionerdaemons/me``, with a daemon key and nothing else.

Both sides are chattool, so these calls are no part of the OpenAPI document; ``provisioner.wire`` is.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError

from chattool.api.body_limit import BodyLimit
from db.errors import ChattoolError, LeaseLost, RequestError, StoreError, Validation
from db.ids import DaemonId, FileId, JobId
from provisioner import wire
from provisioner.jobs import Fence
from provisioner.remote_daemons import Assignment, RemoteDaemon, RemoteDaemons
from quota import QuotaLockTimeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from starlette.types import Receive, Scope, Send

M = TypeVar("M", bound=wire.Message)

log = logging.getLogger(__name__)

_SHOWN_VALIDATIONS = 20


class DaemonRoute(APIRoute):
    """A route with room for states, whose errors daemons understand wherever it is mounted."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await BodyLimit(super().handle, limit_bytes=wire.BODY_LIMIT_BYTES)(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with our errors as answers."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except ChattoolError as error:
                return _refusal(error)

        return answer


def _service(request: Request) -> RemoteDaemons:
    found: RemoteDaemons = request.app.state.remote_daemons
    return found


def _key(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


ServiceOf = Annotated[RemoteDaemons, Depends(_service)]
Key = Annotated[str, Depends(_key)]


async def _caller(
    service: ServiceOf, key: Key, daemon_id: Annotated[UUID | None, Header(alias=wire.DAEMON_HEADER)] = None
) -> RemoteDaemon:
    return await service.daemon(key, None if daemon_id is None else DaemonId(daemon_id))


Caller = Annotated[RemoteDaemon, Depends(_caller)]


async def _read(request: Request, model: type[M]) -> M:
    """The body. Read here, because the framework's way knows no base64."""
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        problems = [
            Validation(field=".".join(map(str, problem["loc"])), detail=problem["msg"])
            for problem in error.errors(include_input=False, include_url=False)[:_SHOWN_VALIDATIONS]
        ]
        raise RequestError(400, "The request is not valid.", validations=problems) from None


async def _fenced(request: Request, job_id: UUID, daemon: RemoteDaemon, model: type[F]) -> tuple[Fence, F]:
    body = await _read(request, model)
    return daemon.fence(JobId(job_id), body.attempt), body


F = TypeVar("F", bound=wire.Fenced)


async def _register(request: Request, service: ServiceOf, key: Key) -> Response:
    holder = await service.holder(key)
    body = await _read(request, wire.Registration)
    if body.api_version != wire.API_VERSION:
        raise RequestError(
            400,
            f"the daemon speaks version {body.api_version} of the protocol, the server {wire.API_VERSION}: "
            "install the same version of chattool on both",
        )
    settings = service.settings
    daemon_id = await service.register(
        holder,
        name=body.name,
        version=body.version,
        provisioners=frozenset(kind.value for kind in body.provisioners),
        daemon_tags=body.tags,
    )
    return _answer(
        wire.Registered(
            daemon_id=daemon_id,
            lease_ms=wire.milliseconds(settings.job_lease),
            heartbeat_ms=wire.milliseconds(settings.heartbeat_interval),
            quota_lock_timeout_ms=wire.milliseconds(settings.quota_lock_timeout),
        )
    )


async def _seen(service: ServiceOf, daemon: Caller) -> Response:
    await service.jobs.seen(daemon.id)
    return _answer(None)


async def _acquire(request: Request, service: ServiceOf, daemon: Caller) -> Response:
    body = await _read(request, wire.AcquireRequest)
    patience = timedelta(milliseconds=body.wait_ms)
    found = await service.acquire(daemon, body.request_id, patience, lambda: _gone(request))
    return _answer(None if found is None else acquired(found))


def acquired(found: Assignment) -> wire.Acquired:
    """The answer with a job. One that cannot be told as it is fails with the reason."""
    waited_ms = wire.milliseconds(found.waited)
    try:
        return wire.Acquired(claim=found.claim, waited_ms=waited_ms, work_error=found.work_error)
    except ValidationError as error:
        job_id, problem = found.claim.fence.job_id, wire.problem(error)
        log.error("a job cannot be told: %s", problem, extra={"action": "acquire", "job_id": job_id})  # noqa: TRY400 - its text may hold secrets
        claim = replace(found.claim, work=None)
        text = f"prepare job: it cannot be told to a daemon ({problem})"
        return wire.Acquired(claim=claim, waited_ms=waited_ms, work_error=text)


async def _withdraw(service: ServiceOf, daemon: Caller, request_id: UUID) -> Response:
    await service.withdraw(daemon, request_id)
    return _answer(None)


async def _archive(service: ServiceOf, daemon: Caller, file_id: UUID) -> Response:
    content = await service.archive(daemon, FileId(file_id))
    return Response(content, media_type="application/x-tar")


async def _heartbeat(request: Request, job_id: UUID, service: ServiceOf, daemon: Caller) -> Response:
    fence, body = await _fenced(request, job_id, daemon, wire.Heartbeat)
    beat = await service.jobs.heartbeat(fence, body.state)
    return _answer(wire.HeartbeatAnswer(canceled=beat.canceled, lease_ms=wire.milliseconds(beat.lease)))


async def _cancel_wait(request: Request, job_id: UUID, service: ServiceOf, daemon: Caller) -> Response:
    fence, body = await _fenced(request, job_id, daemon, wire.CancelWait)
    patience = timedelta(milliseconds=body.wait_ms)
    canceled = await service.canceled(fence, patience, lambda: _gone(request))
    return _answer(wire.CancelAnswer(canceled=canceled))


async def _append_logs(request: Request, job_id: UUID, service: ServiceOf, daemon: Caller) -> Response:
    fence, body = await _fenced(request, job_id, daemon, wire.Logs)
    await service.jobs.append_logs(fence, body.number, body.lines_at(service.jobs.clock.now()))
    return _answer(None)


async def _commit_quota(request: Request, job_id: UUID, service: ServiceOf, daemon: Caller) -> Response:
    fence, body = await _fenced(request, job_id, daemon, wire.Cost)
    commit = await service.commit_quota(fence, body.number, body.daily_cost)
    return _answer(
        wire.CommitAnswer(ok=commit.ok, credits_consumed=commit.credits_consumed, budget=commit.budget)
    )


async def _begin_apply(request: Request, job_id: UUID, service: ServiceOf, daemon: Caller) -> Response:
    fence, body = await _fenced(request, job_id, daemon, wire.Cost)
    await service.begin_apply(fence, body.number, body.daily_cost)
    return _answer(None)


async def _release(request: Request, job_id: UUID, service: ServiceOf, daemon: Caller) -> Response:
    fence, _ = await _fenced(request, job_id, daemon, wire.Fenced)
    return _answer(wire.Released(released=await service.jobs.release(fence)))


async def _finish(request: Request, job_id: UUID, service: ServiceOf, daemon: Caller) -> Response:
    fence, body = await _fenced(request, job_id, daemon, wire.Finish)
    await service.jobs.finish(fence, body.number, body.outcome, body.lines_at(service.jobs.clock.now()))
    return _answer(None)


_CALLS: tuple[tuple[str, str, Callable[..., Awaitable[Response]]], ...] = (
    ("POST", "/register", _register),
    ("POST", "/seen", _seen),
    ("POST", "/acquire", _acquire),
    ("DELETE", "/acquire/{request_id}", _withdraw),
    ("GET", "/files/{file_id}", _archive),
    ("POST", "/jobs/{job_id}/heartbeat", _heartbeat),
    ("POST", "/jobs/{job_id}/cancel-wait", _cancel_wait),
    ("POST", "/jobs/{job_id}/logs", _append_logs),
    ("POST", "/jobs/{job_id}/commit-quota", _commit_quota),
    ("POST", "/jobs/{job_id}/begin-apply", _begin_apply),
    ("POST", "/jobs/{job_id}/release", _release),
    ("POST", "/jobs/{job_id}/finish", _finish),
)


#: The daemons' paths, below the base path of the API. A bound on bodies around the application has to let
#: ``wire.BODY_LIMIT_BYTES`` through below ``wire.BASE``: a state is longer than what users send.
router = APIRouter(prefix=wire.BASE, route_class=DaemonRoute, include_in_schema=False)
for _method, _path, _call in _CALLS:
    router.add_api_route(_path, _call, methods=[_method], response_class=Response, response_model=None)


async def _gone(request: Request) -> None:
    """Ends when the caller has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answer(message: wire.Message | None) -> Response:
    if message is None:
        return Response(status_code=204)
    return Response(message.model_dump_json(), media_type="application/json")


def _refusal(error: ChattoolError) -> Response:
    body: dict[str, object] = {"message": error.message, "code": error.code}
    headers: Mapping[str, str] = {}
    match error:
        case RequestError():
            status = error.status_code
            body["validations"] = [
                {"field": wrong.field, "detail": wrong.detail} for wrong in error.validations
            ]
        case LeaseLost():
            status = 409
        case QuotaLockTimeout():
            status, body["waited_ms"] = 503, wire.milliseconds(error.waited)
        case StoreError() if error.retryable:
            status, body["message"], headers = 503, "The database does not answer now.", {"Retry-After": "1"}
        case StoreError():
            # The daemon's own content; asking again with the same would not help.
            status, body["message"] = 422, "The database refuses this content."
        case _:
            status = 500
    return JSONResponse(body, status_code=status, headers=dict(headers))
