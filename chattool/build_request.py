"""Asking a backend for a build, and what its refusals become."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from chattool import results
from chattool.choices import Made, Refused
from chattool.errors import is_transient
from chattool.results import FieldValidation, RequestErrorResult, ToolResponse
from db.errors import ChattoolError, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chattool.backend import Actor, Build, CreateBuild, Workspace, WorkspaceBackend
    from chattool.results import Result
    from db.ids import TemplateId


async def requested_build(
    backend: WorkspaceBackend,
    actor: Actor,
    request: CreateBuild,
    *,
    workspace: Workspace,
    draft: Callable[[Build], Result],
    prefix: str = "",
    names_template: bool = False,
) -> Made | Refused | None:
    """The queued build with its ``draft``; ``None`` when another build of the workspace is active.

    ``prefix`` begins a text error; ``names_template`` tells the template's id beside validations, so that
    the model can look up what the parameters should be.
    """
    try:
        build = await backend.create_build(actor, request)
    except ChattoolError as error:
        if isinstance(error, RequestError) and error.status_code == HTTPStatus.CONFLICT:
            return None
        template_id = workspace.template_id if names_template else None
        return refusal(error, workspace=workspace, prefix=prefix, template_id=template_id)
    return Made(workspace=workspace, build_id=build.id, draft=draft(build))


def refusal(
    error: ChattoolError,
    *,
    workspace: Workspace | None = None,
    prefix: str = "",
    template_id: TemplateId | None = None,
) -> Refused:
    """The answer for a request that the backend refused: structured where the error is."""
    final = not is_transient(error)
    if not isinstance(error, RequestError):
        return Refused(response=ToolResponse.text_error(f"{prefix}{error}"), final=final)
    validations = tuple(FieldValidation(field=each.field, detail=each.detail) for each in error.validations)
    result = RequestErrorResult(
        error=str(error).strip() or "request failed",
        detail=error.detail or None,
        validations=validations or None,
        template_id=template_id if validations else None,
    )
    if workspace is not None:
        result = result.model_copy(update=results.identity(workspace))
    return Refused(response=ToolResponse.of(result), final=final)
