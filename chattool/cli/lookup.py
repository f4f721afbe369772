"""Finding what a person names: by id, or by a name as it is shown.

A workspace is ``NAME``, ``OWNER/NAME`` or an id. A build is an id, a workspace (its latest build) or
``WORKSPACE#NUMBER``. A template is a name or an id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.cli.lookup_texts import NO_BUILD, NO_WORKSPACE, id_of, no_template
from db import builds, ids, templates, workspaces
from db.errors import NotFound

if TYPE_CHECKING:
    from db.ids import OrganizationId
    from db.records import Build, Template, Workspace
    from db.transactions import Connection


def template(conn: Connection, organization_id: OrganizationId, text: str) -> Template:
    """The template of that name or id.

    Raises:
        NotFound: the text says what there is.
    """
    template_id = id_of(text)
    found = templates.by_name(conn, organization_id, text)
    if found is None and template_id is not None:
        try:
            found = templates.template(conn, ids.TemplateId(template_id))
        except NotFound:
            found = None
    if found is None or found.deleted:
        raise no_template(text, [each.name for each in templates.listed(conn, organization_id)])
    return found


def workspace(conn: Connection, user: str, text: str, *, deleted: bool = False) -> Workspace:
    """The workspace of that name or id, a deleted one by its id only.

    With ``deleted`` a name that no workspace bears stands for the last one that bore it.

    Raises:
        NotFound: no such workspace.
    """
    workspace_id = id_of(text)
    owner, separator, name = text.rpartition("/")
    try:
        if workspace_id is not None:
            return workspaces.workspace(conn, ids.WorkspaceId(workspace_id))
        find = workspaces.last_by_name if deleted else workspaces.by_name
        return find(conn, owner if separator else user, name)
    except NotFound:
        raise NotFound(NO_WORKSPACE.format(text)) from None


def build(conn: Connection, user: str, text: str) -> Build:
    """The build that is meant.

    Raises:
        NotFound: no such build.
    """
    build_id = id_of(text)
    if build_id is not None:
        try:
            return builds.build(conn, ids.BuildId(build_id))
        except NotFound:
            pass  # perhaps the id of a workspace
    name, separator, number = text.rpartition("#")
    try:
        if not separator:
            return builds.latest(conn, workspace(conn, user, text, deleted=True).id)
        if number.isdecimal() and len(number) < 10:  # noqa: PLR2004 - what the column can hold
            found = workspace(conn, user, name, deleted=True)
            return builds.by_number(conn, found.id, int(number))
    except NotFound:
        pass
    raise NotFound(NO_BUILD.format(text))
