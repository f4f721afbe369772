"""The tool ``get_template_version_files``."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from chattool import arguments as tool_arguments
from chattool.errors import ToolError
from chattool.inspection import Inspection, answer
from chattool.inspection_results import FileItem, TemplateFileResult, TemplateFilesResult
from db.errors import RequestError
from db.ids import TemplateVersionId
from provisioner.archive_contents import archived_content, archived_files
from provisioner.errors import ArchiveInvalid

if TYPE_CHECKING:
    from chattool.backend import Actor
    from chattool.context import ToolContext
    from chattool.inspection_arguments import TemplateFilesArgs
    from chattool.results import Result, ToolResponse

TITLE = "Template files"
DESCRIPTION = (
    "Look at the source of a template version, to find out why it does not build. Without a path it answers "
    "the list of files, with one the text of that file. Needs the right to read template sources. "
    "Changes nothing."
)

_CHARACTERS = 40_000
_LONGEST_CHARACTER_BYTES = 4
_LISTED_FILES = 400
_NOT_FOUND = "template version not found"
_READ = "read template version files"
_FORBIDDEN = (
    "the owner of this chat may use this template, but not read its source; "
    "a template administrator must look at it"
)


async def get_template_version_files(context: ToolContext, arguments: TemplateFilesArgs) -> ToolResponse:
    """The files of a template version, or the text of one."""
    return await answer(_look(Inspection(context, "get_template_version_files"), arguments))


async def _look(call: Inspection, arguments: TemplateFilesArgs) -> Result:
    version_id = TemplateVersionId(
        tool_arguments.required_uuid("template_version_id", arguments.template_version_id)
    )
    actor = await call.owner()
    await _check_version(call, actor, version_id)
    archive = await _archive(call, actor, version_id)
    try:
        # An archive may have thousands of entries.
        if arguments.path:
            return await asyncio.to_thread(_file, archive, arguments.path)
        return await asyncio.to_thread(_files, archive)
    except ArchiveInvalid as error:
        raise ToolError(f"{_READ}: {error}") from error


async def _check_version(call: Inspection, actor: Actor, version_id: TemplateVersionId) -> None:
    """Let no version of elsewhere be probed."""
    version = await call.found(
        _READ, lambda: call.backend.template_version(actor, version_id), missing=_NOT_FOUND
    )
    allowed = call.context.allowed_template_ids
    is_foreign = version.organization_id not in (None, call.context.organization_id)
    if is_foreign or (allowed and version.template_id not in allowed):
        raise ToolError(_NOT_FOUND)


async def _archive(call: Inspection, actor: Actor, version_id: TemplateVersionId) -> bytes:
    try:
        return await call.found(
            _READ, lambda: call.backend.template_archive(actor, version_id), missing=_NOT_FOUND
        )
    except ToolError as error:
        cause = error.__cause__
        if isinstance(cause, RequestError) and cause.status_code == HTTPStatus.FORBIDDEN:
            raise ToolError(_FORBIDDEN) from cause
        raise


def _files(archive: bytes) -> TemplateFilesResult:
    files = archived_files(archive)
    return TemplateFilesResult(
        files=tuple(FileItem(path=file.path, bytes=file.size_bytes) for file in files[:_LISTED_FILES]),
        truncated=True if len(files) > _LISTED_FILES else None,
    )


def _file(archive: bytes, path: str) -> TemplateFileResult:
    limit_bytes = (_CHARACTERS + 1) * _LONGEST_CHARACTER_BYTES
    content = archived_content(archive, path, limit_bytes=limit_bytes)
    if content is None:
        raise ToolError(f"file not found in template version: {tool_arguments.echo(path)}")
    if b"\0" in content:
        raise ToolError(f"not a text file: {tool_arguments.echo(path)}")
    text = content.decode("utf-8", "replace")
    return TemplateFileResult(path=path, content=text[:_CHARACTERS], truncated=len(text) > _CHARACTERS)
