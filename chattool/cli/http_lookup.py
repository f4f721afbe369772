"""Finding on a server what a person names, as ``chattool.cli.lookup`` does in a database."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from chattool.cli.lookup_texts import NO_BUILD, NO_WORKSPACE, id_of, no_template
from chattool.http_backend import shapes
from db.errors import NotFound, RequestError

if TYPE_CHECKING:
    from chattool.http_backend.connection import ApiConnection
    from db.ids import OrganizationId

T = TypeVar("T")

_MISSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_LONGEST_NUMBER = 9


async def template(connection: ApiConnection, organization_id: OrganizationId, text: str) -> shapes.Template:
    """The template of that name or id.

    Raises:
        NotFound: the text says what there is.
    """
    templates = f"/organizations/{organization_id}/templates"
    found = await _optional(connection, shapes.Template, f"{templates}/{part(text)}") if text else None
    template_id = id_of(text)
    if found is None and template_id is not None:
        found = await _optional(connection, shapes.Template, f"/templates/{template_id}")
    if found is None:
        listed = await connection.get(list[shapes.Template], templates)
        raise no_template(text, [each.name for each in listed])
    return found


async def workspace(
    connection: ApiConnection, user: str, text: str, *, deleted: bool = False
) -> shapes.Workspace:
    """The workspace of that name or id, a deleted one by its id only; with ``deleted`` by its name, too.

    Raises:
        NotFound: no such workspace.
    """
    workspace_id = id_of(text)
    owner, separator, name = text.rpartition("/")
    path = f"/workspaces/{workspace_id}"
    if workspace_id is None:
        path = f"/users/{part(owner if separator else user)}/workspace/{part(name)}"
    found = None
    if workspace_id is not None or name:
        wanted = str(deleted or workspace_id is not None).lower()
        found = await _optional(connection, shapes.Workspace, path, include_deleted=wanted)
    if found is None:
        raise NotFound(NO_WORKSPACE.format(text))
    return found


async def build(connection: ApiConnection, user: str, text: str) -> shapes.Build:
    """The build that is meant.

    Raises:
        NotFound: no such build.
    """
    build_id = id_of(text)
    found = None
    if build_id is not None:
        found = await _optional(connection, shapes.Build, f"/workspacebuilds/{build_id}")
    if found is None:
        try:
            found = await _of_workspace(connection, user, text)
        except NotFound:
            found = None
    if found is None:
        raise NotFound(NO_BUILD.format(text))
    return found


async def _of_workspace(connection: ApiConnection, user: str, text: str) -> shapes.Build | None:
    name, separator, number = text.rpartition("#")
    if not separator:
        return (await workspace(connection, user, text, deleted=True)).latest_build
    if not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        return None
    found = await workspace(connection, user, name, deleted=True)
    # Builds are numbered without gaps and listed newest first.
    skipped = found.latest_build.build_number - int(number)
    if skipped < 0:
        return None
    path = f"/workspaces/{found.id}/builds"
    listed = await connection.get(list[shapes.Build], path, limit=1, offset=skipped)
    return next((each for each in listed if each.build_number == int(number)), None)


def part(text: str) -> str:
    """The text as one part of a path."""
    return quote(text, safe="") if text not in {".", ".."} else "%2E"


async def _optional(connection: ApiConnection, shape: type[T], path: str, **query: str) -> T | None:
    try:
        return await connection.get(shape, path, **query)
    except RequestError as error:
        # A name that no path could carry names nothing either.
        if error.status_code not in {*_MISSING, HTTPStatus.BAD_REQUEST}:
            raise
        return None
